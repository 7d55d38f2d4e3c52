"""Kolmogorov-Arnold layers: learned functions of one variable in the place of weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Final

from einsearch.errors import ShapeError
from einsearch.primitives.activation import Silu
from einsearch.primitives.arguments import Arguments, Kind, Parameter, Symbol
from einsearch.primitives.base import (
    BYTES_PER_ELEMENT,
    Layer,
    Primitive,
    Signal,
    register,
    resolve_axis,
)
from einsearch.primitives.linear import default_initialised
from einsearch.primitives.quadrature import expectation
from einsearch.primitives.signals import DEVIATIONS
from einsearch.primitives.windows import Window, faded
from einsearch.primitives.work import FLOAT, Operation, Part, Work, passes, size
from einsearch.specs import Bundle, Layout, TensorSpec, image

FAMILIES: Final = ("bspline", "rbf", "chebyshev", "fourier", "wavelet")
SELECT: Final = "select"

SCALE: Final = 0.1
"""That of `kernels.kan`, which needs torch."""

BASIS = Parameter("basis", Kind.SYMBOL, Symbol("bspline"), symbols=(*FAMILIES, SELECT))
GRID = Parameter("grid", Kind.INT, 5, minimum=1, maximum=1024)


def count_of(args: Arguments) -> int:
    """Functions of each basis for each input: as many as cubic splines on `grid` cells."""
    return int(args.grid) + 3


def bases_of(args: Arguments) -> tuple[str, ...]:
    """Those that the layer holds at first."""
    return FAMILIES if args.basis == SELECT else (str(args.basis),)


def _bspline(x: float, number: int, count: int) -> float:
    distance = abs((math.tanh(x) + 1) * (count - 3) / 2 + 1 - number)
    wide, narrow = max(2 - distance, 0.0), max(1 - distance, 0.0)
    return (wide * wide * wide - 4 * narrow * narrow * narrow) / 6


def _rbf(x: float, number: int, count: int) -> float:
    return math.exp(-(min(abs((x + 2) * (count - 1) / 4 - number), 30.0) ** 2))


def _chebyshev(x: float, number: int, count: int) -> float:
    return math.cos(number * math.acos(math.tanh(x)))


def _fourier(x: float, number: int, count: int) -> float:
    angle = (number // 2 + 1) * x
    return math.sin(angle) if number % 2 else math.cos(angle)


def _wavelet(x: float, number: int, count: int) -> float:
    square = min(abs((x + 2) * (count - 1) / 4 - number), 30.0) ** 2
    return 2 / math.sqrt(3 * math.sqrt(math.pi)) * (1 - square) * math.exp(-square / 2)


_SCALAR: Final = {
    "bspline": _bspline,
    "rbf": _rbf,
    "chebyshev": _chebyshev,
    "fourier": _fourier,
    "wavelet": _wavelet,
}


@lru_cache(maxsize=1024)
def functions(basis: str, count: int) -> tuple[Callable[[float], float], ...]:
    """The functions of `kernels.bases.expand` for plain numbers; the same objects each time."""
    return tuple(partial(_SCALAR[basis], number=n, count=count) for n in range(count))


@lru_cache(maxsize=16_384)
def expanded(basis: str, count: int, incoming: Signal) -> tuple[float, float, float]:
    """Averages over the functions: second moment, variance by inputs, square of the largest."""
    made = [expectation(function, incoming) for function in functions(basis, count)]
    square = sum(signal.second_moment for signal in made) / count
    by_inputs = sum(signal.input_variance for signal in made) / count
    return square, by_inputs, sum(signal.farthest**2 for signal in made) / count


def initialised(args: Arguments, fan_in: int, incoming: Signal, filled: float) -> Signal:
    """Moments behind a layer at initialisation.

    Weights of functions have a variance of SCALE^2 / (fan_in * count), so that the average second
    moment of the functions times SCALE^2 is theirs; of several bases each has an equal share.

    Args:
        fan_in: inputs of an output.
        filled: share of these that is not padding.
    """
    base = default_initialised(fan_in, faded(expectation(Silu.function, incoming), filled), True)
    bases = bases_of(args)
    found = [expanded(basis, count_of(args), incoming) for basis in bases]
    square, by_inputs, peak = (
        SCALE**2 * filled * sum(column) / len(bases) ** 2 for column in zip(*found, strict=True)
    )
    moments = Signal(0.0, base.variance + square, by_inputs=base.input_variance + by_inputs)
    reach = DEVIATIONS * peak**0.5
    return moments.between(base.low - reach, base.high + reach)


@register
class Kan(Primitive):
    """A Kolmogorov-Arnold layer along the feature axis, or another one (Liu et al., 2024).

    Every input goes through grid + 3 functions of a basis, and these through a linear map; a
    linear map of silu(x) is added. `bspline`: cubic ones on `grid` cells of [-1, 1], to which a
    tanh brings x; `chebyshev`: polynomials, of tanh(x); `rbf`, `wavelet`: Gaussians and Mexican
    hats on [-2, 2]; `fourier`. `select`: all of them mixed, from which each output chooses one.
    """

    name = "kan"
    parameters = (
        Parameter("features", Kind.INT, minimum=1, maximum=2**20),
        BASIS,
        GRID,
        Parameter("axis", Kind.AXIS, Symbol("features")),
    )

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        spec = specs[0]
        axis = resolve_axis(spec, args.axis)
        shape = (*spec.shape[:axis], args.features, *spec.shape[axis + 1 :])
        keeps_grid = spec.layout is Layout.TOKENS and axis == 1
        return (TensorSpec(spec.layout, shape, spec.grid if keeps_grid else None),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.kan import KolmogorovArnold
        from einsearch.primitives.kernels.selectable import SelectableKan

        axis = resolve_axis(specs[0], args.axis)
        sizes = (specs[0].shape[axis], args.features)
        named = {} if axis == specs[0].rank - 1 else {"axis": axis + 1}
        if args.basis == SELECT:
            return Layer.module(SelectableKan, *sizes, count_of(args), **named)
        return Layer.module(KolmogorovArnold, *sizes, str(args.basis), count_of(args), **named)

    def causal_at(self, specs: Bundle, args: Arguments) -> bool:
        return resolve_axis(specs[0], args.axis) == specs[0].feature_axis

    def weights(self, specs: Bundle, args: Arguments) -> int:
        size = specs[0].shape[resolve_axis(specs[0], args.axis)]
        return int(args.features) * _weights_of_output(size, args)

    def flops(self, specs: Bundle, args: Arguments) -> int:
        terms = 1 + len(bases_of(args)) * count_of(args)
        return 2 * specs[0].elements * int(args.features) * terms

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        return _memory(specs, outputs, args)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        entering = specs[0].shape[resolve_axis(specs[0], args.axis)]
        return (initialised(args, entering, incoming[0], 1.0),)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        entering = specs[0].shape[resolve_axis(specs[0], args.axis)]
        rows = specs[0].elements / entering
        many = size(specs) * len(bases_of(args)) * count_of(args)
        mapped = Part(
            Operation.MATRIX,
            self.flops(specs, args),
            many + 2 * size(outputs),
            1 + len(bases_of(args)),
            width=min(entering * count_of(args), args.features),
            rows=rows,
        )
        return _made_of(mapped, specs, outputs, args)


def _weights_of_output(inputs: int, args: Arguments) -> int:
    bases = len(bases_of(args))
    return inputs * (1 + bases * count_of(args)) + 1 + (bases if args.basis == SELECT else 0)


def _memory(specs: Bundle, outputs: Bundle, args: Arguments) -> int:
    """Silu, and the functions of every basis with what their gradients need, then the sums."""
    kept = specs[0].elements * (1 + 2 * len(bases_of(args)) * count_of(args))
    return BYTES_PER_ELEMENT * (kept + 2 * outputs[0].elements)


_PASSES: Final = {
    "bspline": (0.0, 14.0, 12.0, 9.0),
    "rbf": (1.0, 5.0, 7.0, 3.0),
    "chebyshev": (0.2, 4.0, 4.0, 3.0),
    "fourier": (1.2, 3.0, 5.0, 2.5),
    "wavelet": (1.0, 8.0, 10.0, 5.0),
}
"""Of each basis: exponentials and the like, passes over memory, kernels (of `chebyshev` for each
function), and tensors kept, all by the number of functions."""


def _made_of(mapped: Part, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
    """A map of the functions of every basis, which have to be made first."""
    many = specs[0].elements * count_of(args)
    parts = [mapped, passes(Operation.FUNCTION, specs, specs, 2, 2)]
    kept = float(size(specs) * 2)
    for basis in bases_of(args):
        functions, passed, kernels, tensors = _PASSES[basis]
        calls = kernels * count_of(args) if basis == "chebyshev" else kernels + 4
        parts.append(Part(Operation.FUNCTION, functions * many, 0.0, 0.0))
        parts.append(Part(Operation.ELEMENTWISE, 0.0, 2 * FLOAT * passed * many, calls))
        kept += FLOAT * tensors * many
    return Work(tuple(parts), True, kept=kept, scratch=2.0 * FLOAT * many)


@register
class KanConv2d(Primitive):
    """A convolution of an image whose weights are learned functions (Bodner et al., 2024).

    As `kan` at every position of a window. The functions are padded with zeros, not x.
    """

    name = "kan_conv2d"
    parameters = (
        Parameter("channels", Kind.INT, minimum=1, maximum=2**20),
        Parameter("kernel", Kind.INT, minimum=1, maximum=1024),
        BASIS,
        GRID,
        Parameter("stride", Kind.INT, 1, minimum=1, maximum=1024),
    )

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        if specs[0].layout is not Layout.IMAGE:
            raise ShapeError("it needs an image")
        height, width = map(_window(args).count, specs[0].shape[1:])
        return (image(args.channels, height, width),)

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.kan import KolmogorovArnoldConv2d
        from einsearch.primitives.kernels.selectable import SelectableKanConv2d

        sizes = (specs[0].features, args.channels, args.kernel)
        named = {} if args.stride == 1 else {"stride": args.stride}
        if args.basis == SELECT:
            return Layer.module(SelectableKanConv2d, *sizes, count_of(args), **named)
        basis = str(args.basis)
        return Layer.module(KolmogorovArnoldConv2d, *sizes, basis, count_of(args), **named)

    def weights(self, specs: Bundle, args: Arguments) -> int:
        return int(args.channels) * _weights_of_output(_fan_in(specs, args), args)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        bases, many = len(bases_of(args)), size(specs) * count_of(args)
        flops = self.flops(specs, args)
        width = min(specs[0].features * count_of(args), args.channels)
        moved = bases * many + 2 * size(outputs)
        mapped = Part(Operation.CONVOLUTION, flops, moved, 1 + bases, width=width)
        made = _made_of(mapped, specs, outputs, args)
        turned = Part(Operation.COPY, 0.0, 2.0 * bases * many, bases)
        kept = made.kept + bases * many
        return replace(made, parts=(*made.parts, turned), kept=kept)

    def flops(self, specs: Bundle, args: Arguments) -> int:
        terms = 1 + len(bases_of(args)) * count_of(args)
        return 2 * self.infer(specs, args)[0].elements * _fan_in(specs, args) * terms

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        return _memory(specs, outputs, args)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        filled = math.prod(map(_window(args).filled, specs[0].shape[1:]))
        return (initialised(args, _fan_in(specs, args), incoming[0], filled),)


def _fan_in(specs: Bundle, args: Arguments) -> int:
    return specs[0].features * int(args.kernel) ** 2


def _window(args: Arguments) -> Window:
    return Window(args.kernel, args.stride, (args.kernel - 1) // 2)
