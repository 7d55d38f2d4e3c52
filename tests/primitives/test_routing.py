"""Routing moves elements to where numpy and `F.unfold` move them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.base import get_primitive, infer
from einsearch.specs import image, tokens, vector
from tests.primitives.calling import assert_equal, outcome


@pytest.mark.parametrize("order", ["abc", "acb", "bac", "bca", "cab", "cba"])
def test_letters_are_the_axes_in_their_new_order(order: str) -> None:
    x = torch.randn(2, 3, 4, 5)
    axes = (0, *(1 + "abc".index(letter) for letter in order))
    made = outcome("permute", order, of=x, on=image(3, 4, 5))
    np.testing.assert_array_equal(made.numpy(), x.numpy().transpose(axes))


@pytest.mark.parametrize("order", ["ab", "abd", "aab", "", "abca"])
def test_other_orders_are_rejected(order: str) -> None:
    permute = get_primitive("permute")
    with pytest.raises(ShapeError, match="is no order of its 3 axes abc"):
        infer(permute, permute.bind(order), (image(3, 4, 5),))


@given(
    channels=st.integers(1, 3),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
)
def test_im2col_is_unfold(channels: int, height: int, width: int, kernel: int, stride: int) -> None:
    im2col = get_primitive("im2col")
    spec, args = image(channels, height, width), im2col.bind(kernel, stride)
    padding = kernel // 2 if kernel % 2 else 0
    if min(height, width) + 2 * padding < kernel:
        with pytest.raises(ShapeError, match="larger than"):
            infer(im2col, args, (spec,))
        return
    x = torch.randn(2, *spec.shape)
    made = outcome("im2col", kernel, stride, of=x, on=spec)
    assert_equal(made, F.unfold(x, kernel, padding=padding, stride=stride).transpose(1, 2))
    (inferred,) = infer(im2col, args, (spec,))
    assert inferred.grid is not None
    assert torch.nn.functional.max_pool2d(x, kernel, stride, padding).shape[2:] == inferred.grid


def test_col2im_undoes_patches_of_one_pixel() -> None:
    x = torch.randn(2, 3, 4, 5)
    unfolded = outcome("im2col", 1, of=x, on=image(3, 4, 5))
    assert_equal(outcome("col2im", of=unfolded, on=tokens(20, 3, (4, 5))), x)


def test_col2im_needs_the_grid() -> None:
    with pytest.raises(ShapeError, match="keep its grid"):
        outcome("col2im", of=torch.zeros(1, 20, 3), on=tokens(20, 3))


@pytest.mark.parametrize(("axis", "number"), [(0, 0), (1, 1), (Symbol("features"), 1)])
def test_split_cuts_equal_parts(axis: int | str, number: int) -> None:
    x = torch.randn(2, 4, 6)
    parts = outcome("split", 2, axis, of=x, on=tokens(4, 6))
    for part, expected in zip(parts, np.split(x.numpy(), 2, axis=number + 1), strict=True):
        np.testing.assert_array_equal(part.numpy(), expected)


def test_split_must_come_out_even() -> None:
    with pytest.raises(ShapeError, match="axis 1 of size 6 cannot be cut into 4 equal parts"):
        outcome("split", 4, 1, of=torch.zeros(1, 4, 6), on=tokens(4, 6))


def test_grid_lasts_as_long_as_the_order_of_tokens() -> None:
    spec = tokens(6, 4, (2, 3))

    def grid(name: str, *args: object) -> object:
        primitive = get_primitive(name)
        return infer(primitive, primitive.bind(*args), (spec,))[0].grid

    assert grid("split", 2, 1) == grid("clone", 2) == grid("permute", "ab") == (2, 3)
    assert grid("split", 2, 0) is grid("permute", "ba") is grid("upsample", 2) is None


def test_flatten_and_upsample() -> None:
    x = torch.randn(2, 3, 4, 5)
    np.testing.assert_array_equal(
        outcome("flatten", of=x, on=image(3, 4, 5)).numpy(), x.numpy().reshape(2, 60)
    )
    assert_equal(
        outcome("upsample", 3, of=x, on=image(3, 4, 5)), F.interpolate(x, scale_factor=3.0)
    )
    y = torch.randn(2, 4, 3)
    np.testing.assert_array_equal(
        outcome("upsample", 2, of=y, on=tokens(4, 3)).numpy(), np.repeat(y.numpy(), 2, axis=1)
    )
    with pytest.raises(ShapeError, match="no positions"):
        outcome("upsample", 2, of=torch.zeros(1, 3), on=vector(3))
