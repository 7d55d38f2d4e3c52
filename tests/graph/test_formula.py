"""Formulas of layers: as they are written, and worth the same as the layer."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

import einsearch as es
from einsearch.derivation.replay import architecture
from einsearch.graph.formula import formula
from einsearch.graph.graph import ArchitectureGraph

SPEC = es.image(4, 3, 3)
SAMPLES = 60


def written(text: str) -> str:
    return formula(architecture(text, SPEC).program)


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        ("bn_relu", "g * max((x - mean_batch(x)) / std_batch(x), 0) + b"),
        ("evonorm_s0", "g * (x * sigmoid(v * x) / std_group(x)) + b"),
        ("evonorm_b0", "g * (x / max(std_batch(x), v * x + std_instance(x))) + b"),
        ("evonorm_b1", "g * (x / max(std_batch(x), (x + 1) * rms_instance(x))) + b"),
        ("evonorm_b2", "g * (x / max(std_batch(x), rms_instance(x) - x)) + b"),
    ],
)
def test_the_layers_of_the_paper(seed: str, expected: str) -> None:
    assert written(es.load_grammar("evonorm").seeds[seed].text) == f"y = {expected}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("neg >> square", "y = (-x)^2"),
        ("square >> neg", "y = -x^2"),
        ("square >> square", "y = (x^2)^2"),
        ("{ n1 = in >> neg  out = (in, n1) >> safe_div }", "y = x / (-x)"),
        ("conv2d(4, 3) >> relu", "y = relu(conv2d(4, 3)(x))"),
        ("{ c = constant(-2)  out = (in, c) >> add }", "y = x - 2"),
        ("{ c = constant(-2)  out = (in, c) >> mul }", "y = x * (-2)"),
        ("{ n1 = in >> exp  n2 = in >> tanh  out = (in, n2) >> add }", "y = x + tanh(x)"),
        ("split(2, 0) >> mul", "y = split(2, 0)(x)[0] * split(2, 0)(x)[1]"),
    ],
)
def test_how_it_is_written(text: str, expected: str) -> None:
    assert written(text) == expected


def test_a_long_term_that_is_read_twice_has_a_name() -> None:
    text = "{ n1 = in >> std(batch) >> sigmoid  n2 = n1 >> exp  out = (n1, n2) >> mul }"
    assert written(text) == "t1 = sigmoid(std_batch(x))\ny = t1 * exp(t1)"


def test_trained_values_are_told_apart() -> None:
    text = (
        "{ v = parameter(1)  w = parameter(1)  n1 = (v, in) >> mul  n2 = (w, n1) >> add"
        "  out = n2 >> channel_affine >> channel_affine }"
    )
    assert written(text) == "y = g2 * (g * (v2 + v * x) + b) + b2"


class Number:
    """A tensor that divides as layers do, so that a formula may be read as Python."""

    def __init__(self, value: Any) -> None:
        given = value.value if isinstance(value, Number) else value
        self.value = torch.as_tensor(given, dtype=torch.float64)

    def __add__(self, other: Any) -> Number:
        return Number(self.value + Number(other).value)

    def __sub__(self, other: Any) -> Number:
        return Number(self.value - Number(other).value)

    def __mul__(self, other: Any) -> Number:
        return Number(self.value * Number(other).value)

    def __truediv__(self, other: Any) -> Number:
        bottom = Number(other).value
        sign = torch.where(bottom < 0, -1.0, 1.0)
        return Number(self.value / (sign * bottom.abs().clamp_min(1e-5)))

    def __neg__(self) -> Number:
        return Number(-self.value)

    def __pow__(self, exponent: int) -> Number:
        return Number(self.value**exponent)


def functions(x: torch.Tensor) -> dict[str, Any]:
    def on(function: Any) -> Any:
        return lambda a: Number(function(a.value.expand_as(x)))

    def larger(first: Number, *others: Number) -> Number:
        for other in others:
            first = Number(torch.maximum(*torch.broadcast_tensors(first.value, other.value)))
        return first

    plain = {name: getattr(torch, name) for name in ("sigmoid", "tanh", "exp", "abs")}
    plain["signed_sqrt"] = lambda a: a.sign() * a.abs().sqrt()
    plain["signed_log"] = lambda a: a.sign() * a.abs().clamp_min(1e-5).log()
    axes = {"batch": (0, 2, 3), "instance": (2, 3), "layer": (1, 2, 3), "group": (2, 3)}
    for over, dims in axes.items():
        plain[f"mean_{over}"] = lambda a, d=dims: a.mean(d, keepdim=True)
        plain[f"std_{over}"] = lambda a, d=dims: (
            a.var(d, correction=0, keepdim=True) + 1e-5
        ).sqrt()
        plain[f"rms_{over}"] = lambda a, d=dims: (a.square().mean(d, keepdim=True) + 1e-5).sqrt()
    return {**{name: on(function) for name, function in plain.items()}, "max": larger}


@pytest.mark.parametrize("seed", range(SAMPLES))
def test_it_is_worth_what_the_layer_gives(seed: int) -> None:
    """With v = 1, scale 1 and offset 0, as they are at first; read as Python, moments included."""
    layer = es.load_grammar("evonorm").sample(SPEC, seed=seed)
    x = torch.randn(5, *SPEC.shape, dtype=torch.float64)
    module: Any = ArchitectureGraph(layer.program).module(0).double().train()
    one, zero = Number(torch.ones_like(x)), Number(torch.zeros_like(x))
    scope = {**functions(x), "x": Number(x), "g": one, "b": zero, "v": one}
    for line in formula(layer.program).splitlines():
        name, term = line.split(" = ", 1)
        literals = term.replace("^2", "**2")
        scope[name] = eval(_numbers(literals), {"N": Number}, scope)
    torch.testing.assert_close(scope["y"].value, module(x), rtol=1e-6, atol=1e-6)


def _numbers(term: str) -> str:
    """Whole numbers that stand for tensors, wrapped; exponents stay."""
    return re.sub(r"(?<![\w*.])(\d+)(?!\w)", r"N(\1.0)", term)
