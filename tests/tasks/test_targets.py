"""Tests of answers: labels are names, whatever their type; what may be meant otherwise is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from einsearch.errors import TaskError
from einsearch.tasks.base import Loss, Task
from einsearch.tasks.registry import make_task

X = np.random.default_rng(0).normal(size=(60, 3))


def load(folder: Path, y: Any, test: Any = None, **options: Any) -> Task:
    more = {} if test is None else {"test_x": X[: len(test)], "test_y": np.array(test)}
    np.savez(folder / "d.npz", train_x=X, train_y=np.array(y), **more)
    return make_task({"name": "arrays", "path": "d.npz", **options}, folder)


def cycle(*labels: Any) -> list[Any]:
    return [labels[n % len(labels)] for n in range(60)]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ((1, 2), ("1", "2")),
        ((0, 1, 3, 7), ("0", "1", "3", "7")),
        ((-1, 10, 9), ("-1", "9", "10")),
        (("cat", "dog", " dog"), ("cat", "dog")),
        ((b"cat", b"dog"), ("cat", "dog")),
        ((True, False), ("False", "True")),
        (("1", "10", "9"), ("1", "9", "10")),
        (("007", "7"), ("007", "7")),
        (("12345678901234567", "12345678901234568"), ("12345678901234567", "12345678901234568")),
        (("1.0", "2.0"), ("1", "2")),
        ((2**60, 2**60 + 1), (str(2**60), str(2**60 + 1))),
    ],
)
def test_labels_are_names(tmp_path: Path, labels: tuple[Any, ...], names: tuple[str, ...]) -> None:
    task = load(tmp_path, cycle(*labels), test=[labels[0], labels[1]])
    assert task.classes == names
    assert task.loss is Loss.CROSS_ENTROPY
    assert task.output.features == len(names)
    assert set(task.train.y) == set(range(len(names)))
    shown = [label.decode() if isinstance(label, bytes) else str(label) for label in labels[:2]]
    tested = [task.classes[number] for number in task.test().y]
    assert tested in (shown, [name.removesuffix(".0") for name in shown])
    assert task.describe()["classes"] == list(names)


def test_a_label_of_another_type_is_the_same_label(tmp_path: Path) -> None:
    assert load(tmp_path, cycle(True, False), test=[0, 1]).test().y.tolist() == [0, 1]
    assert load(tmp_path, cycle(3, 4), test=[4.0, 3.0]).test().y.tolist() == [1, 0]
    assert load(tmp_path, cycle("3", "4"), test=["4.0", "3"]).test().y.tolist() == [1, 0]


def test_whole_floats_that_are_few_are_classes_and_that_is_told(tmp_path: Path) -> None:
    task = load(tmp_path, cycle(0.0, 1.0))
    assert task.classes == ("0", "1")
    assert "2 classes 0, 1, 30 examples each" in task.summary
    (note,) = task.reading.notes
    assert note == (
        "train_y holds whole numbers as floats, 2 different ones: read as classes; "
        "target_kind: number makes a regression of it"
    )
    amounts = load(tmp_path, cycle(0.0, 1.0), target_kind="number")
    assert amounts.loss is Loss.MEAN_SQUARED_ERROR
    assert "a number from 0 to 1" in amounts.summary
    assert not amounts.reading.notes


def test_other_floats_are_amounts(tmp_path: Path) -> None:
    assert load(tmp_path, np.arange(60) / 7).loss is Loss.MEAN_SQUARED_ERROR
    many = load(tmp_path, np.arange(60) // 2 * 1.0)
    assert many.loss is Loss.MEAN_SQUARED_ERROR
    assert "target_kind: classes makes classes of them" in many.reading.notes[0]
    forced = load(tmp_path, np.arange(60) // 2 * 1.0, target_kind="classes")
    assert forced.output.features == 30


def test_one_hot_rows_are_classes_and_that_is_told(tmp_path: Path) -> None:
    rows = np.eye(3)[np.arange(60) % 3]
    for kind in (float, int, bool):
        task = load(tmp_path, rows.astype(kind), test=rows[:4].astype(kind))
        assert task.classes == ("0", "1", "2")
        assert task.test().y.tolist() == [0, 1, 2, 0]
        assert "a single 1 in each row: read as 3 classes; target_kind:" in task.reading.notes[0]
    numbers = load(tmp_path, rows, target_kind="number")
    assert (numbers.loss, numbers.output.features) == (Loss.MEAN_SQUARED_ERROR, 3)
    with pytest.raises(TaskError, match=r"test_y .* has no one-hot rows"):
        load(tmp_path, rows, test=rows[:4] * 2)


def test_whole_numbers_that_are_amounts_are_told(tmp_path: Path) -> None:
    for numbers in (np.arange(60), np.arange(60) * 1000, np.arange(60) // 2 * 1000):
        read = load(tmp_path, numbers)
        assert read.loss is Loss.MEAN_SQUARED_ERROR
        assert (
            f"{len(np.unique(numbers))} different whole numbers: read as amounts; target_kind"
            in (read.reading.notes[0])
        )
        assert f"a number from 0 to {numbers.max()}" in read.summary
    words = load(tmp_path, (np.arange(60) * 1000).astype(str))
    assert words.loss is Loss.MEAN_SQUARED_ERROR
    with pytest.raises(TaskError, match=r"60 different labels in 60 .* target_kind: classes if"):
        load(tmp_path, np.char.add("a", np.arange(60).astype(str)))
    amounts = load(tmp_path, np.arange(60) * 1000, target_kind="number")
    assert "a number from 0 to 59000" in amounts.summary
    with pytest.raises(TaskError, match=r"train_y .* whole numbers beyond 2"):
        load(tmp_path, 2**60 + np.arange(60), target_kind="number")
    alike = load(tmp_path, np.full(60, 3.3))
    assert "the number 3.3 in every example: there is nothing to learn" in alike.summary
    assert (
        "the 30 different whole numbers of train_y are read as classes"
        in (load(tmp_path, np.arange(60) // 2).reading.notes[0])
    )


def test_a_class_of_which_no_example_is_trained_on_is_told(tmp_path: Path) -> None:
    task = load(tmp_path, cycle(0, 2), classes=4)
    assert task.classes == ("0", "1", "2", "3")
    told = "no example to train on has the class 1, 3: no network can learn it"
    assert told in task.reading.notes
    with pytest.raises(TaskError, match="3 different labels, 0, 5, 9, but classes: 4 is given"):
        load(tmp_path, cycle(0, 5, 9), classes=4)


@pytest.mark.parametrize("mark", ["NA", "", "?", "-", "null", "N/A", " nan "])
def test_missing_words_are_asked_for(tmp_path: Path, mark: str) -> None:
    y = cycle("cat", "dog")
    y[7] = mark
    with pytest.raises(TaskError, match=r"train_y .*, example 7: .*1 of 60 have none; missing: dr"):
        load(tmp_path, y)
    task = load(tmp_path, y, missing="drop")
    assert task.classes == ("cat", "dog")
    assert task.summary.startswith("59 rows of 3 features (1 without a target left out), 2 classes")
    if mark:
        assert load(tmp_path, y, missing="class").output.features == 3


def test_missing_amounts_are_asked_for(tmp_path: Path) -> None:
    y = np.where(np.arange(60) == 9, np.nan, np.arange(60) / 7)
    with pytest.raises(TaskError, match=r"train_y .*, example 9: .*missing: drop leaves them out$"):
        load(tmp_path, y)
    task = load(tmp_path, y, missing="drop", valid=0.5)
    assert len(task.train) + len(task.valid) == 59
    assert 9 / 7 not in task.raw_targets().round(6)


def test_after_examples_were_left_out_messages_count_as_the_file_does(tmp_path: Path) -> None:
    test = ["cat", "NA", "dog", "bird"]
    with pytest.raises(TaskError, match=r'test_y .*, example 3: "bird" is no class of training'):
        load(tmp_path, cycle("cat", "dog"), test=test, missing="drop")


def test_a_part_can_be_kept_back_for_the_test(tmp_path: Path) -> None:
    task = load(tmp_path, cycle("a", "b"), test=None, valid=0.25)
    assert "no test data (test: 0.2 keeps a fifth of them back)" in task.summary
    made = make_task({"name": "arrays", "path": "d.npz", "test": 0.2}, tmp_path)
    assert (len(made.train), len(made.valid), len(made.test())) == (41, 7, 12)
    assert "; 15 % cut off for validation; 12 for the test" in made.summary
    assert np.bincount(made.test().y).tolist() == [6, 6]
    parts = (made.train, made.valid, made.test())
    raw = [split.x * made.statistics.deviation + made.statistics.mean for split in parts]
    assert np.allclose(np.sort(np.concatenate(raw), axis=0), np.sort(X, axis=0), atol=1e-5)
    np.savez(tmp_path / "d.npz", train_x=X, train_y=np.array(cycle(0, 1)), test_x=X,
             test_y=np.array(cycle(0, 1)))  # fmt: skip
    with pytest.raises(TaskError, match="has test data: leave the option test out"):
        make_task({"name": "arrays", "path": "d.npz", "test": 0.2}, tmp_path)


def test_rows_of_several_ones_are_labels_and_that_is_told(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).integers(2, size=(60, 4))
    rows[0] = 0
    for kind in (int, float, bool):
        task = load(tmp_path, rows.astype(kind), test=rows[:5].astype(kind))
        assert task.loss is Loss.BINARY_CROSS_ENTROPY
        assert (str(task.output), task.classes) == ("vector:4", ("0", "1", "2", "3"))
        assert np.array_equal(task.test().y, rows[:5])
        assert task.train.y.dtype == np.float32
        assert "rows of 0 and 1: read as 4 labels of which an example may" in task.reading.notes[0]
        low, high = rows.sum(axis=0).min(), rows.sum(axis=0).max()
        told = f"4 labels 0, 1, 2, 3, {low} to {high} examples each, several an example; 15 % cut"
        assert told in task.summary
    assert load(tmp_path, rows, target_kind="number").loss is Loss.MEAN_SQUARED_ERROR
    one_hot = np.eye(3, dtype=int)[np.arange(60) % 3]
    labels = load(tmp_path, one_hot, target_kind="labels")
    assert labels.loss is Loss.BINARY_CROSS_ENTROPY
    assert not labels.reading.notes
    with pytest.raises(TaskError, match=r"test_y .* has no rows of 0 and 1"):
        load(tmp_path, rows, test=rows[:5] * 2)
    with pytest.raises(TaskError, match=r"cannot be labels: expected \(n, labels\) of 0 and 1"):
        load(tmp_path, cycle(0, 1), target_kind="labels")
