"""Tests of the line that says what was read."""

from __future__ import annotations

import dataclasses

import numpy as np

from einsearch.specs import image, tokens, vector
from einsearch.tasks.base import Loss, Split, Statistics, Task
from einsearch.tasks.registry import make_task
from einsearch.tasks.telling import Answers, Reading, names, tell


def answers(classes: tuple[str, ...], y: list[int]) -> Answers:
    return Answers(classes, (), (), np.array(y))


def test_the_line_of_images() -> None:
    counts = [34, 51, 40, 40, 35]
    read = Reading(("channels were last",), valid_fraction=0.15)
    told = answers(tuple("abcde"), np.repeat(range(5), counts).tolist())
    assert tell(image(3, 16, 16), (170, 30), False, told, read) == (
        "200 images 3x16x16 (channels were last), 5 classes a, b, ..., 34 to 51 examples each; "
        "15 % cut off for validation; no test data"
    )


def test_the_line_of_a_regression() -> None:
    read = Reading(tests=20, test_hint="never shown")
    told = Answers((), ("price",), (), np.array([[12.5], [99.0]]))
    assert tell(vector(3), (1200, 300), True, told, read) == (
        "1,200 rows of 3 features, a number price from 12.5 to 99; 300 for validation; "
        "20 for the test"
    )


def test_the_line_of_series_says_how_to_get_test_data() -> None:
    read = Reading(test_hint="test: 0.2 keeps a fifth back")
    told = answers(("no", "yes"), [0, 1])
    assert tell(tokens(40, 1), (1, 1), False, told, read) == (
        "1 series of 40 steps with 1 feature, 2 classes no, yes, 1 example each; "
        "1 for validation; no test data (test: 0.2 keeps a fifth back)"
    )


def test_every_task_tells_what_it_is() -> None:
    assert make_task("digits").summary == (
        "1,097 images 1x8x8, 10 classes 0, 1, ..., 106 to 112 examples each; 300 for validation; "
        "400 for the test"
    )
    assert "windows of 64 characters, " in make_task("characters").summary


def test_names_of_others_bring_no_control_characters() -> None:
    assert names(["\x1b[31mred", "line\nbreak"]) == "\\x1b[31mred, line\\nbreak"
    assert names(["x" * 100]) == "x" * 21 + "..."
    assert names([*"abcde"]) == "a, b, ..."


def test_targets_of_a_regression_are_told_in_their_unit() -> None:
    y = np.array([[-1.0], [1.0]], np.float32)
    split = Split(np.zeros((2, 1), np.float32), y)
    units = Statistics((0.0,), (1.0,))
    task = Task(
        "mine", vector(1), vector(1), Loss.MEAN_SQUARED_ERROR, split, split, None, units,
        Statistics((50.0,), (10.0,)), targets=("age",),
    )  # fmt: skip
    assert "a number age from 40 to 60" in task.summary
    assert task.describe()["targets"] == ["age"]


def test_classes_have_names_even_where_nobody_gave_them() -> None:
    task = make_task("bars")
    assert task.classes == ("0", "1", "2", "3")
    named = dataclasses.replace(task, classes=tuple("abcd"), columns=("grey",))
    assert named.describe()["classes"] == ["a", "b", "c", "d"]
    assert named.describe()["columns"] == ["grey"]
