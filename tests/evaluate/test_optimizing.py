"""Tests of parameter groups, optimisers and learning rates."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.optimizing import make_optimizer, parameter_groups, rate_at
from einsearch.primitives.kernels.sources import PositionalEncoding
from einsearch.specs import TensorSpec, tokens
from tests.primitives.calling import call


class Offsets(nn.Module):
    no_weight_decay = True

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(4, 3))


def all_kinds() -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "conv": nn.Conv2d(3, 4, 3),
            "linear": nn.Linear(5, 2, bias=False),
            "batch": nn.BatchNorm2d(4),
            "layer": nn.LayerNorm((3, 4, 5)),
            "group": nn.GroupNorm(2, 4),
            "encoding": PositionalEncoding(16, 8),
            "offsets": Offsets(),
        }
    )


def test_only_matrices_and_kernels_decay() -> None:
    network = all_kinds()
    decayed, spared = parameter_groups(network, 0.1)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    assert {names[id(p)] for p in decayed["params"]} == {"conv.weight", "linear.weight"}
    assert len(decayed["params"]) + len(spared["params"]) == len(list(network.parameters()))


@pytest.mark.parametrize(
    ("name", "args", "specs", "decayed"),
    [
        # Maps that make steps, B and C are matrices like any other.
        ("selective_scan", (4,), (tokens(9, 8),), {"select.0.weight", "step.0.weight"}),
        ("ssd", (4,), (tokens(9, 16), tokens(9, 2)), set()),
        ("s4d", (4,), (tokens(9, 8),), set()),
        ("embed", (4, 7), (tokens(9, 1),), set()),
    ],
)
def test_rates_steps_and_tables_do_not_decay(
    name: str, args: tuple[int, ...], specs: tuple[TensorSpec, ...], decayed: set[str]
) -> None:
    module = call(name, *args, on=specs).inner
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    groups = {group["weight_decay"]: group["params"] for group in parameter_groups(module, 0.1)}
    assert {names[id(parameter)] for parameter in groups.get(0.1, ())} == decayed
    assert groups[0.0]


def test_shared_and_frozen_parameters() -> None:
    shared, other = nn.Linear(3, 3), nn.Linear(3, 3, bias=False)
    other.weight = shared.weight
    frozen = nn.Linear(3, 3).requires_grad_(False)
    groups = parameter_groups(nn.ModuleList([shared, other, frozen]), 0.1)
    assert [len(group["params"]) for group in groups] == [1, 1]


def test_an_optimiser_decays_without_a_gradient_signal() -> None:
    network = nn.ModuleDict({"linear": nn.Linear(2, 2), "norm": nn.LayerNorm((2, 2))})
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    make_optimizer(network, TrainingConfig(lr=0.1, weight_decay=0.5)).step()
    after = dict(network.named_parameters())
    assert torch.allclose(after["linear.weight"], before["linear.weight"] * 0.95)
    assert torch.equal(after["linear.bias"], before["linear.bias"])
    assert torch.equal(after["norm.weight"], before["norm.weight"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"optimizer": "adamw"}, torch.optim.AdamW),
        ({"optimizer": "sgd"}, torch.optim.SGD),
        ({"optimizer": "sgd", "momentum": 0.0}, torch.optim.SGD),
    ],
)
def test_optimisers_by_name(options: dict[str, object], expected: type) -> None:
    optimizer = make_optimizer(nn.Linear(2, 2), TrainingConfig(lr=0.1, **options))  # type: ignore[arg-type]
    assert type(optimizer) is expected
    assert {group["lr"] for group in optimizer.param_groups} == {0.1}


@given(
    steps=st.integers(1, 500),
    warmup=st.floats(0, 1),
    schedule=st.sampled_from(["cosine", "constant"]),
)
def test_the_rate_rises_then_never_rises_again(steps: int, warmup: float, schedule: str) -> None:
    config = TrainingConfig(lr=0.2, warmup=warmup, schedule=schedule)  # type: ignore[arg-type]
    rates = [rate_at(config, step, steps) for step in range(steps)]
    assert all(0 < rate <= 0.2 for rate in rates)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert abs(peak - warmup * steps) <= 1


def test_the_cosine_is_the_one_of_torch() -> None:
    config = TrainingConfig(lr=0.3, warmup=0)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
    for step in range(50):
        assert rate_at(config, step, 50) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
