"""Which networks of a search are trained in full, and how often each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from einsearch.evaluate.crossvalidation import Answers
from einsearch.study.folder import RunFolder
from einsearch.study.members import kept_answers, members
from einsearch.study.weights import answers_name, packed
from einsearch.tasks.base import Split, Task
from einsearch.trial import Trial, TrialState
from tests.evaluate.test_ensembling import LOSSES, task_of

ROWS = np.arange(4)
RIGHT = np.zeros((4, 1), np.float32)


def trial(number: int) -> Trial:
    return Trial(number, f"linear({number + 1})", TrialState.COMPLETE)


def answering(*errors: float) -> Answers:
    return Answers(ROWS, np.array(errors, np.float32)[:, None], RIGHT)


def regression() -> Task:
    return task_of(LOSSES[-1], 1)


BEST = [trial(n) for n in range(3)]
OPPOSED = {
    0: answering(1, 1, 1, 1),
    1: answering(-1, -1, -1, -1),
    2: answering(5, 5, 5, 5),
}


def test_those_that_err_apart_share_the_trainings() -> None:
    assert members(regression(), BEST, OPPOSED, 2) == {0: 1, 1: 1}


def test_what_is_left_of_the_trainings_goes_round() -> None:
    assert members(regression(), BEST, OPPOSED, 5) == {0: 3, 1: 2}
    alone = {0: OPPOSED[0], 2: OPPOSED[2]}
    assert members(regression(), BEST, alone, 3) == {0: 3}


def test_without_answers_the_best_is_trained_alone() -> None:
    assert members(regression(), BEST, {}, 4) == {0: 4}
    assert members(regression(), BEST, {7: OPPOSED[1]}, 2) == {0: 2}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run")


def kept(folder: RunFolder, arrays: dict[str, Any]) -> dict[int, Answers]:
    """What is read of such a file of trial 1, for a task with four validation examples."""
    task = regression()
    object.__setattr__(task, "valid", Split(np.zeros((4, 2), np.float32), RIGHT))
    folder.add(f"weights/{answers_name(1)}", packed(arrays, {}))
    return kept_answers(folder, task, BEST, folds=1)


def test_answers_are_read_with_the_examples_that_they_are_of(folder: RunFolder) -> None:
    outputs = np.array([[1.0], [2.0]], np.float32)
    found = kept(folder, {"rows": np.array([1, 3]), "outputs": outputs})
    assert list(found) == [1]
    np.testing.assert_array_equal(found[1].rows, [1, 3])
    np.testing.assert_array_equal(found[1].outputs, outputs)


@pytest.mark.parametrize(
    ("rows", "outputs"),
    [
        ([0, 4], [[1.0], [2.0]]),
        ([-1, 2], [[1.0], [2.0]]),
        ([2, 1], [[1.0], [2.0]]),
        ([1, 1], [[1.0], [2.0]]),
        ([0, 1, 2], [[1.0], [2.0]]),
        ([], np.zeros((0, 1))),
        (np.array([0.0, 1.0]), [[1.0], [2.0]]),
    ],
)
def test_answers_to_other_examples_count_as_none(
    folder: RunFolder, rows: Any, outputs: Any
) -> None:
    given = np.asarray(rows) if len(rows) else np.zeros(0, np.int64)
    assert kept(folder, {"rows": given, "outputs": np.asarray(outputs, np.float32)}) == {}


def test_a_damaged_file_of_answers_counts_as_none(folder: RunFolder) -> None:
    kept(folder, {"rows": ROWS, "outputs": RIGHT})
    path = folder.path / f"weights/{answers_name(1)}"
    path.write_bytes(path.read_bytes()[:-3])
    assert kept_answers(folder, regression(), BEST, folds=1) == {}
