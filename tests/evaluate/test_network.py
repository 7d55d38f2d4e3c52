"""Tests of networks with a head, and of weights in and out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from einsearch.errors import ShapeError
from einsearch.evaluate.network import build_network, load_weights, weights_of
from einsearch.primitives.program import Program
from einsearch.specs import image
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from tests.support import series


@pytest.fixture
def task() -> Task:
    return make_task("bars")


def net(task: Task, channels: int = 8) -> Program:
    return series(task.input, ("conv2d", channels, 3), ("norm",), ("relu",))


def test_the_head_gives_what_the_task_wants(task: Task) -> None:
    outputs = build_network(net(task), task, seed=0)(torch.from_numpy(task.train.x[:5]))
    assert outputs.shape == (5, *task.output.shape)


def test_the_seed_decides_all_weights(task: Task) -> None:
    one, same, other = (weights_of(build_network(net(task), task, seed)) for seed in (0, 0, 1))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    drawn = [name for name, array in one.items() if array.ndim >= 2]
    assert len(drawn) == 2
    assert not any(np.array_equal(one[name], other[name]) for name in drawn)


def test_weights_travel_from_one_network_to_another(task: Task) -> None:
    one, other = (build_network(net(task), task, seed) for seed in (0, 1))
    x = torch.from_numpy(task.train.x[:9])
    one(x)
    load_weights(other, weights_of(one))
    assert torch.equal(one.eval()(x), other.eval()(x))


def test_weights_are_copies(task: Task) -> None:
    network = build_network(net(task), task, seed=0)
    before = weights_of(network)
    kept = {name: array.copy() for name, array in before.items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 1
    assert all(np.array_equal(kept[name], before[name]) for name in kept)


def test_weights_of_another_network_are_refused(task: Task) -> None:
    weights = weights_of(build_network(net(task, 4), task, seed=0))
    with pytest.raises(ShapeError, match="these weights belong to another network"):
        load_weights(build_network(net(task, 8), task, seed=0), weights)


def test_a_program_for_another_task_is_refused(task: Task) -> None:
    program = series(image(3, 8, 8), ("relu",))
    with pytest.raises(ShapeError, match="it takes image:3x8x8, the task gives image:1x8x8"):
        build_network(program, task, seed=0)


class TestLanguage:
    """What a task of next characters requires of every network."""

    @pytest.fixture
    def task(self, tmp_path: Path) -> Task:
        (tmp_path / "text.txt").write_text("to be or not to be " * 20)
        return make_task({"name": "characters", "path": "text.txt", "length": 6}, tmp_path)

    def test_every_token_is_answered(self, task: Task) -> None:
        program = series(task.input, ("embed", 8), ("attention", 2, True), ("norm",))
        outputs = build_network(program, task, 0)(torch.from_numpy(task.train.x[:5]))
        assert outputs.shape == (5, 6, len(task.vocabulary))

    def test_one_that_sees_the_answers_is_refused(self, task: Task) -> None:
        program = series(task.input, ("embed", 8), ("attention", 2), ("norm",))
        with pytest.raises(ShapeError, match="it is not for the task characters: a token may dep"):
            build_network(program, task, 0)

    def test_one_that_loses_the_tokens_is_refused(self, task: Task) -> None:
        program = series(task.input, ("embed", 8), ("global_avg_pool",))
        with pytest.raises(ShapeError, match=r"global_avg_pool \(call 2 of 2\) mixes them"):
            build_network(program, task, 0)

    def test_one_that_confuses_codes_is_refused(self, task: Task) -> None:
        count = len(task.vocabulary)
        program = series(task.input, ("embed", 8, count - 1), ("relu",))
        reason = f"tells {count - 1} codes apart, and there are {count}: give it a larger count"
        with pytest.raises(ShapeError, match=reason):
            build_network(program, task, 0)
        build_network(series(task.input, ("embed", 8, count), ("relu",)), task, 0)
