"""The layers of EvoNorm (Liu et al., 2020, table 3 and section 2), as seeds of the grammar
`evonorm`, equal the formulas; in evaluation moments over the batch are the running ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import einsearch as es
from einsearch.derivation.replay import architecture
from einsearch.evaluate.candidate import Job, evaluate_candidate
from einsearch.evaluate.config import TrainingConfig
from einsearch.graph.graph import ArchitectureGraph
from einsearch.tasks.registry import make_task

Formula = Callable[[torch.Tensor], torch.Tensor]
EPS = 1e-5
SPEC = es.image(64, 5, 7)


def variance(x: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    return x.var(axes, unbiased=False, keepdim=True)


def batch_std(x: torch.Tensor) -> torch.Tensor:
    return (variance(x, (0, 2, 3)) + EPS).sqrt()


def instance_std(x: torch.Tensor) -> torch.Tensor:
    return (variance(x, (2, 3)) + EPS).sqrt()


def instance_rms(x: torch.Tensor) -> torch.Tensor:
    return (x.square().mean((2, 3), keepdim=True) + EPS).sqrt()


def grouped(x: torch.Tensor, square: Formula) -> torch.Tensor:
    """A moment over each of 32 groups of channels, as wide as x."""
    count, channels, *rest = x.shape
    groups = x.reshape(count, 32, channels // 32, *rest)
    moment = square(groups).mean((2, 3, 4), keepdim=True)
    return (moment + EPS).sqrt().expand_as(groups).reshape(x.shape)


def group_std(x: torch.Tensor) -> torch.Tensor:
    return grouped(x, lambda g: (g - g.mean((2, 3, 4), keepdim=True)).square())


def group_rms(x: torch.Tensor) -> torch.Tensor:
    return grouped(x, torch.square)


FORMULAS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "evonorm_b0": lambda x, v: x / torch.maximum(batch_std(x), v * x + instance_std(x)),
    "evonorm_b1": lambda x, v: x / torch.maximum(batch_std(x), (x + 1) * instance_rms(x)),
    "evonorm_b2": lambda x, v: x / torch.maximum(batch_std(x), instance_rms(x) - x),
    "evonorm_s0": lambda x, v: x * torch.sigmoid(v * x) / group_std(x),
    "evonorm_s1": lambda x, v: x * torch.sigmoid(x) / group_std(x),
    "evonorm_s2": lambda x, v: x * torch.sigmoid(x) / group_rms(x),
    "bn_relu": lambda x, v: torch.relu((x - x.mean((0, 2, 3), keepdim=True)) / batch_std(x)),
}
"""Of x and the learned v (C, 1, 1), before the scale and the offset of every channel."""

LEARNED = {"evonorm_b0", "evonorm_s0"}
"""Those with a v."""


def layer(name: str) -> torch.nn.Module:
    text = es.load_grammar("evonorm").seeds[name].text
    module: torch.nn.Module = ArchitectureGraph(architecture(text, SPEC).program).module(0)
    return module.double()


def examples(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(6, *SPEC.shape, generator=generator, dtype=torch.float64) - 0.5


@pytest.mark.parametrize("name", FORMULAS)
def test_a_seed_is_its_formula(name: str) -> None:
    x, one = examples(1), torch.ones(64, 1, 1, dtype=torch.float64)
    expected = FORMULAS[name](x, one)
    torch.testing.assert_close(layer(name).train()(x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_seed_is_its_formula_with_other_weights(name: str) -> None:
    """v, scale and offset differ from channel to channel, as after training."""
    module, x = layer(name).train(), examples(1)
    learned = {key: torch.randn_like(value) for key, value in module.named_parameters()}
    module.load_state_dict(learned, strict=False)
    assert len(learned) == (3 if name in LEARNED else 2)
    v = learned.get("parameter_1.value", torch.ones(64)).view(-1, 1, 1)
    scale, offset = (learned[f"channel_affine_1.{key}"] for key in ("weight", "bias"))
    expected = FORMULAS[name](x, v) * scale.view(-1, 1, 1) + offset.view(-1, 1, 1)
    torch.testing.assert_close(module(x), expected, rtol=1e-9, atol=1e-9)


def test_all_seeds_are_here() -> None:
    assert set(es.load_grammar("evonorm").seeds) == set(FORMULAS)


def test_batch_norm_and_relu_are_those_of_torch_in_evaluation_too() -> None:
    ours, theirs = layer("bn_relu"), torch.nn.BatchNorm2d(64, affine=False).double()
    for seed in range(40):
        x = examples(seed)
        torch.testing.assert_close(ours.train()(x), theirs.train()(x).relu())
    x = examples(99)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x).relu(), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", [name for name in FORMULAS if name.startswith("evonorm_b")])
def test_in_evaluation_one_example_does_not_see_the_others(name: str) -> None:
    module = layer(name)
    for seed in range(30):
        module.train()(examples(seed))
    x = examples(7)
    whole, alone = module.eval()(x), module.eval()(x[:1])
    torch.testing.assert_close(whole[:1], alone)
    one = torch.ones(64, 1, 1, dtype=torch.float64)
    assert not torch.allclose(whole, FORMULAS[name](x, one), rtol=1e-6)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_seed_trains_in_bfloat16(name: str) -> None:
    """As `precision: auto` has it on a GPU: behind a convolution, which autocast makes shorter."""
    layer = es.load_grammar("evonorm").seeds[name].text
    training = TrainingConfig(epochs=1, precision="bfloat16", device="cpu")
    task = make_task({"name": "bars", "train": 64}, Path())
    outcome = evaluate_candidate(Job(f"conv2d(16, 3) >> ({layer})", training), task)
    assert (outcome.reason, outcome.epochs) == ("", 1)
