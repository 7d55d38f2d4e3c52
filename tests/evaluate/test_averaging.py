"""The moving average of weights."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from einsearch.evaluate.averaging import Average
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.network import load_weights
from einsearch.evaluate.scoring import split_metrics
from einsearch.evaluate.training import train
from einsearch.tasks.registry import make_task
from tests.evaluate.test_training import conv_net


class Numbers(nn.Module):
    """A weight, moments, a mask with an infinity, and a count."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)
        self.moment: torch.Tensor
        self.count: torch.Tensor
        self.register_buffer("moment", torch.zeros(3))
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
        self.register_buffer("count", torch.tensor(0))

    def step(self, value: float) -> None:
        with torch.no_grad():
            self.weight.fill_(value)
            self.moment.fill_(2 * value)
            self.count.add_(1)


@given(values=st.lists(st.floats(-10, 10), min_size=1, max_size=20), window=st.floats(0, 30))
def test_it_is_the_weighted_mean_of_all_steps(values: list[float], window: float) -> None:
    network = Numbers()
    average = Average(network, window)
    for value in values:
        network.step(value)
        average.update()
    decay = 1 - 1 / max(1.0, window)
    shares = [decay ** (len(values) - 1 - n) for n in range(len(values))]
    expected = sum(s * v for s, v in zip(shares, values, strict=True)) / sum(shares)
    with average.in_place():
        assert network.weight[0].item() == pytest.approx(expected, abs=1e-4)
        assert network.moment[0].item() == pytest.approx(2 * expected, abs=1e-4)
        assert network.count.item() == len(values)
        assert torch.equal(network.get_buffer("mask"), torch.tensor([0.0, -torch.inf]))
    assert network.weight[0].item() == pytest.approx(values[-1])


def test_steps_go_on_from_the_networks_own_weights() -> None:
    network = Numbers()
    average = Average(network, 4)
    parameter = network.weight
    for value in (1.0, 2.0):
        network.step(value)
        average.update()
        with average.in_place(), pytest.raises(KeyError):
            raise KeyError
    assert network.weight is parameter
    assert network.weight.tolist() == [2.0, 2.0]
    assert average.state()["weight"][0] == pytest.approx((1 * 0.75 + 2) / 1.75)


def test_what_is_restarted_forgets() -> None:
    network = Numbers()
    average = Average(network, 10)
    network.step(5.0)
    average.update()
    network.step(1.0)
    average.restart()
    assert average.state()["weight"].tolist() == [1.0, 1.0]
    network.step(3.0)
    average.update()
    assert average.state()["weight"].tolist() == [3.0, 3.0]


def test_scores_and_weights_are_those_of_the_average() -> None:
    task = make_task({"name": "bars", "train": 128})
    network = conv_net()
    config = TrainingConfig(epochs=3, lr=0.01, batch=32, average=0.3)
    evaluation = train(network, task, config, 0)
    fresh = conv_net()
    load_weights(fresh, evaluation.weights)
    for one in (fresh, network):
        scores = split_metrics(one, task, task.valid, config)
        assert scores == {name: evaluation.metrics[name] for name in scores}
    plain = train(conv_net(), task, config.model_copy(update={"average": 0.0}), 0)
    assert plain.metrics["cross_entropy"] != evaluation.metrics["cross_entropy"]
    # The average takes no part in the steps.
    losses = [[e["train_loss"] for e in each.history] for each in (plain, evaluation)]
    assert losses[0] == losses[1]


def test_a_window_of_one_step_is_no_average() -> None:
    task = make_task({"name": "bars", "train": 64})
    config = TrainingConfig(epochs=2, steps=20, batch=32, average=1 / 20)
    one, none = (
        train(conv_net(), task, c, 0) for c in (config, config.model_copy(update={"average": 0.0}))
    )
    assert one.history == none.history


def test_it_smooths_what_jumps_about() -> None:
    """At a constant rate that is far too high the scores jump, those of the average less."""
    task = make_task({"name": "bars", "train": 256})
    base = {"epochs": 10, "lr": 0.1, "batch": 16, "schedule": "constant"}
    runs = [
        train(conv_net(), task, TrainingConfig(**base, average=a), 0)  # type: ignore[arg-type]
        for a in (0.0, 0.1)
    ]
    jumps = []
    for each in runs:
        losses = [epoch["cross_entropy"] for epoch in each.history[3:]]
        jumps.append(sum(abs(a - b) for a, b in itertools.pairwise(losses)))
    assert jumps[1] < 0.5 * jumps[0]
