"""Moments against numpy, and the layers of EvoNorm composed of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from einsearch.compile.module import Backbone, build_module
from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.base import get_primitive, infer
from einsearch.primitives.program import INPUT
from einsearch.specs import TensorSpec, image, tokens, vector
from tests.primitives.calling import assert_equal, call
from tests.support import program

SPECS = (image(6, 4, 5), image(64, 2, 3), tokens(7, 6), vector(70))
ROOTS: dict[str, Callable[[Tensor, tuple[int, ...]], Tensor]] = {
    "mean": lambda x, axes: x.mean(axes, keepdim=True),
    "std": lambda x, axes: (x.var(axes, correction=0, keepdim=True) + 1e-5).sqrt(),
    "root_mean_square": lambda x, axes: (x.square().mean(axes, keepdim=True) + 1e-5).sqrt(),
}


def grouped(x: Tensor, spec: TensorSpec) -> Tensor:
    """(batch, groups, features of one, positions), in groups of the language's sizes."""
    first = x.movedim(-1, 1) if spec.layout == "tokens" else x
    groups = {6: 6, 64: 32, 70: 14}[spec.features]
    return first.reshape(len(x), groups, spec.features // groups, -1)


@pytest.mark.parametrize("name", ROOTS)
@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("over", ["batch", "instance", "layer", "group"])
def test_moments_are_over_their_axes(name: str, spec: TensorSpec, over: str) -> None:
    if over == "instance" and spec.layout == "vector":
        return
    x = 2 + 3 * torch.randn(5, *spec.shape)
    parts = grouped(x, spec)
    ungrouped = parts.flatten(1, 2)[:, None]
    axes = {"batch": (0, 3), "instance": (3,), "layer": (2, 3), "group": (2, 3)}[over]
    chosen = parts if over == "group" else ungrouped
    expected = ROOTS[name](chosen, axes).expand_as(chosen).reshape(ungrouped.shape)
    made = call(name, Symbol(over), on=spec)(x)[0]
    first = made.movedim(-1, 1) if spec.layout == "tokens" else made
    assert_equal(first.reshape(ungrouped.shape), expected)


def test_running_variance_is_that_of_batch_norm() -> None:
    network = call("std", Symbol("batch"), on=image(3, 4, 4))
    mean, variance = torch.zeros(3), torch.ones(3)
    for seed in range(4):
        x = torch.randn(8, 3, 4, 4, generator=torch.manual_seed(seed)) * (1 + seed)
        network(x)
        F.batch_norm(x, mean, variance, training=True)
    made = network.eval()(x)[0]
    assert_equal(made, (variance + 1e-5).sqrt().view(1, 3, 1, 1).expand_as(made))


@pytest.mark.parametrize(("name", "start"), [("mean", 0.0), ("root_mean_square", 1.0)])
def test_running_averages_start_like_those_of_batch_norm(name: str, start: float) -> None:
    network = call(name, Symbol("batch"), on=vector(2))
    x = torch.tensor([[1.0, 4.0], [3.0, 4.0]])
    network(x)
    kept = 0.9 * start + 0.1 * (x if name == "mean" else x.square()).mean(0)
    expected = kept if name == "mean" else (kept + 1e-5).sqrt()
    assert_equal(network.eval()(x)[0], expected.expand(2, 2))


@pytest.mark.parametrize("name", ROOTS)
def test_statistics_of_16_bits_are_kept_in_32(name: str) -> None:
    """Outcomes of both modes have the type of the input; what is kept is that of the same numbers
    in float32."""
    x = (3 + torch.randn(64, 3, 4, 4)).bfloat16()
    short, long = (call(name, Symbol("batch"), on=image(3, 4, 4)) for _ in range(2))
    made, exact = short(x)[0], long(x.float())[0]
    assert made.dtype == torch.bfloat16
    assert torch.equal(made, exact.bfloat16())
    assert short.eval()(x)[0].dtype == torch.bfloat16
    (kept,), (expected,) = short.buffers(), long.buffers()
    assert kept.dtype == torch.float32
    assert torch.equal(kept, expected)


def test_large_means_cost_no_precision() -> None:
    x = 1e4 + torch.randn(4, 3, 8, 8)
    made = call("std", Symbol("layer"), on=image(3, 8, 8))(x)[0]
    expected = x.double().numpy().std((1, 2, 3))
    np.testing.assert_allclose(made[:, 0, 0, 0].numpy(), expected, rtol=1e-3)


@pytest.mark.parametrize(
    ("over", "spec"),
    [("instance", vector(8)), ("instance", image(8, 1, 1)), ("group", vector(8))],
)
def test_one_element_has_no_moments(over: str, spec: TensorSpec) -> None:
    std = get_primitive("std")
    with pytest.raises(ShapeError, match=f"over {over} there is only one element"):
        infer(std, std.bind(Symbol(over)), (spec,))


class TestEvoNorm:
    """Liu et al., NeurIPS 2020, table 1 and equation 4; the learned v starts from 1."""

    spec = image(64, 5, 4)

    def affine(self, network: Backbone, x: Tensor) -> Tensor:
        scale, offset = torch.randn(64), torch.randn(64)
        state = {"channel_affine_1.weight": scale, "channel_affine_1.bias": offset}
        network.load_state_dict(state | {"parameter_1.value": self.v}, strict=False)
        made: Tensor = network(x)
        return (made - offset.view(-1, 1, 1)) / scale.view(-1, 1, 1)

    v = torch.linspace(-1, 2, 64)

    def test_s0(self) -> None:
        lines = [
            ("parameter", (1,), (INPUT,)),
            ("mul", (), (0, INPUT)),
            ("sigmoid", (), (1,)),
            ("mul", (), (INPUT, 2)),
            ("std", (Symbol("group"),), (INPUT,)),
            ("safe_div", (), (3, 4)),
            ("channel_affine", (), (5,)),
        ]
        x = torch.randn(3, *self.spec.shape)
        made = self.affine(build_module(program(self.spec, lines), 0), x)
        group = x.view(3, 32, 2, 5, 4).var((2, 3, 4), correction=0, keepdim=True)
        spread = (group + 1e-5).sqrt().expand(3, 32, 2, 5, 4).reshape(x.shape)
        expected = x * torch.sigmoid(self.v.view(-1, 1, 1) * x) / spread
        torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)

    def test_b0(self) -> None:
        lines = [
            ("parameter", (1,), (INPUT,)),
            ("mul", (), (0, INPUT)),
            ("std", (Symbol("instance"),), (INPUT,)),
            ("add", (), (1, 2)),
            ("std", (Symbol("batch"),), (INPUT,)),
            ("maximum", (), (4, 3)),
            ("safe_div", (), (INPUT, 5)),
            ("channel_affine", (), (6,)),
        ]
        network = build_module(program(self.spec, lines), 0)
        x = torch.randn(3, *self.spec.shape)
        instance = (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        batch = (x.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        bottom = torch.maximum(batch, self.v.view(-1, 1, 1) * x + instance)
        torch.testing.assert_close(self.affine(network, x), x / bottom, rtol=1e-4, atol=1e-4)

    def test_batch_norm_and_relu_are_a_composition_too(self) -> None:
        lines = [
            ("mean", (Symbol("batch"),), (INPUT,)),
            ("neg", (), (0,)),
            ("add", (), (INPUT, 1)),
            ("std", (Symbol("batch"),), (INPUT,)),
            ("safe_div", (), (2, 3)),
            ("constant", (0,), (INPUT,)),
            ("maximum", (), (4, 5)),
        ]
        network = build_module(program(self.spec, lines), 0)
        mean, variance = torch.zeros(64), torch.ones(64)
        for _ in range(2):
            x = 1 + 2 * torch.randn(3, *self.spec.shape)
            expected = F.relu(F.batch_norm(x, mean, variance, training=True))
            torch.testing.assert_close(network(x), expected, rtol=1e-4, atol=1e-5)
        expected = F.relu(F.batch_norm(x, mean, variance, training=False))
        torch.testing.assert_close(network.eval()(x), expected, rtol=1e-4, atol=1e-5)
