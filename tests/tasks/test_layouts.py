"""Tests of the rules that say which axis of an array is what."""

from __future__ import annotations

import numpy as np
import pytest

from einsearch.errors import TaskError
from einsearch.specs import Layout
from einsearch.tasks.layouts import arrange

CASES = [
    # shape of an example, pixels?, layout, channels, spec
    ((7,), False, None, None, "vector:7"),
    ((784,), True, None, None, "vector:784"),
    ((28, 20), True, None, None, "image:1x28x20"),
    ((28, 20), False, None, None, "tokens:28x20"),
    ((28, 20), False, Layout.IMAGE, None, "image:1x28x20"),
    ((28, 20), True, Layout.TOKENS, None, "tokens:28x20"),
    ((40,), False, Layout.TOKENS, None, "tokens:40x1"),
    ((3, 40), False, None, "first", "tokens:40x3"),
    ((3, 40), False, None, None, "tokens:40x3"),
    ((3, 40), False, None, "last", "tokens:3x40"),
    ((1, 40), False, None, "first", "tokens:40x1"),
    ((1, 40), False, None, "last", "tokens:1x40"),
    ((1, 40), False, None, None, "tokens:40x1"),
    ((1, 40), False, Layout.TOKENS, None, "tokens:40x1"),
    ((1, 1), False, None, None, "tokens:1x1"),
    ((3, 32, 30), True, None, None, "image:3x32x30"),
    ((32, 30, 3), False, None, None, "image:3x32x30"),
    ((1, 8, 8), False, None, None, "image:1x8x8"),
    ((8, 8, 16), False, None, "last", "image:16x8x8"),
    ((16, 8, 8), False, None, "first", "image:16x8x8"),
    ((32, 30, 3), False, None, "first", "image:32x30x3"),
]


@pytest.mark.parametrize(("shape", "is_pixels", "layout", "channels", "spec"), CASES)
def test_shapes_are_understood_as_documented(
    shape: tuple[int, ...], is_pixels: bool, layout: Layout, channels: str, spec: str
) -> None:
    arrangement = arrange("train_x", shape, is_pixels, layout, channels)  # type: ignore[arg-type]
    assert str(arrangement.spec) == spec
    moved = arrangement.apply(np.zeros((2, *shape)))
    assert moved.shape == (2, *arrangement.spec.shape)


def test_pixels_keep_their_places() -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3))
    moved = arrange("x", (5, 4, 3), False).apply(x)
    assert moved[1, 2, 4, 0] == x[1, 4, 0, 2]
    series = np.random.default_rng(0).normal(size=(2, 3, 9))
    assert arrange("x", (3, 9), False, None, "first").apply(series)[1, 7, 2] == series[1, 2, 7]


@pytest.mark.parametrize(
    ("shape", "layout", "message"),
    [
        ((2, 3, 4, 5), None, "has 5 axes, expected 2 .vectors., 3"),
        ((), None, "has 1 axes, expected"),
        ((8, 8, 8), None, "channels first or last: say channels: first or channels: last"),
        ((7,), Layout.IMAGE, r"cannot be image: expected \(n, height, width\) or \(n, channels"),
        ((7, 7), Layout.VECTOR, r"cannot be vector: expected \(n, features\)"),
        ((3, 8, 8), Layout.TOKENS, r"cannot be tokens: expected \(n, length\) or"),
        ((0, 8), None, "cannot be tokens: .* no axis empty"),
    ],
)
def test_what_cannot_be_told_is_an_error_with_advice(
    shape: tuple[int, ...], layout: Layout | None, message: str
) -> None:
    with pytest.raises(TaskError, match=f"train_x .*{message}"):
        arrange("train_x (...)", shape, False, layout)
