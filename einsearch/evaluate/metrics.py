"""Metrics of a task, computed in float64 from a network's outputs for a whole split."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sklearn

from einsearch.tasks.base import Loss, Task

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
    best, classes = logits.argmax(axis=1), np.unique(labels)
    return float(sklearn.recall_score(labels, best, labels=classes, average="macro"))


def f1(logits: Floats, labels: Labels) -> float:
    """Mean of F1 over the classes that occur or are answered. Shapes as in `accuracy`.

    F1 of a class is the harmonic mean of its precision and its recall.
    """
    best = logits.argmax(axis=1)
    return float(sklearn.f1_score(labels, best, average="macro", zero_division=0.0))


def auc(logits: Floats, labels: Labels) -> float:
    """Area under the curve of true over false positives, as a mean over the classes.

    How often an example of the class has a larger share of it than an example of another one: 0.5
    is chance. Classes that no example has, or all have, are left out; where none is left it is 0.5.

    Args:
        logits: (n, classes).
        labels: (n,) class numbers.
    """
    shares = log_softmax(logits)
    shares = shares[:, 1:] - shares[:, :1] if shares.shape[1] == 2 else shares
    first = logits.shape[1] - shares.shape[1]
    return _mean_auc(shares, labels[:, None] == np.arange(first, logits.shape[1]))


def _mean_auc(scores: Floats, truths: NDArray[np.bool_]) -> float:
    """Mean of the area under the curve over the columns, both (n, k), whose truths vary."""
    if not np.isfinite(scores).all():
        return math.nan
    varies = truths.any(axis=0) & ~truths.all(axis=0)
    if not varies.any():
        return 0.5
    return float(sklearn.roc_auc_score(truths[:, varies], scores[:, varies], average="macro"))


def log_softmax(logits: Floats) -> Floats:
    """Logarithms of the shares of the classes, (n, classes)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shares


def cross_entropy(logits: Floats, labels: Labels) -> float:
    """Mean of -log softmax(logits)[label], in nats. Shapes as in `accuracy`."""
    return float(-np.mean(log_softmax(logits)[np.arange(len(labels)), labels]))


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


def labels_auc(logits: Floats, truths: Floats) -> float:
    """`auc` as a mean over the labels of which an example may have several; both (n, labels)."""
    return _mean_auc(logits, truths > 0.5)


def labels_f1(logits: Floats, truths: Floats) -> float:
    """Mean of F1 over the labels; a label is answered where its logit is above 0; shapes as in
    `labels_auc`."""
    found = sklearn.f1_score(truths > 0.5, logits > 0, average="macro", zero_division=0.0)
    return float(found)


def labels_accuracy(logits: Floats, truths: Floats) -> float:
    """Share of examples of which every label is right. Shapes as in `labels_auc`."""
    return float(np.mean(((logits > 0) == (truths > 0.5)).all(axis=1)))


def labels_cross_entropy(logits: Floats, truths: Floats) -> float:
    """Mean over examples and labels of -log of the probability of the truth, in nats."""
    return float(np.mean(np.logaddexp(0.0, logits) - truths * logits))


_LABELS: Final[Mapping[str, Callable[[Floats, Floats], float]]] = {
    "auc": labels_auc,
    "f1": labels_f1,
    "accuracy": labels_accuracy,
    "cross_entropy": labels_cross_entropy,
}
_CLASSIFICATION: Final[Mapping[str, Callable[[Floats, Labels], float]]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1": f1,
    "auc": auc,
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
    if task.loss is Loss.BINARY_CROSS_ENTROPY:
        return {m.name: _LABELS[m.name](outputs, answers.astype(np.float64)) for m in task.metrics}
    if task.target_statistics is None:
        outputs, answers = outputs.reshape(-1, outputs.shape[-1]), answers.reshape(-1)
        return {m.name: _CLASSIFICATION[m.name](outputs, answers) for m in task.metrics}
    deviation = np.asarray(task.target_statistics.deviation)
    outputs, targets = outputs * deviation, answers.astype(np.float64) * deviation
    return {m.name: _REGRESSION[m.name](outputs, targets) for m in task.metrics}
