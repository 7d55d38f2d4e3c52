"""Routing: tensors are passed on, cut, turned and unfolded; nothing is computed."""

from __future__ import annotations

import math
from typing import ClassVar, Final

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import Layer, Primitive, Signal, register, resolve_axis
from einsearch.primitives.windows import Window, faded
from einsearch.primitives.work import Operation, Part, Work, passes, size
from einsearch.specs import Bundle, Layout, TensorSpec, image, tokens, vector

UNFOLD: Final = 2.0
"""Nanoseconds of an element that is unfolded."""


class Routing(Primitive):
    """Base of what only moves elements: moments stay as they are.

    Attributes:
        turns: whether elements then lie in memory in another order than their axes say.
    """

    is_affine = True
    is_multilinear = True
    is_view = True
    keeps_zero = True
    turns: ClassVar[bool] = False

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        return Work((Part(Operation.VIEW),), is_view=True, turns=self.turns)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return incoming * len(self.infer(specs, args))


@register
class Identity(Routing):
    """Passes its tensor on."""

    name = "identity"
    is_implied = True
    is_causal = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from torch import nn

        return Layer.module(nn.Identity)


@register
class Clone(Routing):
    """Passes its tensor on n times."""

    name = "clone"
    is_implied = True
    outputs = "n"
    is_causal = True
    parameters = (Parameter("n", Kind.INT, minimum=1, maximum=1024),)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs * int(args.n)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.routing import clone

        return Layer.function(clone, args.n)


@register
class Split(Routing):
    """Cuts an axis into n equal parts."""

    name = "split"
    outputs = "n"
    parameters = (
        Parameter("n", Kind.INT, minimum=1, maximum=1024),
        Parameter("axis", Kind.AXIS),
    )

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec = specs[0]
        axis = resolve_axis(spec, args.axis)
        size = spec.shape[axis]
        if args.n == 1:
            return specs
        if size % args.n:
            raise ShapeError(f"axis {axis} of size {size} cannot be cut into {args.n} equal parts")
        shape = (*spec.shape[:axis], size // args.n, *spec.shape[axis + 1 :])
        keeps_grid = spec.layout is Layout.TOKENS and axis == 1
        return (TensorSpec(spec.layout, shape, spec.grid if keeps_grid else None),) * int(args.n)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch

        return Layer.function(torch.chunk, args.n, dim=1 + resolve_axis(specs[0], args.axis))

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return bool(args.n == 1) or resolve_axis(specs[0], args.axis) == specs[0].feature_axis


@register
class Permute(Routing):
    """Reorders the axes: letters are the axes in their new order, "cab" of an image."""

    name = "permute"
    turns = True
    parameters = (Parameter("order", Kind.TEXT, examples=("a", "ba", "acb", "cab")),)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec = specs[0]
        letters = "abc"[: spec.rank]
        if sorted(args.order) != list(letters):
            raise ShapeError(f'"{args.order}" is no order of its {spec.rank} axes {letters}')
        if args.order == letters:
            return specs
        return (TensorSpec(spec.layout, tuple(spec.shape[ord(c) - 97] for c in args.order)),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch

        return Layer.function(torch.permute, (0, *(ord(c) - 96 for c in args.order)))

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return bool(args.order == "ab")


@register
class Flatten(Routing):
    """All elements as one vector."""

    name = "flatten"

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return (vector(specs[0].elements),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch

        return Layer.function(torch.flatten, 1)


@register
class Im2Col(Routing):
    """Unfolds an image: a token for each window, its pixels channel by channel."""

    name = "im2col"
    is_view = False
    parameters = (
        Parameter("kernel", Kind.INT, minimum=1, maximum=1024),
        Parameter("stride", Kind.INT, 1, minimum=1, maximum=1024),
    )

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec = specs[0]
        if spec.layout is not Layout.IMAGE:
            raise ShapeError("it needs an image")
        channels, height, width = spec.shape
        window = _window(args)
        grid = (window.count(height), window.count(width))
        return (tokens(grid[0] * grid[1], channels * args.kernel**2, grid),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.routing import im2col

        return Layer.function(im2col, args.kernel, args.stride, _window(args).padding)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        # One example after the other.
        parts = (
            Part(Operation.COPY, 0.0, 2 * size(outputs), calls=2),
            Part(Operation.SERIAL, UNFOLD * outputs[0].elements, 0.0, 0.0),
        )
        return Work(parts, turns=True)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        share = math.prod(_window(args).filled(size) for size in specs[0].shape[1:])
        return (faded(incoming[0], share),)


def _window(args: Arguments) -> Window:
    return Window(args.kernel, args.stride, (args.kernel - 1) // 2 if args.kernel % 2 else 0)


@register
class Col2Im(Routing):
    """Tokens back to the image whose grid they remember; features become channels."""

    name = "col2im"
    turns = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec = specs[0]
        if spec.grid is None:
            raise ShapeError("it needs tokens that come from an image and keep its grid")
        return (image(spec.features, *spec.grid),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.routing import col2im

        grid = specs[0].grid
        assert grid is not None
        return Layer.function(col2im, *grid)


@register
class Upsample(Routing):
    """Repeats every pixel (or token) `factor` times along every axis of positions."""

    name = "upsample"
    is_view = False
    parameters = (Parameter("factor", Kind.INT, minimum=1, maximum=64),)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec = specs[0]
        if spec.layout is Layout.VECTOR:
            raise ShapeError("a vector has no positions")
        if spec.layout is Layout.TOKENS:
            return (tokens(spec.shape[0] * args.factor, spec.shape[1]),)
        channels, height, width = spec.shape
        return (image(channels, height * args.factor, width * args.factor),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.routing import upsample

        return Layer.function(upsample, args.factor)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        calls = 2 * (specs[0].rank - 1)
        return Work((passes(Operation.INDEX, specs, outputs, calls),), scratch=size(outputs))

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return bool(args.factor == 1)
