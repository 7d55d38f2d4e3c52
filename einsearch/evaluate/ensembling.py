"""Averages of networks: what they answer together, and which of many should be averaged.

Caruana, Niculescu-Mizil, Crew and Ksikes, 2004, "Ensemble Selection from Libraries of Models":
greedy, with replacement, beginning with the best.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from einsearch.evaluate.certainty import proper_loss
from einsearch.evaluate.crossvalidation import Answers
from einsearch.tasks.base import REGRESSIONS, Loss, Task

_GAIN: Final = 0.002
"""Part of the loss by which another network has to lower it."""

Name = TypeVar("Name", bound=Hashable)


def blended(
    task: Task, outputs: Sequence[NDArray[Any]], shares: Sequence[float]
) -> NDArray[np.float32]:
    """What networks answer together, as outputs of one network.

    Of classes the probabilities are averaged, and their logarithms are the logits; of labels the
    log-odds of the averaged probabilities; of a regression the answers themselves.

    Args:
        task: says what outputs are.
        outputs: of each network, (n, *output shape).
        shares: of each network; they sum to 1.
    """
    values = [output.astype(np.float64) for output in outputs]
    kind = kind_of_answers(task.loss)
    if kind == "values":
        mean = sum(share * value for share, value in zip(shares, values, strict=True))
    elif kind == "labels":
        yes = [-np.logaddexp(0.0, -value) for value in values]
        no = [-np.logaddexp(0.0, value) for value in values]
        mean = _log_mean(yes, shares) - _log_mean(no, shares)
    else:
        axis = 1 if values[0].ndim == 4 else -1
        mean = _log_mean([log_softmax(value, axis=axis) for value in values], shares)
    return np.asarray(mean, np.float32)


def kind_of_answers(loss: Loss) -> str:
    """What networks answer that are trained with a loss, as a key of `compile.blending.MEANS`."""
    if loss in REGRESSIONS:
        return "values"
    return "labels" if loss is Loss.BINARY_CROSS_ENTROPY else "classes"


def _log_mean(logs: Sequence[NDArray[Any]], shares: Sequence[float]) -> NDArray[Any]:
    """Logarithm of the mean of numbers, from their logarithms: those of the smallest stay exact."""
    parts = [log + math.log(share) for log, share in zip(logs, shares, strict=True)]
    mean: NDArray[Any] = np.logaddexp.reduce(parts)
    return mean


def chosen(task: Task, answers: Mapping[Name, Answers], most: int) -> dict[Name, int]:
    """Which networks answer best together, and how often each counts.

    Args:
        task: whose proper score decides.
        answers: of each network, to the same examples in the same order.
        most: networks in all, repeated ones counted.
    """
    names = list(answers)
    if not names:
        return {}
    losses = {name: proper_loss(task, answers[name]) for name in names}
    first = min(names, key=lambda name: losses[name])
    picked, best = [first], losses[first]
    while len(picked) < most:
        trials = {name: _together(task, answers, [*picked, name]) for name in names}
        name = min(names, key=lambda name: trials[name])
        if not trials[name] < best - _GAIN * abs(best):
            break
        picked.append(name)
        best = trials[name]
    return dict(Counter(picked))


def _together(task: Task, answers: Mapping[Name, Answers], names: Sequence[Name]) -> float:
    one = answers[names[0]]
    outputs = blended(task, [answers[n].outputs for n in names], [1 / len(names)] * len(names))
    loss = proper_loss(task, Answers(one.rows, outputs, one.y, one.weights))
    return loss if math.isfinite(loss) else math.inf
