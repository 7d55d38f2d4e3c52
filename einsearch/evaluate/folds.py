"""Folds: few examples are validated on in turn, so that a score rests on all of them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)

from einsearch.tasks.base import Loss, Split, Task
from einsearch.tasks.stored import joined, picked

SHOWN: Final = 64
"""Examples at most that a training on everything is scored on, since it has to be scored."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One way to part all examples.

    Attributes:
        task: its train and valid are the parts.
        rows: of all examples, those of valid.
    """

    task: Task
    rows: NDArray[np.intp]


_FOLDS: WeakKeyDictionary[Task, dict[tuple[int, int], tuple[Fold, ...]]] = WeakKeyDictionary()
_WHOLE: WeakKeyDictionary[Task, Task] = WeakKeyDictionary()
"""A worker trains many candidates on one task; its data are parted once."""


def pool_of(task: Task) -> Split:
    """All examples that may be learned from: training, then validation."""
    train, valid = task.train, task.valid
    return Split(
        joined(train.x, valid.x),
        np.concatenate([train.y, valid.y]),
        _joined(train.weights, valid.weights),
        _joined(train.groups, valid.groups),
    )


def whole_task(task: Task) -> Task:
    """The task whose training split is all examples. Its validation split is a few of them, whose
    scores mean nothing."""
    if task not in _WHOLE:
        pool = pool_of(task)
        _WHOLE[task] = replace(
            task, train=pool, valid=_part(pool, np.arange(min(SHOWN, len(pool))))
        )
    return _WHOLE[task]


def fold_tasks(task: Task, folds: int, seed: int = 0) -> tuple[Fold, ...]:
    """All examples parted into folds; the same ones at every call.

    Classes are in every fold as they are in all, as far as they have enough examples. Examples of
    one group are in one fold. With one fold it is the task as it is.

    Args:
        task: whose training and validation examples are taken together.
        folds: at least 1, at most the number of examples.
        seed: of the order in which examples are dealt out.
    """
    if folds == 1:
        return (Fold(task, np.arange(len(task.valid))),)
    made = _FOLDS.setdefault(task, {})
    if (folds, seed) not in made:
        pool = pool_of(task)
        everyone = np.arange(len(pool))
        made[folds, seed] = tuple(
            Fold(
                replace(
                    task,
                    train=_part(pool, np.setdiff1d(everyone, rows)),
                    valid=_part(pool, rows),
                ),
                rows,
            )
            for rows in parted(pool, folds, seed, _strata(task, pool))
        )
    return made[folds, seed]


def parted(
    pool: Split, folds: int, seed: int, strata: NDArray[np.int64] | None
) -> list[NDArray[np.intp]]:
    """Rows of each fold, rising; every example is in one.

    Args:
        pool: all examples, with their groups where there are some.
        folds: how many.
        seed: of the order.
        strata: (n,) number of the class of each; None where there are no classes.
    """
    groups = pool.groups
    most = 0 if strata is None else int(np.bincount(strata).max(initial=0))
    is_stratified = strata is not None and most >= folds
    if groups is not None:
        folds = min(folds, len(np.unique(groups)))
        splitter: Any = (
            StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
            if is_stratified
            else GroupKFold(folds)
        )
    elif is_stratified:
        splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    else:
        splitter = KFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer examples than folds is missing from some of them. So be it.
        warnings.simplefilter("ignore", UserWarning)
        found = splitter.split(np.zeros((len(pool), 1)), strata, groups)
        return [np.sort(rows) for _, rows in found]


def _strata(task: Task, pool: Split) -> NDArray[np.int64] | None:
    is_class = task.loss is Loss.CROSS_ENTROPY and pool.y.ndim == 1
    return pool.y.astype(np.int64) if is_class else None


def _part(pool: Split, rows: NDArray[np.intp]) -> Split:
    return Split(
        picked(pool.x, rows),
        np.ascontiguousarray(pool.y[rows]),
        None if pool.weights is None else pool.weights[rows],
        None if pool.groups is None else pool.groups[rows],
    )


def _joined(one: NDArray[Any] | None, other: NDArray[Any] | None) -> NDArray[Any] | None:
    return None if one is None or other is None else np.concatenate([one, other])


def sizes(task: Task, folds: int) -> tuple[int, int]:
    """Examples that one training learns from, and is validated on; the mean over the folds."""
    if folds == 1:
        return len(task.train), len(task.valid)
    examples = len(task.train) + len(task.valid)
    checked = max(1, examples // folds)
    return examples - checked, checked
