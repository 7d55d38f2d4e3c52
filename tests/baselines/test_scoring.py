"""Simple models on the folds of a task."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, mean_squared_error
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from einsearch.baselines.models import MODELS, Fit, Model, models_for
from einsearch.baselines.preparing import EXAMPLES
from einsearch.baselines.scoring import pairs_of, score_on, score_on_test
from einsearch.evaluate.folds import fold_tasks, pool_of
from einsearch.specs import vector
from einsearch.tasks.base import Split
from tests.baselines.tasks import EVERY, classes, numbers

NAMED = {model.name: model for model in MODELS}
NEAREST = NAMED["nearest neighbour"]


def test_a_single_split_is_training_and_validation() -> None:
    task = EVERY["table"]

    found = score_on(NEAREST, task, pairs_of(task, 1))

    oracle = KNeighborsClassifier(1).fit(task.train.x, task.train.y)
    expected = accuracy_score(task.valid.y, oracle.predict(task.valid.x))
    assert found.metrics["accuracy"] == pytest.approx(expected)
    assert found.errors["accuracy"] == pytest.approx((expected * (1 - expected) / 29) ** 0.5)


def test_folds_are_scored_by_all_answers_together() -> None:
    task = numbers()
    pool = pool_of(task)

    found = score_on(NEAREST, task, pairs_of(task, 5))

    answers = np.empty_like(pool.y)
    for fold in fold_tasks(task, 5):
        learned = np.setdiff1d(np.arange(len(pool)), fold.rows)
        oracle = KNeighborsRegressor(1).fit(pool.x[learned], pool.y[learned])
        answers[fold.rows] = oracle.predict(pool.x[fold.rows])
    # Targets are in units of their deviation, which is 2.
    expected = 2 * mean_squared_error(pool.y, answers) ** 0.5
    assert found.metrics["rmse"] == pytest.approx(expected, rel=1e-5)


def test_the_test_is_answered_by_a_model_of_all_other_examples() -> None:
    task = EVERY["table"]
    pool, test = pool_of(task), task.test()

    found = score_on_test(NEAREST, task, test)

    oracle = KNeighborsClassifier(1).fit(pool.x, pool.y)
    assert found.metrics["accuracy"] == accuracy_score(test.y, oracle.predict(test.x))


def test_weights_of_examples_count_in_the_score() -> None:
    task = EVERY["table"]
    wrong = score_on(NAMED["dummy"], task, pairs_of(task, 1)).metrics["accuracy"]
    weights = np.where(task.valid.y == 0, 1.0, 1e-9).astype(np.float32)
    task = replace(task, valid=replace(task.valid, weights=weights))

    found = score_on(NAMED["dummy"], task, pairs_of(task, 1))

    assert wrong == pytest.approx(1 / 3)
    assert found.metrics["accuracy"] == pytest.approx(1)


def test_what_a_model_was_not_given_is_told() -> None:
    task = classes(vector(3), sizes=(EXAMPLES + 100, 50, 50))

    assert score_on(NEAREST, task, pairs_of(task, 1)).notes == (
        "learned from 5,000 of 5,100 examples",
    )
    assert score_on(NAMED["dummy"], task, pairs_of(task, 1)).notes == ()


def test_the_time_is_shared_by_the_folds() -> None:
    seen = []

    def fit(given: Fit):
        seen.append(given.until - time.monotonic())
        return lambda x: np.zeros((len(x), 3), np.float32)

    task = EVERY["table"]
    score_on(Model("noted", fit, lambda task: True), task, pairs_of(task, 4), time.monotonic() + 80)

    assert [round(share) for share in seen] == [20, 27, 40, 80]


def test_large_splits_are_answered_in_parts() -> None:
    parts = []

    def fit(given: Fit):
        def predict(x: np.ndarray) -> np.ndarray:
            parts.append(len(x))
            return np.zeros((len(x), 3), np.float32)

        return predict

    task = EVERY["table"]
    test = Split(np.zeros((2500, 5), np.float32), np.zeros(2500, np.int64))
    found = score_on_test(Model("noted", fit, lambda task: True), task, test)

    assert parts == [1000, 1000, 500]
    assert found.metrics["accuracy"] == 1


def test_examples_may_stay_on_disk(tmp_path: Path) -> None:
    task = EVERY["series"]
    expected = score_on(NAMED["random convolutions"], task, pairs_of(task, 1))
    for name in ("train", "valid"):
        np.save(tmp_path / f"{name}.npy", getattr(task, name).x)

    class OnDisk:
        """Gives parts alone."""

        def __init__(self, path: Path) -> None:
            self.array = np.load(path, mmap_mode="r")
            self.shape, self.ndim = self.array.shape, self.array.ndim

        def __len__(self) -> int:
            return len(self.array)

        def __getitem__(self, rows: Any) -> Any:
            part = self.array[rows]
            assert len(part) <= 20
            return part

    lazy = {
        name: replace(getattr(task, name), x=OnDisk(tmp_path / f"{name}.npy"))
        for name in ("train", "valid")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("einsearch.baselines.preparing._BYTES", 20 * 4 * task.input.elements)
        patch.setattr("einsearch.baselines.models._LOOKED_AT", 20)
        for model in models_for(task):
            found = score_on(model, task, [(lazy["train"], lazy["valid"])])
            assert 0 < found.metrics["accuracy"] <= 1
    assert expected.metrics["accuracy"] > 0.5
