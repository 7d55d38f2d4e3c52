"""What simple models are given of a split: rows of numbers, no more of them than take seconds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.specs import Layout
from einsearch.tasks.base import Loss, Split, Task

EXAMPLES: Final = 5_000
"""Examples at most that a simple model learns from."""
FEATURES: Final = 1_000
"""Numbers of an example at most that it is given."""

_AT_ONCE: Final = 1_000
"""Examples that are worked on at once, at most,"""
_BYTES: Final = 64_000_000
"""and bytes of them."""

Floats = NDArray[np.float32]


def sampled(split: Split, seed: int, most: int = EXAMPLES) -> Split:
    """A split with so many examples at most, drawn at random."""
    if len(split) <= most:
        return split
    rows = np.sort(np.random.default_rng(seed).choice(len(split), most, replace=False))
    weights = None if split.weights is None else split.weights[rows]
    return Split(split.x[rows], split.y[rows], weights)


def in_parts(x: Any, make: Callable[[Floats], NDArray[Any]]) -> NDArray[Any]:
    """What is made of examples, a stretch of them at a time, which bounds memory.

    Args:
        x: (n, *shape), in memory or on disk.
        make: from some examples to as many rows.
    """
    one = 4 * math.prod(x.shape[1:])
    step = max(1, min(_AT_ONCE, _BYTES // max(1, one)))
    parts = [make(np.asarray(x[begin : begin + step])) for begin in range(0, len(x), step)]
    return np.concatenate(parts)


def has_codes(task: Task) -> bool:
    """Whether an example is a row of symbols."""
    return bool(task.vocabulary) and task.loss is not Loss.NEXT_TOKEN


def is_per_place(task: Task) -> bool:
    """Whether every token or pixel has an answer of its own."""
    return task.output.layout is not Layout.VECTOR


def pooling(task: Task) -> int:
    """Places of an axis of an image or of a series that are taken together, so that an example
    has no more numbers than there may be; 1 for all others."""
    spec, step = task.input, 1
    if spec.layout is Layout.VECTOR or has_codes(task):
        return 1
    while _pooled_size(task, step) > FEATURES and step < max(spec.shape):
        step += 1
    return step


def _pooled_size(task: Task, step: int) -> int:
    spec = task.input
    if spec.layout is Layout.IMAGE:
        channels, height, width = spec.shape
        return channels * -(-height // step) * -(-width // step)
    length, features = spec.shape
    return -(-length // step) * features


def rows_of(task: Task, x: Floats) -> Floats:
    """Examples as rows of numbers, (n, features); means over neighbours where they are many."""
    step = pooling(task)
    for axis in () if step == 1 else _places(task):
        starts = np.arange(0, x.shape[axis], step)
        sizes = np.diff([*starts, x.shape[axis]])
        sums = np.add.reduceat(x, starts, axis=axis)
        sizes = sizes.reshape([-1 if at == axis else 1 for at in range(x.ndim)])
        x = (sums / sizes).astype(np.float32)
    return np.ascontiguousarray(x.reshape(len(x), -1))


def _places(task: Task) -> tuple[int, ...]:
    return (2, 3) if task.input.layout is Layout.IMAGE else (1,)


def told_of_limits(task: Task, examples: int) -> tuple[str, ...]:
    """What a simple model was not given, for people.

    Args:
        task: whose data they are.
        examples: that there are to learn from.
    """
    notes = []
    if examples > EXAMPLES:
        notes.append(f"learned from {EXAMPLES:,} of {examples:,} examples")
    if (step := pooling(task)) > 1:
        shape = f"{step}x{step}" if task.input.layout is Layout.IMAGE else str(step)
        notes.append(f"of means over {shape} places")
    elif task.input.layout is Layout.VECTOR and task.input.features > FEATURES:
        notes.append(f"of the {FEATURES:,} most telling of {task.input.features:,} features")
    return tuple(notes)
