"""Tests of the generated tasks: that they can be learned, and are not trivial."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task


def score(model: object, task: Task) -> float:
    flat = (len(task.train), -1), (len(task.valid), -1)
    model.fit(task.train.x.reshape(flat[0]), task.train.y)  # type: ignore[attr-defined]
    score: float = model.score(task.valid.x.reshape(flat[1]), task.valid.y)  # type: ignore[attr-defined]
    return score


def test_a_bar_is_not_found_by_a_linear_model() -> None:
    assert score(LogisticRegression(), make_task("bars")) < 0.5
    assert score(KNeighborsClassifier(5), make_task({"name": "bars", "train": 4000})) > 0.9


def test_spirals_need_a_nonlinear_model() -> None:
    task = make_task("spirals")
    assert score(LogisticRegression(), task) < 0.8
    assert score(KNeighborsClassifier(3), task) > 0.95


def test_the_answer_stands_behind_the_marker() -> None:
    task = make_task("markers")
    symbols = np.argmax(task.train.x, axis=2)
    after = [row[list(row).index(3) + 1] for row in symbols]
    assert np.array_equal(after, task.train.y)
    assert score(LogisticRegression(), task) < 0.7


def test_a_series_is_not_told_by_its_points_alone() -> None:
    task = make_task("series")
    for model in (LogisticRegression(max_iter=300), KNeighborsClassifier(5)):
        assert 0.3 < score(model, task) < 0.75


def test_without_noise_a_series_shows_what_it_is() -> None:
    task = make_task({"name": "series", "train": 64, "noise": 0})
    for x, kind in zip(task.train.x, task.train.y, strict=True):
        flat = np.abs(x - x[0]) < 1e-4
        begins = [int(np.argmin(flat[:, feature])) for feature in (0, 1)]
        ends = [np.flatnonzero(~flat[:, feature])[-1] for feature in (0, 1)]
        assert (begins[0] > begins[1]) == (kind % 2)
        height = [x[begins[0], 0] - x[0, 0], x[ends[0], 0] - x[0, 0]]
        shape = 0 if abs(height[0] - height[1]) < 1e-3 else 1 if height[0] < height[1] else 2
        assert shape == kind // 2


def test_waves_are_smooth_and_not_linear() -> None:
    task = make_task({"name": "waves", "train": 2000})
    assert score(Ridge(), task) < 0.85
    assert score(KNeighborsRegressor(5), task) > 0.9


def test_another_seed_gives_other_examples_of_the_same_kind() -> None:
    one, other = make_task("bars"), make_task({"name": "bars", "seed": 1})
    assert one.input is other.input
    assert not np.array_equal(one.train.x, other.train.x)
    assert one.statistics.mean == pytest.approx(other.statistics.mean, abs=0.05)
