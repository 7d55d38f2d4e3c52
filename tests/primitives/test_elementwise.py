"""Scalar functions, against numpy; their moments, against samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import erf

from einsearch.primitives.base import Signal, all_primitives, get_primitive
from einsearch.primitives.elementwise import Elementwise
from einsearch.specs import vector
from tests.primitives.calling import outcome

ORACLES: dict[str, Callable[[Any], Any]] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "square": np.square,
    "signed_sqrt": lambda x: np.sign(x) * np.sqrt(np.abs(x)),
    "signed_log": lambda x: np.sign(x) * np.log(np.abs(x)),
}
SCALAR = [name for name, p in all_primitives().items() if isinstance(p, Elementwise)]


def test_every_scalar_function_has_an_oracle() -> None:
    assert set(SCALAR) == set(ORACLES)


@pytest.mark.parametrize("name", ORACLES)
def test_layer_and_rule_are_the_function(name: str) -> None:
    x = np.array([-4.0, -1.5, -0.2, 0.3, 1.0, 3.0])
    expected = ORACLES[name](x)
    made = outcome(name, of=torch.tensor(x)[None], on=vector(6))[0]
    np.testing.assert_allclose(made.numpy(), expected, rtol=1e-10, atol=1e-12)
    primitive = get_primitive(name)
    assert isinstance(primitive, Elementwise)
    assert [primitive.function(float(v)) for v in x] == pytest.approx(expected)


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("incoming", [Signal(0.0, 1.0), Signal(1.0, 0.25), Signal(-0.5, 2.0)])
def test_moments_are_those_of_samples(name: str, incoming: Signal) -> None:
    x = np.random.default_rng(0).normal(incoming.mean, incoming.variance**0.5, 400_000)
    samples = ORACLES[name](x)
    primitive = get_primitive(name)
    (signal,) = primitive.signal((vector(1),), primitive.bind(), (incoming,))
    within = 0.5 if name == "signed_log" else 0.05
    assert signal.mean == pytest.approx(samples.mean(), abs=within * samples.std())
    assert signal.variance == pytest.approx(samples.var(), rel=within)


@pytest.mark.parametrize("name", ["signed_sqrt", "signed_log"])
def test_value_and_slope_are_finite_at_zero(name: str) -> None:
    x = torch.tensor([[0.0, -0.0, 1e-30, -1e-30, 1e-8]], requires_grad=True)
    made = outcome(name, of=x, on=vector(5))
    made.sum().backward()
    assert x.grad is not None
    assert torch.isfinite(made).all()
    assert torch.isfinite(x.grad).all()
    assert made[0, 0] == 0


def test_division_keeps_the_sign_of_a_small_divisor() -> None:
    top = torch.tensor([[1.0, 1.0, 1.0, 6.0, -6.0]])
    bottom = torch.tensor([[0.0, 1e-9, -1e-9, 2.0, 4.0]])
    made = outcome("safe_div", of=(top, bottom), on=(vector(5), vector(5)))
    torch.testing.assert_close(made, torch.tensor([[1e5, 1e5, -1e5, 3.0, -1.5]]))


def test_division_of_constants_has_no_spread() -> None:
    divide = get_primitive("safe_div")
    specs = (vector(1), vector(1))
    (signal,) = divide.signal(specs, divide.bind(), (Signal(3.0, 0.0), Signal(-2.0, 0.0)))
    assert (signal.mean, signal.variance) == (-1.5, 0.0)
    assert signal.low == signal.high == -1.5


def test_division_by_what_may_be_zero_spreads_widely() -> None:
    divide = get_primitive("safe_div")
    spec = vector(4096)
    rng = np.random.default_rng(0)
    around_zero, far_from_it = Signal(0.0, 1.0), Signal(4.0, 0.25)
    for divisor in (around_zero, far_from_it):
        bottom = rng.normal(divisor.mean, divisor.variance**0.5, (400, 4096))
        typical = np.median((1 / bottom).var(1))
        args = divide.bind(), (Signal(1.0, 0.0), divisor)
        (signal,) = divide.signal((spec, spec), *args)
        assert typical / 3 < signal.variance < typical * 3
