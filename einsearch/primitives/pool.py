"""Pooling. "Same" padding at stride 1; averages do not count the padding."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import Layer, Primitive, Signal, register
from einsearch.primitives.moments import average_of
from einsearch.primitives.windows import Window
from einsearch.primitives.work import Operation, Part, Work, size
from einsearch.specs import Bundle, Layout, image, tokens, vector

POOL_PARAMETERS = (
    Parameter("kernel", Kind.INT, minimum=1, maximum=1024),
    Parameter("stride", Kind.INT, 1, minimum=1, maximum=1024),
)


def pooled(specs: Bundle, args: Arguments) -> Bundle:
    """Spec of a pooled image."""
    spec = specs[0]
    if spec.layout is not Layout.IMAGE:
        raise ShapeError("it needs an image")
    height, width = map(_window(args).count, spec.shape[1:])
    return (image(spec.features, height, width),)


def _window(args: Arguments) -> Window:
    return Window(args.kernel, args.stride, (args.kernel - 1) // 2)


@lru_cache(maxsize=16_384)
def seen(specs: Bundle, args: Arguments) -> float:
    """Mean number of pixels in a window, padding not counted."""
    window = _window(args)
    return math.prod(window.kernel * window.filled(size) for size in specs[0].shape[1:])


def _windows(
    specs: Bundle, outputs: Bundle, args: Arguments, start: float, each: float, back: float
) -> Part:
    """Every window gone through: nanoseconds of beginning one, and of each of its pixels."""
    flops = outputs[0].elements * (start + each * int(args.kernel) ** 2)
    return Part(Operation.SERIAL, flops, size(specs) + size(outputs), back=back)


@register
class AveragePool(Primitive):
    """Average of each window."""

    name = "avg_pool"
    keeps_zero = True
    parameters = POOL_PARAMETERS
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return pooled(specs, args)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from torch import nn

        return Layer.module(
            nn.AvgPool2d,
            args.kernel,
            stride=args.stride,
            padding=_window(args).padding,
            count_include_pad=False,
        )

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        return Work((_windows(specs, outputs, args, 9.0, 0.2, 1.3),), keeps_inputs=True)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return (average_of(seen(specs, args), incoming[0]),)


@register
class MaxPool(Primitive):
    """Largest element of each window."""

    name = "max_pool"
    keeps_zero = True
    parameters = POOL_PARAMETERS

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return pooled(specs, args)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from torch import nn

        return Layer.module(
            nn.MaxPool2d, args.kernel, stride=args.stride, padding=_window(args).padding
        )

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        # Where the largest stood is kept in 8 bytes each.
        part = _windows(specs, outputs, args, 20.0, 1.2, 0.08)
        return Work((part,), keeps_inputs=True, kept=2 * size(outputs))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return (largest_of(seen(specs, args), incoming[0]),)


def largest_of(count: float, signal: Signal) -> Signal:
    """Moments of the largest of `count` normal elements, for counts up to 1000.

    The mean is a quantile (Blom, 1958), the variance a fit; both are within 4 %.
    """
    if count <= 1:
        return signal
    quantile, divisor = _largest_normal(count)
    moments = Signal(signal.mean + signal.variance**0.5 * quantile, signal.variance / divisor)
    return moments.between(signal.low, signal.high)


@lru_cache(maxsize=4096)
def _largest_normal(count: float) -> tuple[float, float]:
    """Mean of the largest of so many standard normal numbers, and 1 by its variance."""
    quantile = NormalDist().inv_cdf((count - 0.375) / (count + 0.25))
    return quantile, 1 + 0.723 * math.log(count) ** 1.19


def pooled_tokens(specs: Bundle, args: Arguments) -> Bundle:
    """Spec of tokens pooled along their length."""
    spec = specs[0]
    if spec.layout is not Layout.TOKENS:
        raise ShapeError("it needs tokens")
    return (tokens(_window(args).count(spec.shape[0]), spec.features),)


def _windows_of_tokens(specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
    elements = outputs[0].elements * (9.0 + 1.2 * int(args.kernel))
    moved = size(specs) + size(outputs)
    parts = (
        Part(Operation.SERIAL, elements, moved),
        Part(Operation.COPY, 0.0, 2 * moved, calls=2),
    )
    return Work(parts, keeps_inputs=True, kept=2 * size(outputs), scratch=moved, turns=True)


class TokenPool(Primitive):
    """One number of each window along the length of tokens."""

    keeps_zero = True
    parameters = POOL_PARAMETERS

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return pooled_tokens(specs, args)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        return _windows_of_tokens(specs, outputs, args)

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        # A window ends at its own token where it has one token and no step.
        return bool(args.kernel == 1 and args.stride == 1)


def _filled_of_tokens(specs: Bundle, args: Arguments) -> float:
    """Elements of a window that are no padding, as a mean over the windows."""
    return float(args.kernel * _window(args).filled(specs[0].shape[0]))


@register
class MaxPool1d(TokenPool):
    """Largest element of each window along the length of tokens."""

    name = "max_pool1d"

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.pool import TokenMaxPool1d

        padding = _window(args).padding
        return Layer.module(TokenMaxPool1d, args.kernel, stride=args.stride, padding=padding)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return (largest_of(_filled_of_tokens(specs, args), incoming[0]),)


@register
class AveragePool1d(TokenPool):
    """Average of each window along the length of tokens."""

    name = "avg_pool1d"
    is_affine = True
    is_multilinear = True

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.pool import TokenAvgPool1d

        padding = _window(args).padding
        return Layer.module(TokenAvgPool1d, args.kernel, stride=args.stride, padding=padding)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return (average_of(_filled_of_tokens(specs, args), incoming[0]),)


@register
class GlobalMaxPool(Primitive):
    """Largest element over all positions: image or tokens to vector (Collobert et al., 2011)."""

    name = "global_max_pool"
    keeps_zero = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return without_positions(specs)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch

        return Layer.function(torch.amax, _positions(specs))

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        part = Part(Operation.REDUCTION, specs[0].elements, size(specs), back=3.0)
        return Work((part,), keeps_inputs=True, keeps_outputs=True, scratch=size(specs))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return (largest_of(specs[0].elements // specs[0].features, incoming[0]),)


def without_positions(specs: Bundle) -> Bundle:
    """Spec of the vector that is left when positions are summed up."""
    if specs[0].layout is Layout.VECTOR:
        raise ShapeError("a vector has no positions")
    return (vector(specs[0].features),)


def _positions(specs: Bundle) -> tuple[int, ...]:
    """Axes of positions, the batch counted."""
    return (2, 3) if specs[0].layout is Layout.IMAGE else (1,)


@register
class GlobalAveragePool(Primitive):
    """Mean over all positions: image or tokens to vector."""

    name = "global_avg_pool"
    keeps_zero = True
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return without_positions(specs)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch

        return Layer.function(torch.mean, _positions(specs))

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        return Work((Part(Operation.REDUCTION, specs[0].elements, size(specs)),))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        positions = specs[0].elements // specs[0].features
        return (average_of(positions, incoming[0]),)
