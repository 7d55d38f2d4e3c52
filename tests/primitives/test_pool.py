"""Pools, window by window."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from einsearch.errors import ShapeError
from einsearch.primitives.base import Signal
from einsearch.primitives.pool import largest_of
from einsearch.specs import image, tokens, vector
from tests.primitives.calling import assert_equal, outcome


@given(
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
)
def test_pools_see_the_pixels_of_their_window_alone(
    height: int, width: int, kernel: int, stride: int
) -> None:
    spec, padding = image(2, height, width), (kernel - 1) // 2
    x = torch.randn(2, *spec.shape)
    if min(height, width) + 2 * padding < kernel:
        with pytest.raises(ShapeError, match="larger than"):
            outcome("avg_pool", kernel, stride, of=x, on=spec)
        return
    average = outcome("avg_pool", kernel, stride, of=x, on=spec)
    largest = outcome("max_pool", kernel, stride, of=x, on=spec)
    rows = range(-padding, height + padding - kernel + 1, stride)
    columns = range(-padding, width + padding - kernel + 1, stride)
    assert average.shape[2:] == largest.shape[2:] == (len(rows), len(columns))
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            seen = x[:, :, max(top, 0) : top + kernel, max(left, 0) : left + kernel]
            assert_equal(average[:, :, i, j], seen.mean((2, 3)))
            assert_equal(largest[:, :, i, j], seen.amax((2, 3)))


def test_global_average_is_over_positions() -> None:
    x, y = torch.randn(2, 3, 4, 5), torch.randn(2, 4, 3)
    assert_equal(outcome("global_avg_pool", of=x, on=image(3, 4, 5)), x.flatten(2).mean(2))
    assert_equal(outcome("global_avg_pool", of=y, on=tokens(4, 3)), y.mean(1))
    with pytest.raises(ShapeError, match="no positions"):
        outcome("global_avg_pool", of=torch.zeros(1, 3), on=vector(3))


@pytest.mark.parametrize("count", [1, 2, 4, 9, 25, 49, 256, 1000])
def test_moments_of_the_largest_are_those_of_samples(count: int) -> None:
    samples = np.random.default_rng(0).normal(1.0, 2.0, (20_000, count)).max(1)
    signal = largest_of(count, Signal(1.0, 4.0))
    assert signal.mean == pytest.approx(samples.mean(), rel=0.03)
    assert signal.variance == pytest.approx(samples.var(), rel=0.05)


@given(length=st.integers(1, 9), kernel=st.integers(1, 5), stride=st.integers(1, 3))
def test_pools_of_tokens_see_their_window_alone(length: int, kernel: int, stride: int) -> None:
    spec, padding = tokens(length, 3), (kernel - 1) // 2
    x = torch.randn(2, *spec.shape)
    if length + 2 * padding < kernel:
        with pytest.raises(ShapeError, match="larger than"):
            outcome("max_pool1d", kernel, stride, of=x, on=spec)
        return
    average = outcome("avg_pool1d", kernel, stride, of=x, on=spec)
    largest = outcome("max_pool1d", kernel, stride, of=x, on=spec)
    places = range(-padding, length + padding - kernel + 1, stride)
    assert average.shape == largest.shape == (2, len(places), 3)
    for i, first in enumerate(places):
        seen = x[:, max(first, 0) : first + kernel]
        assert_equal(average[:, i], seen.mean(1))
        assert_equal(largest[:, i], seen.amax(1))


def test_global_max_is_over_positions() -> None:
    x, y = torch.randn(2, 3, 4, 5), torch.randn(2, 4, 3)
    assert_equal(outcome("global_max_pool", of=x, on=image(3, 4, 5)), x.flatten(2).amax(2))
    assert_equal(outcome("global_max_pool", of=y, on=tokens(4, 3)), y.amax(1))
    with pytest.raises(ShapeError, match="no positions"):
        outcome("global_max_pool", of=torch.zeros(1, 3), on=vector(3))
