"""Tests of weights, groups and order: of tables and of arrays, and what is cut off by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.errors import TaskError
from einsearch.tasks.base import Split, Task
from einsearch.tasks.cutting import cut_off
from einsearch.tasks.marks import Marks
from einsearch.tasks.rawdata import Raw
from einsearch.tasks.registry import make_task

LINES = [
    f"{n}.5,{n % 3 + 1},p{n % 7},2024-01-{n % 28 + 1:02},{'ab'[n % 5 == 0]}" for n in range(84)
]


def load(folder: Path, *lines: str, **options: Any) -> Task:
    (folder / "d.csv").write_text("\n".join(["size,w,patient,when,y", *(lines or LINES), ""]))
    return make_task({"name": "arrays", "path": "d.csv", "target": "y", **options}, folder)


def sizes(task: Task, split: Split) -> list[int]:
    """Which lines of the file a split holds."""
    at = task.columns.index("size")
    raw = split.x[:, at] * task.statistics.deviation[at] + task.statistics.mean[at]
    return [round(float(value) - 0.5) for value in raw]


def test_weights_are_no_feature_and_have_the_mean_1(tmp_path: Path) -> None:
    task = load(tmp_path, weights="w", ignore=["patient", "when"])
    assert task.columns == ("size",)
    for split in (task.train, task.valid):
        assert split.weights is not None
        assert split.weights.dtype == np.float32
        assert split.weights.mean() == pytest.approx(1)
    own = np.array([n % 3 + 1 for n in sizes(task, task.train)])
    assert np.allclose(task.train.weights, own / own.mean())
    assert "weighted from 1 to 3" in task.summary
    kept = load(tmp_path, weights="w", keep=["w"], ignore=["patient", "when"])
    assert kept.columns == ("size", "w")
    assert load(tmp_path, ignore=["w", "patient", "when"]).train.weights is None


def test_no_group_is_in_two_splits(tmp_path: Path) -> None:
    task = load(tmp_path, groups="patient", test=0.2, valid=0.2, ignore=["when"])
    parts = [{n % 7 for n in sizes(task, s)} for s in (task.train, task.valid, task.test())]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 7
    assert task.train.groups is not None
    assert len(set(task.train.groups.tolist())) == len(parts[0])
    assert not any("patient" in name for name in task.columns)
    assert "groups to train on, none in two splits" in task.summary
    other = load(tmp_path, groups="patient", test=0.2, valid=0.2, ignore=["when"], seed=3)
    assert {n % 7 for n in sizes(other, other.test())} != parts[2]


def test_the_end_is_cut_off_where_there_is_an_order_of_time(tmp_path: Path) -> None:
    task = load(tmp_path, order="when", test=0.2, valid=0.2)
    days = [[n % 28 for n in sizes(task, s)] for s in (task.train, task.valid, task.test())]
    assert max(days[0]) < min(days[1]) <= max(days[1]) < min(days[2])
    assert task.reading.is_ordered
    assert "the last 20 % cut off for validation" in task.summary
    by_row = load(tmp_path, order="rows", test=0.25)
    assert sizes(by_row, by_row.test()) == [*range(63, 84)]
    assert max(sizes(by_row, by_row.train)) < min(sizes(by_row, by_row.valid))


def test_marks_of_arrays(tmp_path: Path) -> None:
    arrays = {"train_x": np.arange(40.0)[:, None], "train_y": np.arange(40) % 2}
    groups = np.array([f"g{n // 4}" for n in range(40)])
    marks = {"train_w": np.arange(1, 41), "train_groups": groups}
    marks["train_order"] = np.arange(40)[::-1]
    np.savez(tmp_path / "d.npz", **arrays, **marks)
    task = make_task({"name": "arrays", "path": "d.npz", "valid": 0.2}, tmp_path)
    assert task.train.weights is not None
    assert task.train.groups is not None
    raw = task.valid.x[:, 0] * task.statistics.deviation[0] + task.statistics.mean[0]
    assert raw.round().tolist() == [*range(8)]
    np.savez(tmp_path / "d.npz", **arrays, train_w=np.ones(39))
    with pytest.raises(TaskError, match=r"train_weights \(39, .* does not fit train_x"):
        make_task({"name": "arrays", "path": "d.npz"}, tmp_path)
    np.savez(tmp_path / "d.npz", **arrays)
    ordered = make_task({"name": "arrays", "path": "d.npz", "order": "rows"}, tmp_path)
    assert ordered.reading.is_ordered
    with pytest.raises(TaskError, match="say order: rows, or add the times"):
        make_task({"name": "arrays", "path": "d.npz", "order": "when"}, tmp_path)


@pytest.mark.parametrize(
    ("line", "options", "told"),
    [
        ("1,-2,p,2024-01-01,a", {"weights": "w"}, r"line 86, column 2 \(w\): '-2' is no weight"),
        ("1,x,p,2024-01-01,a", {"weights": "w"}, r"line 86, column 2 \(w\): 'x' is no weight"),
        ("1,1,,2024-01-01,a", {"groups": "patient"}, r"line 86, column 3 \(patient\): it has no g"),
        ("1,1,p,soon,a", {"order": "when"}, r"line 86, column 4 \(when\): 'soon' is neither a nu"),
        ("1,1,p,2024-01-01,a", {"weights": "v"}, "has no column v"),
        ("1,1,p,2024-01-01,a", {"weights": "balanced"}, "training: {class_weights: balanced}"),
        ("1,1,p,2024-01-01,a", {"groups": "y"}, "the column y is to be told, and cannot be groups"),
    ],
)
def test_a_wrong_mark_is_told_with_its_place(
    tmp_path: Path, line: str, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(TaskError, match=told):
        load(tmp_path, *LINES, line, **options)


def test_one_group_cannot_be_cut(tmp_path: Path) -> None:
    lines = [f"{n}.5,1,p,2024-01-01,{'ab'[n % 2]}" for n in range(20)]
    with pytest.raises(TaskError, match="have the same group, so none can be cut off for valid"):
        load(tmp_path, *lines, groups="patient")


@settings(max_examples=60)
@given(
    groups=st.lists(st.integers(0, 9), min_size=4, max_size=60).filter(lambda g: len(set(g)) > 1),
    fraction=st.floats(0.1, 0.8),
    seed=st.integers(0, 9),
)
def test_cuts_of_groups_are_whole(groups: list[int], fraction: float, seed: int) -> None:
    marks = np.array(groups)
    n = len(groups)
    if not 0 < round(n * fraction) < n:
        return
    raw = Raw(np.zeros((n, 1)), np.zeros(n), marks=Marks(groups=marks))
    kept, back = cut_off(raw, fraction, seed, "d", "valid")
    assert sorted([*kept, *back]) == [*range(n)]
    assert not set(marks[kept]) & set(marks[back])
    assert len(kept)
    assert len(back)
