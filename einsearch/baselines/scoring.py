"""Simple models are scored as networks are: on the same folds, and once on the same test."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from einsearch.baselines.models import Fit, Model, Predict
from einsearch.baselines.preparing import in_parts, sampled, told_of_limits
from einsearch.evaluate.certainty import standard_errors
from einsearch.evaluate.crossvalidation import Answers
from einsearch.evaluate.folds import fold_tasks, pool_of
from einsearch.evaluate.metrics import score
from einsearch.tasks.base import Split, Task

Pair = tuple[Split, Split]
"""What is learned from, and what is answered."""


@dataclass(frozen=True)
class Scored:
    """What a simple model scored.

    Attributes:
        metrics: by name, of the answers to all folds together.
        errors: standard errors of those that are means over examples.
        seconds: of fitting and answering.
        notes: what it was not given, for people.
    """

    metrics: Mapping[str, float]
    errors: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


def pairs_of(task: Task, folds: int) -> tuple[Pair, ...]:
    """The folds on which candidates are scored; with one, training and validation."""
    return tuple((fold.task.train, fold.task.valid) for fold in fold_tasks(task, folds))


def score_on(
    model: Model, task: Task, folds: Sequence[Pair], until: float = math.inf, seed: int = 0
) -> Scored:
    """Fits a model for each fold, and scores its answers to all of them together.

    Args:
        model: one that suits the task.
        task: says which metrics.
        folds: what is learned from and what is answered; one pair is a single split.
        until: `time.monotonic()` by which it should end; boosting ends early, with what it has.
        seed: of samples and of what models draw.

    Raises:
        Exception: whatever the library raises that cannot fit it.
    """
    began = time.monotonic()
    outputs, answers, weights = [], [], []
    for number, (train, valid) in enumerate(folds):
        now = time.monotonic()
        share = now + (until - now) / (len(folds) - number)
        outputs.append(_answer(_fitted(model, task, train, share, seed), valid.x))
        answers.append(valid.y)
        weights.append(valid.weights)
    return _scored(
        model,
        task,
        np.concatenate(outputs),
        np.concatenate(answers),
        _joined(weights),
        began,
        folds[0][0],
    )


def score_on_test(
    model: Model, task: Task, test: Split, until: float = math.inf, seed: int = 0
) -> Scored:
    """Fits a model on all examples but those of the test, and scores its answers to that."""
    began = time.monotonic()
    pool = pool_of(task)
    outputs = _answer(_fitted(model, task, pool, until, seed), test.x)
    return _scored(model, task, outputs, test.y, test.weights, began, pool)


def _fitted(model: Model, task: Task, train: Split, until: float, seed: int) -> Predict:
    given = train if model.takes_all else sampled(train, seed)
    with _one_thread():
        return model.fit(Fit(task, given, seed, until))


def _answer(predict: Predict, x: NDArray[Any]) -> NDArray[np.float32]:
    return in_parts(x, lambda part: np.asarray(predict(part), np.float32))


def _scored(
    model: Model,
    task: Task,
    outputs: NDArray[np.float32],
    y: NDArray[Any],
    weights: NDArray[np.float32] | None,
    began: float,
    train: Split,
) -> Scored:
    answers = Answers(np.arange(len(y)), outputs, y, weights)
    return Scored(
        score(task, outputs, y, weights),
        standard_errors(task, answers),
        time.monotonic() - began,
        () if model.takes_all else told_of_limits(task, len(train)),
    )


def _joined(parts: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


@contextmanager
def _one_thread() -> Iterator[None]:
    """Workers share the cores: numerical libraries use one each."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
