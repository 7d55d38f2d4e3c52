"""How far a score may be off because it rests on few examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.evaluate.crossvalidation import Answers
from einsearch.evaluate.metrics import classes_last, log_softmax, score
from einsearch.tasks.base import SHARES, Loss, Task

_NORMAL: Final = 1.959964
"""Of a normal distribution, 95 % lies within so many deviations."""

_RESAMPLES: Final = 200
_MOST: Final = 2_000_000
"""Numbers that resampling looks at, at most; of larger test splits it does fewer rounds."""

_FEWEST: Final = 40


def standard_errors(task: Task, answers: Answers) -> dict[str, float]:
    """Standard errors of the metrics that are means over examples, as of one sample of them.

    Args:
        task: says which metrics.
        answers: to at least two examples; of fewer nothing is said.
    """
    if len(answers) < 2:
        return {}
    found = {}
    for metric in task.metrics:
        losses = _by_example(metric.name, task, answers)
        if losses is not None:
            error = float(losses.std(ddof=1)) / math.sqrt(len(losses))
            found[metric.name] = error if metric.name != "rmse" else _of_root(losses, error)
    return found


def proper_loss(task: Task, answers: Answers) -> float:
    """The mean of the task's proper score over examples, less is better: cross-entropy, or the
    mean squared error."""
    name = "cross_entropy" if task.is_classification else "rmse"
    losses = _by_example(name, task, answers)
    assert losses is not None
    return float(np.average(losses, weights=answers.weights))


def intervals(task: Task, answers: Answers, seed: int = 0) -> dict[str, tuple[float, float]]:
    """95 % intervals of every metric of a task on one set of answers.

    Those of shares are Wilson's (1927, "Probable Inference, the Law of Succession, and Statistical
    Inference"), which hold at 0 and 100 % too; others come from resampling the examples (Efron and
    Tibshirani, 1993, "An Introduction to the Bootstrap", chapter 13).

    Args:
        answers: to the test examples.
        seed: of the resampling.
    """
    n = len(answers)
    if n < 2:
        return {}
    values = score(task, answers.outputs, answers.y, answers.weights)
    drawn = _resampled(task, answers, seed)
    found = {}
    for name, value in values.items():
        is_share = name in SHARES and name == "accuracy" and not task.is_dense
        if is_share and answers.weights is None:
            found[name] = wilson(value, n)
        else:
            low, high = np.quantile([one[name] for one in drawn], (0.025, 0.975))
            found[name] = (float(low), float(high))
    return found


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of n examples."""
    z = _NORMAL
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def _resampled(task: Task, answers: Answers, seed: int) -> list[Mapping[str, float]]:
    rng = np.random.default_rng(seed)
    rounds = min(_RESAMPLES, max(_FEWEST, _MOST // max(1, answers.outputs.size)))
    found: list[Mapping[str, float]] = []
    for _ in range(rounds):
        rows = rng.integers(len(answers), size=len(answers))
        weights = None if answers.weights is None else answers.weights[rows]
        found.append(score(task, answers.outputs[rows], answers.y[rows], weights))
    return found


def _by_example(name: str, task: Task, answers: Answers) -> NDArray[np.float64] | None:
    """What each example adds to a metric that is a mean, squared errors for rmse; else None."""
    outputs, y = answers.outputs.astype(np.float64), answers.y
    if task.is_dense:
        outputs = classes_last(outputs)
        y = y if task.is_classification else classes_last(y)
    losses: Mapping[str, Callable[[Any, Any], Any]]
    if task.is_classification and task.loss is not Loss.BINARY_CROSS_ENTROPY:
        n = len(y)
        outputs, y = outputs.reshape(-1, outputs.shape[-1]), y.reshape(-1)
        losses = {
            "accuracy": lambda o, t: o.argmax(axis=1) == t,
            "cross_entropy": lambda o, t: -log_softmax(o)[np.arange(len(t)), t],
            "bpc": lambda o, t: -log_softmax(o)[np.arange(len(t)), t] / math.log(2),
        }
    elif task.loss is Loss.BINARY_CROSS_ENTROPY:
        n = len(y)
        losses = {
            "accuracy": lambda o, t: ((o > 0) == (t > 0.5)).all(axis=1),
            "cross_entropy": lambda o, t: np.logaddexp(0.0, o) - t * o,
        }
    else:
        n, scale = len(y), np.asarray(task.target_statistics.deviation)  # type: ignore[union-attr]
        losses = {
            "rmse": lambda o, t: ((o - t) * scale) ** 2,
            "mae": lambda o, t: np.abs((o - t) * scale),
        }
    if name not in losses:
        return None
    found = np.asarray(losses[name](outputs, y), np.float64)
    means: NDArray[np.float64] = found.reshape(n, -1).mean(axis=1)
    return means


def _of_root(squares: NDArray[np.float64], error: float) -> float:
    """Standard error of the root of a mean, from that of the mean (delta method)."""
    mean = float(squares.mean())
    return error / (2 * math.sqrt(mean)) if mean > 0 else 0.0
