"""Folds: how few examples are parted, and what a score of all of them is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.evaluate.folds import fold_tasks, parted, pool_of, sizes, whole_task
from einsearch.tasks.base import Split, Task
from einsearch.tasks.registry import make_task


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task({"name": "bars", "train": 60})


def split(y: list[int], groups: list[int] | None = None) -> Split:
    numbers = None if groups is None else np.array(groups, np.int64)
    return Split(np.zeros((len(y), 2), np.float32), np.array(y, np.int64), None, numbers)


@settings(max_examples=40, deadline=None)
@given(y=st.lists(st.integers(0, 3), min_size=6, max_size=60), folds=st.integers(2, 5))
def test_every_example_is_in_one_fold_and_classes_are_spread(y: list[int], folds: int) -> None:
    pool = split(y)
    parts = parted(pool, folds, 0, pool.y)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(y)))
    if max(np.bincount(y)) >= folds:
        for label in set(y):
            counts = [int((pool.y[rows] == label).sum()) for rows in parts]
            assert max(counts) - min(counts) <= 1


@given(groups=st.lists(st.integers(0, 7), min_size=12, max_size=40))
def test_a_group_is_in_one_fold(groups: list[int]) -> None:
    if len(set(groups)) < 3:
        return
    pool = split([n % 2 for n in range(len(groups))], groups)
    parts = parted(pool, 3, 0, pool.y)
    seen = [set(np.array(groups)[rows].tolist()) for rows in parts]
    assert sum(map(len, seen)) == len(set(groups))


def test_folds_are_made_once_and_differ_by_seed(task: Task) -> None:
    first, again, other = fold_tasks(task, 4), fold_tasks(task, 4), fold_tasks(task, 4, seed=1)
    assert first is again
    assert any(not np.array_equal(a.rows, b.rows) for a, b in zip(first, other, strict=True))


def test_a_fold_learns_from_what_it_is_not_scored_on(task: Task) -> None:
    pool = pool_of(task)
    for fold in fold_tasks(task, 4):
        assert np.array_equal(fold.task.valid.x, pool.x[fold.rows])
        assert np.array_equal(fold.task.valid.y, pool.y[fold.rows])
        assert len(fold.task.train) + len(fold.task.valid) == len(pool)
        rest = np.setdiff1d(np.arange(len(pool)), fold.rows)
        assert np.array_equal(fold.task.train.x, pool.x[rest])
        assert sizes(task, 4)[1] == pytest.approx(len(fold.task.valid), abs=1)


def test_one_fold_is_the_validation_split(task: Task) -> None:
    (fold,) = fold_tasks(task, 1)
    assert fold.task is task
    assert np.array_equal(fold.rows, np.arange(len(task.valid)))


def test_everything_is_learned_from_at_the_end(task: Task) -> None:
    whole = whole_task(task)
    assert len(whole.train) == len(task.train) + len(task.valid)
    assert whole_task(task) is whole


def test_weights_stay_with_their_examples(task: Task) -> None:
    weighted = replace(
        task,
        train=replace(task.train, weights=np.arange(len(task.train), dtype=np.float32)),
        valid=replace(task.valid, weights=-np.arange(len(task.valid), dtype=np.float32)),
    )
    pool = pool_of(weighted)
    for fold in fold_tasks(weighted, 3):
        assert pool.weights is not None
        assert fold.task.valid.weights is not None
        assert np.array_equal(fold.task.valid.weights, pool.weights[fold.rows])
