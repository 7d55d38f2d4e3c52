"""What the kernels of a call have to do: operations by kind, bytes that move, bytes that stay.

A primitive says it in `Primitive.work`, for one example and the forward pass; `einsearch.cost`
turns it into seconds and bytes of a device. What a primitive does not say follows from its FLOPs
and its memory (`usual_work`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from einsearch.specs import Bundle

FLOAT: Final = 4
"""Bytes of a float32."""


class Operation(StrEnum):
    """Kinds of kernels whose speed differs; devices are calibrated by them."""

    MATRIX = "matrix"
    """A matrix product that all examples share: linear maps."""
    BATCHED = "batched"
    """Many small matrix products, one for each example or head."""
    CONVOLUTION = "convolution"
    """A convolution whose groups have several channels."""
    DEPTHWISE = "depthwise"
    """A convolution of every channel by itself."""
    ELEMENTWISE = "elementwise"
    """Arithmetic that memory bounds: sums, products, relu."""
    FUNCTION = "function"
    """Element by element with exponentials and the like."""
    NORM = "norm"
    """Normalisation."""
    REDUCTION = "reduction"
    """Averages and sums."""
    SERIAL = "serial"
    """Element by element, with nothing done side by side: pools, random numbers, variances."""
    SOFTMAX = "softmax"
    """Softmax along an axis."""
    COPY = "copy"
    """Elements that move: concatenation, unfolding, repeating."""
    VIEW = "view"
    """Nothing but another way to look at memory."""
    INDEX = "index"
    """Rows gathered and scattered by number."""
    SCAN = "scan"
    """A recurrence, step by step."""
    FOURIER = "fourier"
    """Fourier transforms."""


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of kernel that a call runs, in the forward pass.

    Attributes:
        operation: its kind.
        flops: for one example, two per multiply-add; of elementwise work one per element.
        moved: bytes read and written for one example.
        calls: kernels started, however many examples there are.
        width: of products the smallest of the sizes that all examples share: narrow ones reach
            less of a device's speed. 0 where that does not matter.
        rows: rows of a product that one example has; 0 where the number of rows is in `width`.
        back: work of the gradient by what is usual for the kind.
        once: whether `flops` and `moved` are those of a step, not of each example.
    """

    operation: Operation
    flops: float = 0.0
    moved: float = 0.0
    calls: float = 1.0
    width: float = 0.0
    rows: float = 0.0
    back: float = 1.0
    once: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """All that a call does for one example in the forward pass.

    Attributes:
        parts: its kernels.
        keeps_inputs: whether training keeps what enters until the gradient has been made.
        keeps_outputs: whether it keeps what leaves.
        kept: further bytes that it keeps.
        scratch: bytes that its kernels need for the gradient, beside inputs, outcomes, their
            gradients and `kept`; those of the forward pass need about half of it.
        is_view: whether what leaves shares the memory of what enters.
        turns: whether the order of elements in memory is another one than that of the axes.
        fixed: bytes kept whatever the number of examples.
    """

    parts: tuple[Part, ...]
    keeps_inputs: bool = False
    keeps_outputs: bool = False
    kept: float = 0.0
    scratch: float = 0.0
    is_view: bool = False
    turns: bool = False
    fixed: float = 0.0


def size(specs: Bundle) -> int:
    """Bytes of tensors for one example."""
    return FLOAT * sum([spec.elements for spec in specs])


def passes(
    operation: Operation, specs: Bundle, outputs: Bundle, calls: float = 1.0, times: float = 1.0
) -> Part:
    """Kernels that read what enters and write what leaves, each of them `times`."""
    elements = times * sum(spec.elements for spec in outputs)
    return Part(operation, elements, times * (size(specs) + size(outputs)), calls)


def product(
    operation: Operation, flops: float, moved: float, sizes: Iterable[float], rows: float = 0.0
) -> Part:
    """A matrix product or a convolution.

    Args:
        sizes: of the axes that limit its speed: features that enter and leave.
        rows: rows that one example has, where examples share the matrix.
    """
    return Part(operation, flops, moved, width=min(sizes), rows=rows)


def usual_work(
    specs: Bundle, outputs: Bundle, *, flops: float, memory: float, is_view: bool, weights: int
) -> Work:
    """What a primitive does that says nothing more of itself.

    Args:
        flops, memory, is_view, weights: what it declares.
    """
    if is_view:
        return Work((Part(Operation.VIEW),), is_view=True)
    if flops:
        width = min(spec.features for spec in (*specs, *outputs))
        moved = size(specs) + size(outputs)
        part = Part(Operation.MATRIX, flops, moved, width=width, rows=1.0)
        return Work((part,), True, kept=max(0.0, memory), scratch=size(specs))
    kinds = Operation.FUNCTION if weights else Operation.ELEMENTWISE
    kept = max(0.0, memory - size(outputs))
    return Work((passes(kinds, specs, outputs, calls=2),), True, True, kept=kept)


def repeated(work: Work, examples: float, runs: float) -> list[Part]:
    """Parts of an expression that is run several times for an example of the whole network.

    Args:
        work: of one of its calls.
        examples: that it sees for each.
        runs: how often its kernels are started.
    """
    return [
        replace(
            part,
            flops=part.flops * (1 if part.once else examples),
            moved=part.moved * (1 if part.once else examples),
            calls=part.calls * runs,
            rows=part.rows * examples,
        )
        for part in work.parts
    ]
