"""From raw arrays to splits: cutting in proportion to the classes, normalising by training data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from einsearch.specs import TensorSpec
from einsearch.tasks.base import Split, Statistics
from einsearch.tasks.gaps import flagged
from einsearch.tasks.stored import LazyExamples, StoredRows, chunk

_ROUNDING: Final = 64 * np.finfo(np.float64).eps
"""A deviation of so much of the mean, or less, is that of a feature that never varies."""


def stratified_order(labels: NDArray[Any], rng: np.random.Generator) -> NDArray[np.intp]:
    """A random order of the examples in which every stretch holds the classes in proportion.

    Cutting it anywhere gives stratified parts: the k-th of the n examples of a class stands near
    the fraction (k + 1/2) / n of the whole.

    Args:
        labels: (n,) class numbers.

    Returns:
        (n,) a permutation of the example numbers.
    """
    shuffled = np.lexsort((rng.random(len(labels)), labels))
    _, starts, counts = np.unique(labels[shuffled], return_index=True, return_counts=True)
    rank = np.arange(len(labels)) - np.repeat(starts, counts)
    return shuffled[np.argsort((rank + 0.5) / np.repeat(counts, counts), kind="stable")]


def apart(y: NDArray[Any], first: int, seed: Any) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of the examples of two parts, the first of `first` of them, each in order.

    Stratified where y are class numbers.

    Args:
        seed: whatever `numpy.random.default_rng` takes.
    """
    rng = np.random.default_rng(seed)
    is_classes = y.ndim == 1 and np.issubdtype(y.dtype, np.integer)
    order = stratified_order(y, rng) if is_classes else rng.permutation(len(y))
    return np.sort(order[:first]), np.sort(order[first:])


def cut(
    x: NDArray[Any], y: NDArray[Any], first: int, seed: Any
) -> tuple[tuple[NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]:
    """Two disjoint parts, the first of `first` examples; `apart` says which."""
    one, other = apart(y, first, seed)
    return (x[one], y[one]), (x[other], y[other])


def measure(x: NDArray[Any] | StoredRows, feature_axis: int) -> Statistics:
    """Mean and standard deviation by feature, over the examples and all other axes.

    NaN is left out: it stands for what is missing. Everything is computed in float64.

    Args:
        x: (n, ...) training data; every feature has a number that is not NaN.
        feature_axis: axis of channels or features, counted without the examples.
    """
    axis = feature_axis + 1
    mean = np.zeros(x.shape[axis])
    # The second time adds what rounding took from the first sum.
    for _ in range(2):
        total, count = _sums(x, axis, mean, 1)
        mean = mean + total / count
    squares, count = _sums(x, axis, mean, 2)
    deviation = np.sqrt(squares / count)
    # The mean of equal numbers comes out a rounding beside them.
    varies = deviation > _ROUNDING * np.abs(mean)
    return Statistics(tuple(mean.tolist()), tuple(np.where(varies, deviation, 1.0).tolist()))


def _sums(
    x: NDArray[Any] | StoredRows, axis: int, centre: NDArray[np.float64], power: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By feature, the sum of (x - centre)**power over all that is no NaN, and how many these are.

    Args:
        x: (n, ...).
        axis: of the features.
        centre: (features,).
        power: 1 or 2.
    """
    others = tuple(a for a in range(x.ndim) if a != axis)
    total, count = np.zeros(x.shape[axis]), np.zeros(x.shape[axis])
    for part in _centred(x, axis, centre):
        missing = np.isnan(part)
        part[missing] = 0.0
        total += (part if power == 1 else part * part).sum(axis=others)
        count += (~missing).sum(axis=others)
    return total, count


def _centred(
    x: NDArray[Any] | StoredRows, axis: int, centre: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """x - centre in float64, a stretch of the examples at a time."""
    shape = [1] * x.ndim
    shape[axis] = -1
    step = chunk(x.shape)
    for at in range(0, len(x), step):
        part = x[at : at + step].astype(np.float64)
        part -= centre.reshape(shape)
        yield part


def normalise(x: NDArray[Any], statistics: Statistics, feature_axis: int) -> NDArray[np.float32]:
    """(x - mean) / deviation, as float32.

    The mean is taken off in float64: a time stamp rounded to float32 first would lose minutes.
    """
    axis = feature_axis + 1
    shape = [1] * x.ndim
    shape[axis] = -1
    features = x.shape[axis]
    deviation = np.reshape(np.asarray(statistics.deviation[:features], np.float64), shape)
    normal = np.empty(x.shape, np.float32)
    centre = np.asarray(statistics.mean[:features], np.float64)
    at = 0
    for part in _centred(x, axis, centre):
        normal[at : at + len(part)] = part / deviation
        at += len(part)
    return normal


def _normal(
    x: NDArray[Any] | StoredRows, statistics: Statistics, feature_axis: int
) -> NDArray[np.float32]:
    """x normalised; where it stays on disk, something that can be asked for parts as an array."""
    if isinstance(x, np.ndarray):
        return normalise(x, statistics, feature_axis)
    mean, deviation = np.asarray(statistics.mean), np.asarray(statistics.deviation)
    return cast("NDArray[np.float32]", LazyExamples(x, mean, deviation, feature_axis + 1))


def prepare(
    x: NDArray[Any] | StoredRows,
    y: NDArray[Any],
    spec: TensorSpec,
    statistics: Statistics,
    target_statistics: Statistics | None,
    flags_gaps: bool = False,
    target_axis: int = 0,
) -> Split:
    """A split from raw arrays: x normalised; y as class numbers, or as standardised targets.

    Args:
        x: (n, *spec.shape) raw data; with gaps a feature less, and NaN where something is missing.
        y: (n,) class numbers, (n, labels) floats of 0 and 1, or (n, dims) targets when there are
            `target_statistics`; as many for every token or pixel.
        flags_gaps: whether the last feature of `spec` says what is missing, see `gaps.py`.
        target_axis: axis of the dimensions of targets, counted without the examples.
    """
    normal = _normal(x, statistics, spec.feature_axis)
    normal = flagged(normal) if flags_gaps else normal
    if target_statistics is None:
        kind = np.float32 if y.dtype.kind == "f" else np.int64
        return Split(normal, np.ascontiguousarray(y, kind))
    return Split(normal, normalise(y, target_statistics, target_axis))
