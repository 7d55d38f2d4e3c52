"""Convolutions, with "same" padding at stride 1 for odd kernels."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import Layer, Primitive, Signal, register
from einsearch.primitives.linear import default_initialised
from einsearch.primitives.windows import Window, faded
from einsearch.primitives.work import Operation, Part, Work, size
from einsearch.specs import Bundle, Layout, image, tokens

CONV_PARAMETERS = (
    Parameter("channels", Kind.INT, minimum=1, maximum=2**20),
    Parameter("kernel", Kind.INT, minimum=1, maximum=1024),
    Parameter("stride", Kind.INT, 1, minimum=1, maximum=1024),
    Parameter("dilation", Kind.INT, 1, minimum=1, maximum=1024),
    Parameter("groups", Kind.INT, 1, minimum=1, maximum=2**20),
    Parameter("bias", Kind.BOOL, True),
)


def check_groups(features: int, args: Arguments) -> None:
    """Raises ShapeError where features and channels cannot both be cut into the groups."""
    if features % args.groups or args.channels % args.groups:
        raise ShapeError(
            f"{features} and {args.channels} channels cannot both be cut into {args.groups} groups"
        )


def convolved(specs: Bundle, outputs: Bundle, flops: float, groups: int) -> Part:
    """The kernel of a convolution: of every channel by itself, or of several together."""
    width = min(specs[0].features, outputs[0].features) / groups
    moved = size(specs) + size(outputs)
    if groups > 1 and specs[0].features == groups:
        return Part(Operation.DEPTHWISE, flops, moved)
    return Part(Operation.CONVOLUTION, flops, moved, width=width)


class Convolution(Primitive):
    """Base of convolutions over one or two axes of positions."""

    parameters = CONV_PARAMETERS
    is_affine = True
    is_multilinear = True
    dimensions: int

    def _arguments(self, features: int, args: Arguments) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Constructor arguments; those that are defaults are left out."""
        named = {
            "stride": (args.stride, 1),
            "padding": (_window(args).padding, 0),
            "dilation": (args.dilation, 1),
            "groups": (args.groups, 1),
            "bias": (args.bias, True),
        }
        kept = {name: value for name, (value, default) in named.items() if value != default}
        return (features, args.channels, args.kernel), kept

    def weights(self, specs: Bundle, args: Arguments) -> int:
        fan_in = self.fan_in(specs, args)
        return int(args.channels) * (fan_in + int(args.bias))

    def flops(self, specs: Bundle, args: Arguments) -> int:
        return 2 * self.infer(specs, args)[0].elements * self.fan_in(specs, args)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        parts = [convolved(specs, outputs, self.flops(specs, args), int(args.groups))]
        moved = size(specs) + size(outputs)
        if self.dimensions == 1:
            # Features are last in tokens, and first where torch convolves.
            parts.append(Part(Operation.COPY, 0.0, 2 * moved, calls=2))
        # Kernels want blocks of channels: tensors are brought into that order and back.
        return Work(tuple(parts), keeps_inputs=True, scratch=2 * moved, turns=self.dimensions == 1)

    def fan_in(self, specs: Bundle, args: Arguments) -> int:
        """How many elements make one of the outcome."""
        return int(specs[0].features // args.groups * args.kernel**self.dimensions)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        fan_in, filled = _reach(self, specs, args)
        return (default_initialised(fan_in, faded(incoming[0], filled), args.bias),)


@lru_cache(maxsize=16_384)
def _reach(layer: Convolution, specs: Bundle, args: Arguments) -> tuple[int, float]:
    """How many elements a window sees, and which mean share of it lies inside."""
    axes = specs[0].shape[1:] if layer.dimensions == 2 else specs[0].shape[:1]
    return layer.fan_in(specs, args), math.prod(_window(args).filled(size) for size in axes)


def _window(args: Arguments) -> Window:
    padding = (args.kernel - 1) // 2 * args.dilation
    return Window(args.kernel, args.stride, padding, args.dilation)


@register
class Conv2d(Convolution):
    """Convolution of an image."""

    name = "conv2d"
    dimensions = 2

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec = specs[0]
        if spec.layout is not Layout.IMAGE:
            raise ShapeError("it needs an image")
        check_groups(spec.features, args)
        height, width = map(_window(args).count, spec.shape[1:])
        return (image(args.channels, height, width),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from torch import nn

        positional, named = self._arguments(specs[0].features, args)
        return Layer.module(nn.Conv2d, *positional, **named)


@register
class Conv1d(Convolution):
    """Convolution of tokens along their length."""

    name = "conv1d"
    dimensions = 1

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec = specs[0]
        if spec.layout is not Layout.TOKENS:
            raise ShapeError("it needs tokens")
        check_groups(spec.features, args)
        return (tokens(_window(args).count(spec.shape[0]), args.channels),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.conv import TokenConv1d

        positional, named = self._arguments(specs[0].features, args)
        return Layer.module(TokenConv1d, *positional, **named)

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return bool(args.kernel == 1)


@register
class DepthwiseConv1d(Primitive):
    """Causal convolution of every feature by itself along the length (Gu and Dao, 2023)."""

    name = "depthwise_conv1d"
    is_causal = True
    parameters = (Parameter("kernel", Kind.INT, minimum=1, maximum=1024),)
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        if specs[0].layout is not Layout.TOKENS:
            raise ShapeError("it needs tokens")
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.conv import CausalConv1d

        return Layer.module(CausalConv1d, specs[0].features, args.kernel)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        folded = convolved(specs, outputs, self.flops(specs, args), specs[0].features)
        padded = Part(Operation.COPY, 0.0, 4 * size(specs), calls=3)
        return Work((folded, padded), kept=size(specs), scratch=4 * size(specs), turns=True)

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return specs[0].features * (int(args.kernel) + 1)

    def flops(self, specs: Bundle, args: Arguments) -> int:
        length, features = specs[0].shape
        return 2 * length * features * int(args.kernel)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        length, kernel = specs[0].shape[0], int(args.kernel)
        early = min(length, kernel)
        inside = early * (early + 1) // 2 + (length - early) * kernel
        seen = faded(incoming[0], inside / (length * kernel))
        return (default_initialised(kernel, seen, True),)


@lru_cache(maxsize=16_384)
def _inside(length: int, kernel: int, dilation: int, before: int) -> float:
    """Share of what windows at every token see that is not padding."""
    inside = sum(max(0, length - abs(tap * dilation - before)) for tap in range(kernel))
    return inside / (kernel * length)


@register
class SameConv1d(Primitive):
    """Convolution of tokens that keeps their number, for even kernels, too.

    `causal`: no token sees a later one, as in temporal convolutional networks (Bai et al., 2018).
    """

    name = "same_conv1d"
    parameters = (
        *(p for p in CONV_PARAMETERS if p.name != "stride"),
        Parameter("causal", Kind.BOOL, False),
    )
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec = specs[0]
        if spec.layout is not Layout.TOKENS:
            raise ShapeError("it needs tokens")
        check_groups(spec.features, args)
        if not self._filled(specs, args):
            raise ShapeError(
                f"taps {args.dilation} apart see none of {spec.shape[0]} tokens, only padding"
            )
        return (tokens(spec.shape[0], args.channels),)

    def _filled(self, specs: Bundle, args: Arguments) -> float:
        """Share of what its windows see that is not padding."""
        reach = args.dilation * (args.kernel - 1)
        before = reach if args.causal else reach // 2
        return _inside(specs[0].shape[0], args.kernel, args.dilation, before)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.conv import SameConv1d as Kernel

        defaults = {"dilation": 1, "groups": 1, "bias": True, "causal": False}
        named = {n: args[n] for n, default in defaults.items() if args[n] != default}
        return Layer.module(Kernel, specs[0].features, args.channels, args.kernel, **named)

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return bool(args.causal or args.kernel == 1)

    def fan_in(self, specs: Bundle, args: Arguments) -> int:
        """How many elements make one of the outcome."""
        return int(specs[0].features // args.groups * args.kernel)

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return int(args.channels) * (self.fan_in(specs, args) + int(args.bias))

    def flops(self, specs: Bundle, args: Arguments) -> int:
        return 2 * specs[0].shape[0] * int(args.channels) * self.fan_in(specs, args)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        moved = size(specs) + size(outputs)
        folded = convolved(specs, outputs, self.flops(specs, args), int(args.groups))
        turned = Part(Operation.COPY, 0.0, 2 * moved, calls=2)
        return Work((folded, turned), keeps_inputs=True, scratch=2 * moved, turns=True)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        seen = faded(incoming[0], self._filled(specs, args))
        return (default_initialised(self.fan_in(specs, args), seen, args.bias),)
