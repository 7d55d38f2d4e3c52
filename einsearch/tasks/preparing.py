"""From raw arrays to splits: cutting in proportion to the classes, normalising by training data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from einsearch.specs import TensorSpec
from einsearch.tasks.base import Split, Statistics

_CHUNK = 4096
"""Examples that one step of the statistics converts to float64, which bounds its memory."""


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


def cut(
    x: NDArray[Any], y: NDArray[Any], first: int, seed: int
) -> tuple[tuple[NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]:
    """Two disjoint parts, the first of `first` examples; stratified where y are class numbers."""
    rng = np.random.default_rng(seed)
    is_classes = y.ndim == 1 and np.issubdtype(y.dtype, np.integer)
    order = stratified_order(y, rng) if is_classes else rng.permutation(len(y))
    one, other = np.sort(order[:first]), np.sort(order[first:])
    return (x[one], y[one]), (x[other], y[other])


def measure(x: NDArray[Any], feature_axis: int) -> Statistics:
    """Mean and standard deviation by feature, over the examples and all other axes.

    Args:
        x: (n, ...) training data.
        feature_axis: axis of channels or features, counted without the examples.
    """
    axes = tuple(axis for axis in range(x.ndim) if axis != feature_axis + 1)
    count = x.size // x.shape[feature_axis + 1]
    chunks = [x[at : at + _CHUNK] for at in range(0, len(x), _CHUNK)]
    mean = sum(chunk.sum(axis=axes, dtype=np.float64) for chunk in chunks) / count
    shape = [1] * x.ndim
    shape[feature_axis + 1] = -1
    centre = np.reshape(mean, shape)
    variance = sum(((c.astype(np.float64) - centre) ** 2).sum(axis=axes) for c in chunks) / count
    deviation = np.sqrt(variance)
    deviation = np.where(deviation > 1e-8 * (1 + np.abs(mean)), deviation, 1.0)
    return Statistics(tuple(np.ravel(mean).tolist()), tuple(np.ravel(deviation).tolist()))


def normalise(x: NDArray[Any], statistics: Statistics, feature_axis: int) -> NDArray[np.float32]:
    """(x - mean) / deviation in float32; the inverse of `raw_targets` for targets."""
    shape = [1] * x.ndim
    shape[feature_axis + 1] = -1
    mean = np.reshape(np.asarray(statistics.mean, np.float32), shape)
    deviation = np.reshape(np.asarray(statistics.deviation, np.float32), shape)
    normal = x.astype(np.float32, order="C")
    normal -= mean
    normal /= deviation
    return normal


def prepare(
    x: NDArray[Any],
    y: NDArray[Any],
    spec: TensorSpec,
    statistics: Statistics,
    target_statistics: Statistics | None,
) -> Split:
    """A split from raw arrays: x normalised; y as class numbers, or as standardised targets.

    Args:
        x: (n, *spec.shape) raw data.
        y: (n,) class numbers, or (n, dims) targets when there are `target_statistics`.
    """
    normal = normalise(x, statistics, spec.feature_axis)
    if target_statistics is None:
        return Split(normal, np.ascontiguousarray(y, np.int64))
    return Split(normal, normalise(y, target_statistics, 0))
