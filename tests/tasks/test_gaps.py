"""Tests of series of different lengths, and with gaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from einsearch.errors import TaskError
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task


def series() -> np.ndarray:
    """60 series of 2 features and 25 to 39 steps, padded to 40."""
    made = np.random.default_rng(0).normal(100, 5, size=(60, 2, 40))
    for number in range(60):
        made[number, :, 25 + number % 15 :] = np.nan
    return made


def load(folder: Path, x: np.ndarray, **options: Any) -> Task:
    y = np.arange(len(x)) % 2
    np.savez(folder / "d.npz", train_x=x, train_y=y, test_x=x, test_y=y)
    config = {"name": "arrays", "path": "d.npz", "layout": "tokens", "channels": "first"}
    return make_task(config | options, folder)


def test_shorter_series_are_padded_with_the_mean_and_flagged(tmp_path: Path) -> None:
    x = series()
    task = load(tmp_path, x)
    assert str(task.input) == "tokens:40x3"
    assert task.columns == ("0", "1", "present")
    assert "60 series of 40 steps with 3 features (features were first, 25 to 39 steps long" in (
        task.summary
    )
    test = task.test().x
    there = ~np.isnan(x[:, 0])
    assert np.array_equal(test[..., 2], there)
    assert (test[~there] == 0).all()
    back = test[..., :2] * task.statistics.deviation[:2] + task.statistics.mean[:2]
    assert np.allclose(back[there], x.transpose(0, 2, 1)[there], atol=1e-3)


def test_statistics_are_those_of_what_is_there(tmp_path: Path) -> None:
    task = load(tmp_path, series())
    real = task.train.x[task.train.x[..., 2] == 1]
    assert real[:, :2].mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert real[:, :2].std(axis=0) == pytest.approx(1, abs=1e-5)
    assert task.statistics.mean[2:] == (0.0,)
    assert task.statistics.deviation[2:] == (1.0,)


def test_gaps_inside_are_filled_told_and_flagged(tmp_path: Path) -> None:
    x = series()
    x[3, 0, 5:8] = np.nan
    x[3, :, 12] = np.nan
    task = load(tmp_path, x)
    assert task.reading.notes[0].startswith(
        "5 numbers are missing inside of series, and are filled"
    )
    test = task.test().x[3]
    assert test[4:9, 2].tolist() == [1.0, 0.5, 0.5, 0.5, 1.0]
    assert test[12, 2] == 0
    line = np.interp([5, 6, 7], [4, 8], [test[4, 0], test[8, 0]])
    assert np.allclose(test[5:8, 0], line, atol=1e-6)
    assert test[12, 1] == pytest.approx((test[11, 1] + test[13, 1]) / 2, abs=1e-6)


def test_what_is_never_there_is_told(tmp_path: Path) -> None:
    x = series()
    x[7] = np.nan
    with pytest.raises(TaskError, match=r"train_x .*, example 7: every number of it is missing"):
        load(tmp_path, x)
    x = series()
    x[:, 1] = np.nan
    with pytest.raises(TaskError, match="every number of feature 1 is missing: leave it out"):
        load(tmp_path, x)


def test_gaps_that_training_lacks_are_told_before_a_search(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2, 40))
    y = np.arange(60) % 2
    gap = x.copy()
    gap[4, 1, 30:] = np.nan
    np.savez(tmp_path / "d.npz", train_x=x, train_y=y, test_x=gap, test_y=y)
    config = {"name": "arrays", "path": "d.npz", "layout": "tokens", "channels": "first"}
    with pytest.raises(
        TaskError, match=r"test_x .* NaN, the first at \(4, 1, 30\): .*training has"
    ):
        make_task(config, tmp_path)


def test_series_of_a_table_may_be_shorter_too(tmp_path: Path) -> None:
    rows = "".join(f"{n % 2 + 1}\t{n}.5\t{n % 3}.5\t{'NaN' if n % 2 else 2.5}\n" for n in range(60))
    (tmp_path / "d.tsv").write_text(rows)
    task = make_task({"name": "arrays", "path": "d.tsv", "layout": "tokens"}, tmp_path)
    assert str(task.input) == "tokens:3x2"
    rows_of_numbers = make_task({"name": "arrays", "path": "d.tsv"}, tmp_path)
    assert str(rows_of_numbers.input) == "vector:4"
    assert rows_of_numbers.columns[-1] == "4 missing"
