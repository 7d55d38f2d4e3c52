"""Metrics of a task, computed in float64 from a network's outputs for a whole split."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.tasks.base import Task

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Scores = dict[str, float]
"""Metrics by name."""


def accuracy(logits: Floats, labels: Labels) -> float:
    """Fraction of examples whose largest logit is that of their class.

    Args:
        logits: (n, classes).
        labels: (n,) class numbers.
    """
    return float(np.mean(logits.argmax(axis=1) == labels))


def balanced_accuracy(logits: Floats, labels: Labels) -> float:
    """Mean over the classes that occur of the accuracy within each. Shapes as in `accuracy`."""
    hits = logits.argmax(axis=1) == labels
    counts = np.bincount(labels)
    right = np.bincount(labels, weights=hits)
    return float(np.mean(right[counts > 0] / counts[counts > 0]))


def cross_entropy(logits: Floats, labels: Labels) -> float:
    """Mean of -log softmax(logits)[label], in nats. Shapes as in `accuracy`."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sums - shifted[np.arange(len(labels)), labels]))


def bpc(logits: Floats, labels: Labels) -> float:
    """Bits per character: the cross-entropy in bits. Shapes as in `accuracy`."""
    return cross_entropy(logits, labels) / math.log(2)


def rmse(outputs: Floats, targets: Floats) -> float:
    """Root of the mean squared error over examples and dimensions, both (n, dims)."""
    return float(np.sqrt(np.mean((outputs - targets) ** 2)))


def mae(outputs: Floats, targets: Floats) -> float:
    """Mean absolute error over examples and dimensions, both (n, dims)."""
    return float(np.mean(np.abs(outputs - targets)))


def r2(outputs: Floats, targets: Floats) -> float:
    """Explained fraction of the variance, averaged over dimensions; 1 is perfect, 0 is the mean.

    A dimension that never varies counts 1 where it is met exactly, and else 0.

    Args:
        outputs, targets: (n, dims).
    """
    errors = ((outputs - targets) ** 2).sum(axis=0)
    spread = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    varies = spread > 0
    scores = np.where(varies, 1 - errors / np.where(varies, spread, 1.0), errors == 0)
    return float(np.mean(scores))


_CLASSIFICATION: Final[Mapping[str, Callable[[Floats, Labels], float]]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "cross_entropy": cross_entropy,
    "bpc": bpc,
}
_REGRESSION: Final[Mapping[str, Callable[[Floats, Floats], float]]] = {
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
}


def score(task: Task, outputs: NDArray[Any], answers: NDArray[Any]) -> Scores:
    """All metrics of a task, in its order. Those of a regression are in the unit of the raw data.

    Args:
        task: says which metrics.
        outputs: (n, features) of the network, or (n, length, features).
        answers: `y` of the split.
    """
    outputs = outputs.astype(np.float64)
    if task.target_statistics is None:
        outputs, answers = outputs.reshape(-1, outputs.shape[-1]), answers.reshape(-1)
        return {m.name: _CLASSIFICATION[m.name](outputs, answers) for m in task.metrics}
    deviation = np.asarray(task.target_statistics.deviation)
    outputs, targets = outputs * deviation, answers.astype(np.float64) * deviation
    return {m.name: _REGRESSION[m.name](outputs, targets) for m in task.metrics}
