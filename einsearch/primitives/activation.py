"""Activations, dropout, and the constant zero."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from einsearch.primitives.arguments import Arguments, Kind, Parameter
from einsearch.primitives.base import Layer, Primitive, Signal, register
from einsearch.primitives.elementwise import Elementwise
from einsearch.primitives.quadrature import also_of_arrays, homogeneous
from einsearch.primitives.work import FLOAT, Operation, Part, Work, passes, size
from einsearch.specs import Bundle

ROW: Final = 8.0
"""Elements that starting a row of a softmax is worth."""

DRAW: Final = 7.0
"""Nanoseconds of a random number."""


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


@register
class Relu(Elementwise):
    """max(0, x)."""

    name = "relu"
    keeps = "output"
    keeps_zero = True

    @staticmethod
    @homogeneous
    @also_of_arrays(lambda x: np.maximum(x, 0.0))
    def function(x: float) -> float:
        return max(0.0, x)


@register
class LeakyRelu(Elementwise):
    """x where positive, 0.01 x elsewhere."""

    name = "leaky_relu"
    keeps_zero = True

    @staticmethod
    @homogeneous
    @also_of_arrays(lambda x: np.where(x > 0, x, 0.01 * x))
    def function(x: float) -> float:
        return x if x > 0 else 0.01 * x


@register
class Gelu(Elementwise):
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016)."""

    name = "gelu"
    operation = Operation.FUNCTION
    keeps_zero = True

    @staticmethod
    def function(x: float) -> float:
        return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


@register
class Silu(Elementwise):
    """x sigmoid(x)."""

    name = "silu"
    operation = Operation.FUNCTION
    keeps_zero = True

    @staticmethod
    def function(x: float) -> float:
        return x * _sigmoid(x)


@register
class Tanh(Elementwise):
    """Hyperbolic tangent."""

    name = "tanh"
    operation = Operation.FUNCTION
    keeps = "output"
    keeps_zero = True

    @staticmethod
    def function(x: float) -> float:
        return math.tanh(x)


@register
class Sigmoid(Elementwise):
    """1 / (1 + e^-x)."""

    name = "sigmoid"
    operation = Operation.FUNCTION
    keeps = "output"
    function = staticmethod(_sigmoid)


@register
class Softmax(Primitive):
    """Softmax over the last axis."""

    name = "softmax"
    is_causal = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch

        return Layer.function(torch.softmax, dim=-1)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        rows = specs[0].elements // specs[0].shape[-1]
        part = Part(Operation.SOFTMAX, specs[0].elements + ROW * rows, 2 * size(specs))
        return Work((part,), keeps_outputs=True)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        size = specs[0].shape[-1]
        # Log-normal weights: var(p) is about (e^v - 1) / n^2, and at most that of a one-hot row.
        spread = math.expm1(min(incoming[0].variance, 50.0)) / size**2
        return (Signal(1 / size, min(spread, (size - 1) / size**2)).between(float(size == 1), 1.0),)


@register
class Dropout(Primitive):
    """Sets elements to zero with probability p in training (Srivastava et al., 2014)."""

    name = "dropout"
    is_causal = True
    keeps_zero = True
    parameters = (Parameter("p", Kind.NUMBER, minimum=0.0, maximum=0.95),)
    is_affine = True
    is_multilinear = True
    is_random = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from torch import nn

        return Layer.module(nn.Dropout, float(args.p))

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        drawn = Part(Operation.SERIAL, DRAW * specs[0].elements, 2 * size(specs), 2, back=0.0)
        scaled = passes(Operation.ELEMENTWISE, specs, outputs)
        return Work((drawn, scaled), kept=FLOAT * specs[0].elements)

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        mean, kept = incoming[0].mean, 1 - args.p
        variance = incoming[0].second_moment / kept - mean**2
        moments = Signal(mean, variance, by_inputs=incoming[0].input_variance / kept)
        return (moments.between(0.0, incoming[0].low / kept, incoming[0].high / kept),)


@register
class Zero(Primitive):
    """Zero everywhere: no connection."""

    name = "zero"
    is_causal = True
    keeps_zero = True
    ignores_input = True
    is_affine = True
    is_multilinear = True

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        import torch

        return Layer.function(torch.zeros_like)

    def work(self, specs: Bundle, outputs: Bundle, args: Arguments) -> Work:
        return Work((Part(Operation.ELEMENTWISE, 0.0, size(outputs)),))

    def signal(
        self, specs: Bundle, args: Arguments, incoming: tuple[Signal, ...]
    ) -> tuple[Signal, ...]:
        return (Signal(0.0, 0.0),)

    def memory(self, specs: Bundle, outputs: Bundle, args: Arguments) -> int:
        return 0
