"""Small tasks of every kind, made of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from einsearch.specs import TensorSpec, image, tokens, vector
from einsearch.tasks.base import Loss, Split, Statistics, Task

RANDOM_SEED = 5


def make(
    spec: TensorSpec,
    output: TensorSpec,
    loss: Loss,
    split: Any,
    *,
    sizes: tuple[int, int, int] = (60, 30, 40),
    **more: Any,
) -> Task:
    """A task whose splits `split(random, count)` makes."""
    random = np.random.default_rng(RANDOM_SEED)
    train, valid, test = (split(random, size) for size in sizes)
    statistics = Statistics((0.0,), (1.0,))
    is_number = loss in (Loss.MEAN_SQUARED_ERROR, Loss.DENSE_SQUARED_ERROR)
    targets = Statistics((3.0,) * output.features, (2.0,) * output.features) if is_number else None
    return Task("made", spec, output, loss, train, valid, lambda: test, statistics, targets, **more)


def classes(spec: TensorSpec, count: int = 3, **more: Any) -> Task:
    """Classes that the mean of an example tells."""

    def split(random: np.random.Generator, size: int) -> Split:
        x = random.normal(size=(size, *spec.shape)).astype(np.float32)
        y = np.arange(size) % count
        x += 1.5 * y.reshape(-1, *([1] * len(spec.shape)))
        return Split(x, y.astype(np.int64))

    return make(spec, vector(count), Loss.CROSS_ENTROPY, split, **more)


def numbers(dims: int = 2, features: int = 4, **more: Any) -> Task:
    """Numbers that are sums of features."""

    def split(random: np.random.Generator, size: int) -> Split:
        x = random.normal(size=(size, features)).astype(np.float32)
        y = np.stack([x @ (np.arange(features) - at) for at in range(dims)], axis=1)
        return Split(x, (y + 0.1 * random.normal(size=y.shape)).astype(np.float32))

    return make(vector(features), vector(dims), Loss.MEAN_SQUARED_ERROR, split, **more)


def labels() -> Task:
    """Three labels, one of which every example has."""

    def split(random: np.random.Generator, size: int) -> Split:
        x = random.normal(size=(size, 4)).astype(np.float32)
        y = np.stack([x[:, 0] > 0, x[:, 1] > 0.5, np.ones(size)], axis=1)
        return Split(x, y.astype(np.float32))

    return make(vector(4), vector(3), Loss.BINARY_CROSS_ENTROPY, split)


def symbols() -> Task:
    """Rows of symbols, whose first one is the class."""

    def split(random: np.random.Generator, size: int) -> Split:
        x = random.integers(1, 5, size=(size, 6, 1))
        return Split(x.astype(np.float32), (x[:, 0, 0] % 2).astype(np.int64))

    return make(
        tokens(6, 1), vector(2), Loss.CROSS_ENTROPY, split, vocabulary=("", "a", "b", "c", "d")
    )


def text() -> Task:
    """A text in which the next symbol follows from the last one."""

    def split(random: np.random.Generator, size: int) -> Split:
        starts = random.integers(4, size=(size, 1))
        codes = (starts + np.arange(9)) % 4
        return Split(codes[:, :8, None].astype(np.float32), codes[:, 1:].astype(np.int64))

    vocabulary = ("", "a", "b", "c")
    return make(tokens(8, 1), tokens(8, 4), Loss.NEXT_TOKEN, split, vocabulary=vocabulary)


def pixels() -> Task:
    """Every pixel has two numbers of its own."""

    def split(random: np.random.Generator, size: int) -> Split:
        x = random.normal(size=(size, 1, 5, 4)).astype(np.float32)
        y = np.concatenate([x + 1, 2 * x - 1], axis=1)
        return Split(x, y.astype(np.float32))

    return make(image(1, 5, 4), image(2, 5, 4), Loss.DENSE_SQUARED_ERROR, split)


def places() -> Task:
    """Every step of a series has a class of its own."""

    def split(random: np.random.Generator, size: int) -> Split:
        x = random.normal(size=(size, 8, 2)).astype(np.float32)
        return Split(x, (x[..., 0] > 0.5).astype(np.int64))

    return make(tokens(8, 2), tokens(8, 2), Loss.DENSE_CROSS_ENTROPY, split)


EVERY = {
    "table": classes(vector(5)),
    "images": classes(image(1, 6, 5)),
    "series": classes(tokens(12, 2)),
    "numbers": numbers(),
    "labels": labels(),
    "symbols": symbols(),
    "text": text(),
    "places": places(),
    "pixels": pixels(),
}
