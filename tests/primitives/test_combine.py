"""Joins, against numpy."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from einsearch.errors import ShapeError
from einsearch.primitives.base import Signal, get_primitive, infer
from einsearch.specs import Bundle, image, tokens, vector
from tests.primitives.calling import outcome


@pytest.mark.parametrize(
    ("name", "join"), [("add", np.add), ("mul", np.multiply), ("maximum", np.maximum)]
)
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_elementwise_joins(name: str, join: Callable[..., Any], count: int) -> None:
    tensors = tuple(torch.randn(2, 4, 3) for _ in range(count))
    made = outcome(name, of=tensors, on=(tokens(4, 3),) * count)
    expected = functools.reduce(join, (tensor.numpy() for tensor in tensors))
    np.testing.assert_allclose(made.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1])
def test_concat_is_along_its_axis(axis: int) -> None:
    shapes = [(4, 3), (4, 3), (4, 3)]
    shapes[1] = (6, 3) if axis == 0 else (4, 5)
    tensors = tuple(torch.randn(2, *shape) for shape in shapes)
    made = outcome("concat", axis, of=tensors, on=tuple(tokens(*shape) for shape in shapes))
    expected = np.concatenate([tensor.numpy() for tensor in tensors], axis=axis + 1)
    np.testing.assert_array_equal(made.numpy(), expected)


@pytest.mark.parametrize("scaled", [False, True])
def test_matmul_contracts_the_last_axis_with_the_one_before_it(scaled: bool) -> None:
    x, y = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 5, 6)
    made = outcome("matmul", scaled, of=(x, y), on=(image(3, 4, 5), image(3, 5, 6)))
    expected = np.matmul(x.numpy(), y.numpy()) / (math.sqrt(5) if scaled else 1)
    np.testing.assert_allclose(made.numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "args", "specs", "reason"),
    [
        ("add", (), (tokens(4, 3), tokens(3, 4)), "must have one shape"),
        ("add", (), (image(1, 4, 3), tokens(4, 3)), "must have one shape"),
        ("concat", (0,), (tokens(4, 3), tokens(4, 5)), "agree in every axis but 0"),
        ("concat", (0,), (vector(4), tokens(4, 5)), "agree in every axis but 0"),
        ("matmul", (), (vector(4), vector(4)), "two tokens or two images"),
        ("matmul", (), (tokens(4, 3), tokens(4, 3)), "must be equal"),
        ("matmul", (), (image(2, 4, 4), image(3, 4, 4)), "same channels"),
        ("matmul", (), (tokens(4, 4),), "takes 2 tensors, 1 arrive"),
    ],
)
def test_what_does_not_fit_is_rejected(
    name: str, args: tuple[int, ...], specs: Bundle, reason: str
) -> None:
    primitive = get_primitive(name)
    with pytest.raises(ShapeError, match=reason):
        infer(primitive, primitive.bind(*args), specs)


def test_grid_stays_where_all_have_the_same() -> None:
    here, there, none = tokens(6, 4, (2, 3)), tokens(6, 4, (3, 2)), tokens(6, 4)

    def grid(name: str, *specs: Any, args: tuple[int, ...] = ()) -> object:
        primitive = get_primitive(name)
        return infer(primitive, primitive.bind(*args), specs)[0].grid

    assert grid("add", here, here) == grid("concat", here, here, args=(1,)) == (2, 3)
    assert grid("add", here, there) is grid("add", here, none) is None
    assert grid("concat", here, there, args=(1,)) is grid("concat", here, here, args=(0,)) is None


def test_moments_of_the_larger_of_two() -> None:
    rng = np.random.default_rng(0)
    samples = np.maximum(rng.normal(1, 2, 100_000), rng.normal(0, 1, 100_000))
    maximum = get_primitive("maximum")
    specs = (vector(1), vector(1))
    (signal,) = maximum.signal(specs, maximum.bind(), (Signal(1, 4), Signal(0, 1)))
    assert signal.mean == pytest.approx(samples.mean(), rel=0.02)
    assert signal.variance == pytest.approx(samples.var(), rel=0.03)
