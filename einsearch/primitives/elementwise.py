"""Elementwise functions of normalization-activation layers (EvoNorm: Liu et al., NeurIPS 2020)."""

from __future__ import annotations

import abc
import math
from dataclasses import replace
from typing import ClassVar, Final

from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import Layer, Primitive, Signal, register
from einsearch.primitives.quadrature import expectation
from einsearch.primitives.work import Operation, Work, passes, size
from einsearch.specs import Bundle

FLOOR: Final = 1e-5
"""The kernels keep divisors and what logarithms are taken of this far from 0."""

LEVY_MEDIAN: Final = 2.198
"""Median of the Levy distribution of scale 1."""


class Elementwise(Primitive):
    """Base of scalar functions that every element goes through by itself.

    The layer is the function of the same name in torch, or in `kernels.elementwise`.

    Attributes:
        kernels: of torch that it runs.
        operation: their kind.
        keeps: which tensor its gradient is made from: "input", "output" or neither.
        between: tensors in between that its gradient needs, too.
        back: work of its gradient by what is usual.
    """

    is_causal = True
    kernels: ClassVar[int] = 1
    operation: ClassVar[Operation] = Operation.ELEMENTWISE
    keeps: ClassVar[str] = "input"
    between: ClassVar[int] = 0
    back: ClassVar[float] = 1.0

    @staticmethod
    @abc.abstractmethod
    def function(x: float) -> float:
        """The scalar function, for the moments at initialisation."""

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        part = passes(self.operation, specs, outputs, self.kernels, self.kernels)
        return Work(
            (replace(part, back=self.back),),
            self.keeps == "input",
            self.keeps == "output",
            kept=self.between * size(outputs),
            scratch=size(outputs) * (self.kernels > 1 or self.back > 1),
        )

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch
        import torch.nn.functional as F

        from einsearch.primitives.kernels import elementwise

        homes = (home for home in (elementwise, torch, F) if hasattr(home, self.name))
        return Layer.function(getattr(next(homes), self.name))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return (expectation(self.function, incoming[0]),)


@register
class Neg(Elementwise):
    """-x."""

    name = "neg"
    keeps = ""
    keeps_zero = True
    is_affine = True
    is_multilinear = True

    @staticmethod
    def function(x: float) -> float:
        return -x


@register
class Abs(Elementwise):
    """|x|."""

    name = "abs"
    keeps_zero = True

    @staticmethod
    def function(x: float) -> float:
        return abs(x)


@register
class Exp(Elementwise):
    """e^x."""

    name = "exp"
    operation = Operation.FUNCTION
    keeps = "output"

    @staticmethod
    def function(x: float) -> float:
        return math.exp(min(x, 80.0))


@register
class Square(Elementwise):
    """x^2."""

    name = "square"
    back = 3.0
    keeps_zero = True

    @staticmethod
    def function(x: float) -> float:
        return x * x


@register
class SignedSqrt(Elementwise):
    """sign(x) sqrt(|x|), with a finite slope at 0."""

    name = "signed_sqrt"
    kernels = 4
    between = 3
    keeps_zero = True

    @staticmethod
    def function(x: float) -> float:
        return math.copysign(math.sqrt(abs(x)), x)


@register
class SignedLog(Elementwise):
    """sign(x) ln|x|, with |x| kept away from 0."""

    name = "signed_log"
    kernels = 5
    operation = Operation.FUNCTION
    between = 4
    keeps_zero = True

    @staticmethod
    def function(x: float) -> float:
        return math.copysign(1.0, x) * math.log(max(abs(x), FLOOR)) if x else 0.0


@register
class SafeDiv(Primitive):
    """First tensor over the second, whose absolute value is at least 1e-5; its sign is kept."""

    name = "safe_div"
    is_causal = True
    keeps_zero = True
    arity = (2, 2)

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        top, bottom = specs
        if (top.layout, top.shape) != (bottom.layout, bottom.shape):
            raise ShapeError("it needs two tensors of one shape")
        return (top if top is bottom else top.without_grid(),)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        part = passes(Operation.ELEMENTWISE, specs[:1], outputs, calls=6, times=6)
        return Work((part,), keeps_inputs=True, kept=3 * size(outputs), scratch=4 * size(outputs))

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from einsearch.primitives.kernels.elementwise import safe_div

        return Layer.function(safe_div)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        top, bottom = incoming
        scale = max(bottom.second_moment, FLOOR**2)
        mean = top.mean * bottom.mean / scale
        usual = max(top.second_moment / scale - mean**2, 0.0)
        variance = usual + top.second_moment * _near_zero(bottom, specs[0].elements)
        ends = [t / b for t in (top.low, top.high) for b in _divisors(bottom)]
        return (Signal(mean, variance).between(*ends),)


def _divisors(bottom: Signal) -> list[float]:
    """Divisors that make a quotient furthest from 0."""
    kept = [x if abs(x) >= FLOOR else math.copysign(FLOOR, x) for x in (bottom.low, bottom.high)]
    return [*kept, FLOOR, -FLOOR] if bottom.low < 0 < bottom.high else kept


def _near_zero(divisor: Signal, count: int) -> float:
    """What the small ones among `count` normal divisors add to the mean of 1 / x^2.

    With density p at 0 that mean tends to a Levy distribution of scale 2 pi count p^2; this is its
    median, or the mean that the floor allows. Without it, layers that divide by what may be 0
    would look harmless.
    """
    if divisor.variance <= 0:
        return 0.0
    spread = math.sqrt(2 * math.pi * divisor.variance)
    density = math.exp(-(divisor.mean**2) / (2 * divisor.variance)) / spread
    median = LEVY_MEDIAN * 2 * math.pi * count * density * density
    return min(median, 4 * density / FLOOR, 1 / FLOOR**2)
