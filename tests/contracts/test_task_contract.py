"""What every registered task must keep; a new one is tested as soon as it is registered."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from einsearch.specs import parse_spec
from einsearch.tasks.base import METRICS, Split, Statistics, Task
from einsearch.tasks.registry import all_tasks, make_task


def _write_arrays(folder: Path) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    arrays = {"train_x": rng.normal(3, 2, (60, 5, 6, 2)), "train_y": np.arange(60) % 3}
    arrays |= {"test_x": rng.normal(3, 2, (30, 5, 6, 2)), "test_y": np.arange(30) % 3}
    np.savez(folder / "data.npz", **arrays)
    return {"path": "data.npz"}


NEEDED_OPTIONS = {"arrays": _write_arrays}
"""For tasks that need options: writes what they point to into a folder, gives the options."""


@contextmanager
def _made(name: str) -> Iterator[Task]:
    with TemporaryDirectory() as folder:
        options = NEEDED_OPTIONS[name](Path(folder)) if name in NEEDED_OPTIONS else {}
        yield make_task({"name": name, **options}, Path(folder))


@lru_cache
def _task_and_test(name: str) -> tuple[Task, Split]:
    with _made(name) as task:
        return task, task.test()


@pytest.mark.parametrize("name", all_tasks())
class TestTask:
    def splits(self, name: str) -> tuple[Split, Split, Split]:
        task, test = _task_and_test(name)
        return task.train, task.valid, test

    def test_specs_match_the_arrays(self, name: str) -> None:
        task, _ = _task_and_test(name)
        for split in self.splits(name):
            assert split.x.shape == (len(split), *task.input.shape)
            assert split.x.dtype == np.float32
            assert split.x.flags.c_contiguous
            assert len(split.y) == len(split) > 0
            assert np.isfinite(split.x).all()

    def test_answers_match_the_output_spec(self, name: str) -> None:
        task, _ = _task_and_test(name)
        for split in self.splits(name):
            if task.is_classification:
                assert split.y.dtype == np.int64
                assert split.y.shape == (len(split), *task.output.shape[:-1])
                assert split.y.min() >= 0
                assert split.y.max() < task.output.features
            else:
                assert split.y.dtype == np.float32
                assert split.y.shape == (len(split), task.output.features)
                assert np.isfinite(split.y).all()

    def test_every_class_is_in_training_and_validation(self, name: str) -> None:
        task, _ = _task_and_test(name)
        if task.is_classification and not task.vocabulary:
            for split in (task.train, task.valid):
                assert len(np.unique(split.y)) == task.output.features

    def test_splits_are_disjoint(self, name: str) -> None:
        rows = [{example.tobytes() for example in split.x} for split in self.splits(name)]
        repeats = sum(len(split) for split in self.splits(name)) - sum(map(len, rows))
        assert repeats <= 2, "the data itself repeats examples"
        assert not rows[0] & rows[1]
        assert not rows[0] & rows[2]
        assert not rows[1] & rows[2]

    def test_codes_are_in_the_vocabulary_of_training(self, name: str) -> None:
        task, _ = _task_and_test(name)
        known = range(len(task.vocabulary))
        for split in self.splits(name) if task.vocabulary else ():
            assert set(np.unique(split.x)) <= set(known)
        if task.vocabulary:
            assert len(np.unique(task.train.x)) >= len(task.vocabulary) - 1
            assert task.describe()["vocabulary"] == list(task.vocabulary)

    def test_training_data_are_normalised_by_feature(self, name: str) -> None:
        task, _ = _task_and_test(name)
        if task.vocabulary:
            assert task.statistics == Statistics((0.0,), (1.0,))
            return
        axes = tuple(a for a in range(task.train.x.ndim) if a != task.input.feature_axis + 1)
        x = task.train.x.astype(np.float64)
        assert x.mean(axis=axes) == pytest.approx(0, abs=1e-5)
        assert x.std(axis=axes) == pytest.approx(1, abs=1e-4)
        if task.target_statistics is not None:
            assert task.train.y.astype(np.float64).mean(axis=0) == pytest.approx(0, abs=1e-5)
            assert task.train.y.astype(np.float64).std(axis=0) == pytest.approx(1, abs=1e-4)

    def test_test_data_use_the_statistics_of_training(self, name: str) -> None:
        task, test = _task_and_test(name)
        if task.vocabulary:
            return
        assert abs(test.x.astype(np.float64).mean()) > 1e-5
        assert abs(test.x.mean()) < 0.5

    def test_it_is_deterministic(self, name: str) -> None:
        first, first_test = _task_and_test(name)
        with _made(name) as second:
            for one, other in (
                (first.train, second.train),
                (first.valid, second.valid),
                (first_test, second.test()),
            ):
                assert np.array_equal(one.x, other.x)
                assert np.array_equal(one.y, other.y)
            assert first.describe() == second.describe()

    def test_it_travels_to_another_process(self, name: str) -> None:
        with _made(name) as task:
            copy = pickle.loads(pickle.dumps(task))
            assert copy.input is task.input
            assert np.array_equal(copy.train.x, task.train.x)
            assert np.array_equal(copy.test().x, task.test().x)

    def test_test_data_do_not_travel_along(self, name: str) -> None:
        task, test = _task_and_test(name)
        assert test.x[:2].tobytes() not in pickle.dumps(task)

    def test_metadata_are_plain_json(self, name: str) -> None:
        task, _ = _task_and_test(name)
        described = json.loads(json.dumps(task.describe()))
        assert described["name"] == name
        assert parse_spec(described["input"]) is task.input
        assert parse_spec(described["output"]) is task.output
        assert len(described["mean"]) == task.input.features
        assert all(math.isfinite(d) and d > 0 for d in described["deviation"])

    def test_the_line_about_it_tells_its_sizes(self, name: str) -> None:
        task, test = _task_and_test(name)
        cut = task.reading.valid_fraction is not None
        count = len(task.train) + (len(task.valid) if cut else 0)
        assert task.summary.startswith(f"{count:,} ")
        assert task.summary.endswith(f"; {len(test):,} for the test")

    def test_metrics_have_a_direction(self, name: str) -> None:
        task, _ = _task_and_test(name)
        assert task.metrics == METRICS[task.loss]
        assert {metric.direction for metric in task.metrics} <= {"maximize", "minimize"}
