"""Linear maps contract the axis that they are told."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from einsearch.errors import ArgumentError, ShapeError
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.base import get_primitive, infer
from einsearch.specs import TensorSpec, image, tokens, vector
from tests.primitives.calling import assert_equal, call

LAST, FEATURES = Symbol("last"), Symbol("features")


@pytest.mark.parametrize(
    ("spec", "axis", "rule"),
    [
        (image(3, 4, 5), FEATURES, "bchw,oc->bohw"),
        (image(3, 4, 5), 0, "bchw,oc->bohw"),
        (image(3, 4, 5), 1, "bchw,oh->bcow"),
        (image(3, 4, 5), LAST, "bchw,ow->bcho"),
        (tokens(4, 5), FEATURES, "bld,od->blo"),
        (tokens(4, 5), 0, "bld,ol->bod"),
        (vector(5), LAST, "bd,od->bo"),
    ],
)
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_an_einsum(spec: TensorSpec, axis: Any, rule: str, bias: bool) -> None:
    network = call("linear", 7, axis, bias, on=spec)
    weights = dict(network.inner.named_parameters())
    assert set(weights) == ({"weight", "bias"} if bias else {"weight"})
    x = torch.randn(2, *spec.shape)
    expected = torch.einsum(rule, x, weights["weight"].flatten(1))
    if bias:
        position = rule.split("->")[1].index("o")
        shape = [7 if i == position else 1 for i in range(x.dim())]
        expected = expected + weights["bias"].view(shape)
    assert_equal(network(x)[0], expected)


def test_features_are_the_default_axis() -> None:
    linear = get_primitive("linear")
    assert infer(linear, linear.bind(7), (image(3, 4, 5),)) == (image(7, 4, 5),)
    assert infer(linear, linear.bind(7, LAST), (image(3, 4, 5),)) == (image(3, 4, 7),)


def test_grid_lasts_while_the_length_does() -> None:
    linear = get_primitive("linear")
    spec = tokens(6, 4, (2, 3))
    assert infer(linear, linear.bind(9), (spec,))[0].grid == (2, 3)
    assert infer(linear, linear.bind(6, 0), (spec,))[0].grid is None


def test_wrong_calls_say_what_is_wrong() -> None:
    linear = get_primitive("linear")
    with pytest.raises(ShapeError, match=r"linear cannot take vector:5: .* no axis 1"):
        infer(linear, linear.bind(7, 1), (vector(5),))
    with pytest.raises(ArgumentError, match="features is 0, expected an integer at least 1"):
        linear.bind(0)
