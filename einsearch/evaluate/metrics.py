"""Metrics of a task, computed in float64 from a network's outputs for a whole split."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sklearn

from einsearch.tasks.base import Loss, Task, restored

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Weights = NDArray[np.float64] | None
"""How much each example counts, (n,); None where all count alike."""
Scores = dict[str, float]
"""Metrics by name."""


def accuracy(logits: Floats, labels: Labels, weights: Weights = None) -> float:
    """Fraction of examples whose largest logit is that of their class.

    Args:
        logits: (n, classes).
        labels: (n,) class numbers.
        weights: of the examples.
    """
    return float(np.average(logits.argmax(axis=1) == labels, weights=weights))


def balanced_accuracy(logits: Floats, labels: Labels, weights: Weights = None) -> float:
    """Mean over the classes that occur of the accuracy within each. Arguments as in `accuracy`."""
    truths, _, hits = _counts(logits, labels, weights)
    occurs = truths > 0
    return float(np.mean(hits[occurs] / truths[occurs]))


def f1(logits: Floats, labels: Labels, weights: Weights = None) -> float:
    """Mean of F1 over the classes that occur or are answered. Arguments as in `accuracy`.

    F1 of a class is the harmonic mean of its precision and its recall.
    """
    truths, answers, hits = _counts(logits, labels, weights)
    both = truths + answers
    return float(np.mean(2 * hits[both > 0] / both[both > 0]))


def _counts(logits: Floats, labels: Labels, weights: Weights) -> tuple[Floats, Floats, Floats]:
    """Of every class, (classes,) each: its examples, its answers, and those that are right."""
    best, classes = logits.argmax(axis=1), logits.shape[1]
    is_right = best == labels
    hits = None if weights is None else weights[is_right]
    found = [
        np.bincount(numbers, each, classes).astype(np.float64)
        for numbers, each in ((labels, weights), (best, weights), (labels[is_right], hits))
    ]
    return found[0], found[1], found[2]


def auc(logits: Floats, labels: Labels, weights: Weights = None) -> float:
    """Area under the curve of true over false positives, as a mean over the classes.

    How often an example of the class has a larger share of it than an example of another one: 0.5
    is chance. Classes that no example has, or all have, are left out; where none is left it is 0.5.
    Arguments as in `accuracy`.
    """
    shares = log_softmax(logits)
    shares = shares[:, 1:] - shares[:, :1] if shares.shape[1] == 2 else shares
    first = logits.shape[1] - shares.shape[1]
    return _mean_auc(shares, labels[:, None] == np.arange(first, logits.shape[1]), weights)


def _mean_auc(scores: Floats, truths: NDArray[np.bool_], weights: Weights) -> float:
    """Mean of the area under the curve over the columns, both (n, k), whose truths vary."""
    if not np.isfinite(scores).all():
        return math.nan
    varies = truths.any(axis=0) & ~truths.all(axis=0)
    columns = np.flatnonzero(varies)
    each = np.ones(len(scores)) if weights is None else weights
    areas = [_area(scores[:, column], truths[:, column], each) for column in columns]
    return float(np.mean(areas)) if areas else 0.5


def _area(scores: Floats, truths: NDArray[np.bool_], weights: Floats) -> float:
    """How often one of the true examples, drawn by weight, is above one of the others; half where
    they are equal. All (n,)."""
    values, place = np.unique(scores, return_inverse=True)
    true = np.bincount(place, weights * truths, len(values))
    false = np.bincount(place, weights * ~truths, len(values))
    below = np.cumsum(false) - false
    return float(true @ (below + false / 2) / (true.sum() * false.sum()))


def log_softmax(logits: Floats) -> Floats:
    """Logarithms of the shares of the classes, (n, classes)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shares


def cross_entropy(logits: Floats, labels: Labels, weights: Weights = None) -> float:
    """Mean of -log softmax(logits)[label], in nats. Arguments as in `accuracy`."""
    shares = log_softmax(logits)[np.arange(len(labels)), labels]
    return float(-np.average(shares, weights=weights))


def bpc(logits: Floats, labels: Labels, weights: Weights = None) -> float:
    """Bits per character: the cross-entropy in bits. Arguments as in `accuracy`."""
    return cross_entropy(logits, labels, weights) / math.log(2)


def mse(outputs: Floats, targets: Floats, weights: Weights = None) -> float:
    """Mean squared error over examples and dimensions, both (n, dims)."""
    return float(np.mean(np.average((outputs - targets) ** 2, axis=0, weights=weights)))


def rmse(outputs: Floats, targets: Floats, weights: Weights = None) -> float:
    """Root of the mean squared error over examples and dimensions, both (n, dims)."""
    return math.sqrt(mse(outputs, targets, weights))


def mae(outputs: Floats, targets: Floats, weights: Weights = None) -> float:
    """Mean absolute error over examples and dimensions, both (n, dims)."""
    return float(np.mean(np.average(np.abs(outputs - targets), axis=0, weights=weights)))


def r2(outputs: Floats, targets: Floats, weights: Weights = None) -> float:
    """Explained fraction of the variance, averaged over dimensions; 1 is perfect, 0 is the mean.

    A dimension that never varies counts 1 where it is met exactly, and else 0.

    Args:
        outputs, targets: (n, dims).
        weights: of the examples.
    """
    mean = np.average(targets, axis=0, weights=weights)
    errors = np.average((outputs - targets) ** 2, axis=0, weights=weights)
    spread = np.average((targets - mean) ** 2, axis=0, weights=weights)
    varies = spread > 0
    scores = np.where(varies, 1 - errors / np.where(varies, spread, 1.0), errors == 0)
    return float(np.mean(scores))


def labels_auc(logits: Floats, truths: Floats, weights: Weights = None) -> float:
    """`auc` as a mean over the labels of which an example may have several; both (n, labels)."""
    return _mean_auc(logits, truths > 0.5, weights)


def labels_f1(logits: Floats, truths: Floats, weights: Weights = None) -> float:
    """Mean of F1 over the labels; a label is answered where its logit is above 0; shapes as in
    `labels_auc`. A label that is neither there nor answered counts 0."""
    found = sklearn.f1_score(
        truths > 0.5, logits > 0, average="macro", zero_division=0.0, sample_weight=weights
    )
    return float(found)


def labels_accuracy(logits: Floats, truths: Floats, weights: Weights = None) -> float:
    """Share of examples of which every label is right. Shapes as in `labels_auc`."""
    return float(np.average(((logits > 0) == (truths > 0.5)).all(axis=1), weights=weights))


def labels_cross_entropy(logits: Floats, truths: Floats, weights: Weights = None) -> float:
    """Mean over examples and labels of -log of the probability of the truth, in nats."""
    losses = np.logaddexp(0.0, logits) - truths * logits
    return float(np.mean(np.average(losses, axis=0, weights=weights)))


def mean_iou(logits: Floats, labels: Labels, weights: Weights = None) -> float:
    """Mean over the classes that occur of what is both of a class and answered so, by what is one
    of both, over all pixels or steps. Arguments as in `accuracy`."""
    best = logits.argmax(axis=1)
    found = sklearn.jaccard_score(
        labels, best, labels=np.unique(labels), average="macro", sample_weight=weights
    )
    return float(found)


def relative_l2(outputs: Floats, targets: Floats, weights: Weights = None) -> float:
    """Mean over examples of the norm of the error by the norm of the target.

    Args:
        outputs, targets: (n, ...) in the unit of the data. An example whose target is 0 everywhere
            counts the norm of its error.
        weights: of the examples.
    """
    flat = (len(targets), -1)
    errors = np.linalg.norm((outputs - targets).reshape(flat), axis=1)
    sizes = np.linalg.norm(targets.reshape(flat), axis=1)
    return float(np.average(errors / np.where(sizes > 0, sizes, 1.0), weights=weights))


def classes_last(outputs: NDArray[Any]) -> NDArray[Any]:
    """(n, ..., classes) of answers; those of images have their classes on the second axis."""
    return np.moveaxis(outputs, 1, -1) if outputs.ndim == 4 else outputs


_LABELS: Final[Mapping[str, Callable[[Floats, Floats, Weights], float]]] = {
    "auc": labels_auc,
    "f1": labels_f1,
    "accuracy": labels_accuracy,
    "cross_entropy": labels_cross_entropy,
}
_CLASSIFICATION: Final[Mapping[str, Callable[[Floats, Labels, Weights], float]]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1": f1,
    "auc": auc,
    "cross_entropy": cross_entropy,
    "bpc": bpc,
    "mean_iou": mean_iou,
}
_REGRESSION: Final[Mapping[str, Callable[[Floats, Floats, Weights], float]]] = {
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
}


def score(
    task: Task,
    outputs: NDArray[Any],
    answers: NDArray[Any],
    weights: NDArray[Any] | None = None,
) -> Scores:
    """All metrics of a task, in its order. Those of a regression are in the unit of the raw data.

    Args:
        task: says which metrics.
        outputs: (n, features) of the network, or (n, length, features).
        answers: `y` of the split.
        weights: `weights` of the split. Examples of weight 0 are as if they were not there.
    """
    more: Scores = {}
    if task.loss is Loss.DENSE_SQUARED_ERROR and task.target_statistics is not None:
        told, true = (restored(y, task.target_statistics, task.output) for y in (outputs, answers))
        more = {"relative_l2": relative_l2(told, true, weights)}
    outputs, answers, each = _prepared(task, outputs, answers, weights)
    if task.loss is Loss.BINARY_CROSS_ENTROPY:
        return {m.name: _LABELS[m.name](outputs, answers, each) for m in task.metrics}
    if task.target_statistics is None:
        return {m.name: _CLASSIFICATION[m.name](outputs, answers, each) for m in task.metrics}
    deviation = np.asarray(task.target_statistics.deviation)
    outputs, targets = outputs * deviation, answers * deviation
    found = {name: metric(outputs, targets, each) for name, metric in _REGRESSION.items()}
    return {m.name: (found | more)[m.name] for m in task.metrics}


def proper_score(
    task: Task,
    outputs: NDArray[Any],
    answers: NDArray[Any],
    weights: NDArray[Any] | None = None,
) -> float:
    """The loss of a task without smoothing, which is best for true probabilities and for the mean:
    cross-entropy, or the mean squared error of standardised targets. Arguments as of `score`."""
    outputs, answers, each = _prepared(task, outputs, answers, weights)
    if task.loss is Loss.BINARY_CROSS_ENTROPY:
        return labels_cross_entropy(outputs, answers, each)
    return (cross_entropy if task.is_classification else mse)(outputs, answers, each)


def _prepared(
    task: Task, outputs: NDArray[Any], answers: NDArray[Any], weights: NDArray[Any] | None
) -> tuple[Floats, NDArray[Any], Weights]:
    """Outputs and answers with a row for each answer, and the weights of the rows."""
    if weights is not None and not weights.all():
        counts = weights > 0
        outputs, answers, weights = outputs[counts], answers[counts], weights[counts]
    outputs = outputs.astype(np.float64)
    each = None if weights is None else weights.astype(np.float64)
    if task.is_dense:
        outputs = classes_last(outputs)
    if task.loss is Loss.DENSE_SQUARED_ERROR:
        answers = classes_last(answers.astype(np.float64))
        answers = answers.reshape(-1, answers.shape[-1])
    elif task.loss is Loss.BINARY_CROSS_ENTROPY or not task.is_classification:
        return outputs, answers.astype(np.float64), each
    else:
        answers = answers.reshape(-1)
    rows = outputs.reshape(-1, outputs.shape[-1])
    tokens = len(rows) // max(1, len(outputs))
    return rows, answers, None if each is None else np.repeat(each, tokens)
