"""The registry, memoised inference and cost."""

from __future__ import annotations

import subprocess
import sys

import pytest

from einsearch.errors import ArgumentError, ShapeError
from einsearch.primitives.arguments import Arguments, Symbol
from einsearch.primitives.base import (
    Cost,
    Layer,
    Primitive,
    Signal,
    all_primitives,
    cost,
    find_primitive,
    get_primitive,
    infer,
    infer_or_reason,
    register,
    resolve_axis,
)
from einsearch.specs import Bundle, image, tokens, vector


def test_every_name_finds_its_primitive() -> None:
    known = all_primitives()
    assert list(known) == sorted(known)
    assert all(get_primitive(name) is primitive for name, primitive in known.items())
    assert all(primitive.name == name for name, primitive in known.items())


def test_unknown_names_get_the_nearest() -> None:
    assert find_primitive("conv3d") is None
    with pytest.raises(ArgumentError, match="no primitive is named conv3d; did you mean conv"):
        get_primitive("conv3d")


def test_a_name_is_taken_once() -> None:
    class Other(Primitive):
        name = "relu"

        def infer(self, specs: Bundle, args: Arguments) -> Bundle:
            return specs

        def layer(self, specs: Bundle, args: Arguments) -> Layer:
            return Layer.function(abs)

        def signal(
            self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
        ) -> tuple[Signal, ...]:
            return incoming

    with pytest.raises(ValueError, match="relu is registered already"):
        register(Other)


def test_reasons_name_the_primitive_and_the_tensors() -> None:
    conv2d = get_primitive("conv2d")
    args, specs = conv2d.bind(8, 3), (vector(4),)
    reason = "conv2d cannot take vector:4: it needs an image"
    assert infer_or_reason(conv2d, args, specs) == reason
    with pytest.raises(ShapeError, match=reason):
        infer(conv2d, args, specs)
    assert infer_or_reason(conv2d, args, ()) == "conv2d takes 1 tensor, 0 arrive"
    add = get_primitive("add")
    assert infer_or_reason(add, add.bind(), ()) == "add takes 1 or more tensors, 0 arrive"


def test_axes_are_resolved_by_layout() -> None:
    for spec, features in ((image(2, 3, 4), 0), (tokens(3, 4), 1), (vector(4), 0)):
        assert resolve_axis(spec, Symbol("features")) == features
        assert resolve_axis(spec, Symbol("last")) == spec.rank - 1
        assert resolve_axis(spec, 0) == 0
        with pytest.raises(ShapeError, match=f"it has {spec.rank} axes"):
            resolve_axis(spec, spec.rank)


def test_cost_of_a_convolution() -> None:
    conv2d = get_primitive("conv2d")
    made = cost(conv2d, conv2d.bind(8, 3), (image(3, 6, 5),))
    assert made == Cost(8 * 3 * 9 + 8, 2 * 8 * 3 * 9 * 30, 4 * 8 * 30)
    assert made + made == Cost(2 * made.parameters, 2 * made.flops, 2 * made.memory)


def test_knowing_all_primitives_needs_no_torch() -> None:
    code = (
        "import sys; from einsearch.primitives.base import all_primitives; all_primitives();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
