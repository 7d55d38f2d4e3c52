"""A candidate on folds: its score is that of all answers, however often it is paused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from einsearch.evaluate.candidate import Job, Outcome, evaluate_candidate
from einsearch.evaluate.checkpoint import CheckpointError
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.crossvalidation import FoldsState
from einsearch.evaluate.folds import fold_tasks, pool_of
from einsearch.evaluate.metrics import score
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from einsearch.trial import TrialState

CONFIG = TrainingConfig(epochs=2, steps=8, batch=16, folds=3)
TEXT = "linear(8) >> tanh >> linear(4)"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task({"name": "spirals", "train": 90})


def evaluated(task: Task, **changes: Any) -> Outcome:
    outcome = evaluate_candidate(Job(TEXT, CONFIG, seed=5, **changes), task)
    assert outcome.state is TrialState.COMPLETE, outcome.reason
    return outcome


def test_the_score_is_that_of_all_answers(task: Task) -> None:
    outcome = evaluated(task)
    answers, pool = outcome.answers, pool_of(task)
    assert answers is not None
    assert np.array_equal(answers.rows, np.arange(len(pool)))
    assert np.array_equal(answers.y, pool.y)
    found = score(task, answers.outputs, pool.y)
    assert {name: outcome.metrics[name] for name in found} == found
    assert len(outcome.history) == CONFIG.total_epochs == 6


def test_paused_after_each_fold_it_is_the_same(task: Task) -> None:
    whole = evaluated(task)
    first = evaluated(task, until=2)
    assert first.answers is not None
    assert len(first.answers) == len(fold_tasks(task, 3)[0].rows)
    second = evaluated(task, until=4, checkpoint=first.checkpoint)
    last = evaluated(task, checkpoint=second.checkpoint)
    assert (first.start, second.start, last.start) == (0, 2, 4)
    assert last.checkpoint is None
    assert dict(last.metrics) == dict(whole.metrics)
    assert last.history == whole.history
    assert last.answers is not None
    assert whole.answers is not None
    assert np.array_equal(last.answers.outputs, whole.answers.outputs)


def test_a_damaged_checkpoint_begins_anew(task: Task) -> None:
    first = evaluated(task, until=2)
    assert first.checkpoint is not None
    damaged = first.checkpoint[:40] + b"x" + first.checkpoint[41:]
    assert dict(evaluated(task, checkpoint=damaged).metrics) == dict(evaluated(task).metrics)


def test_a_state_of_other_folds_is_refused(task: Task) -> None:
    first = evaluated(task, until=2)
    assert first.checkpoint is not None
    with pytest.raises(CheckpointError):
        FoldsState.unpacked(first.checkpoint, fold_tasks(task, 3, seed=9))


def test_other_folds_give_another_score(task: Task) -> None:
    assert evaluated(task).metrics != evaluated(task, fold_seed=1).metrics


def test_trained_on_everything_it_has_no_scores(task: Task) -> None:
    config = CONFIG.model_copy(update={"folds": 1})
    outcome = evaluate_candidate(Job(TEXT, config, seed=5, is_whole=True), task)
    assert outcome.state is TrialState.COMPLETE
    assert dict(outcome.metrics) == {}
    assert outcome.answers is None
    assert outcome.weights


def test_standard_errors_are_those_of_a_mean(task: Task) -> None:
    outcome = evaluated(task)
    assert outcome.answers is not None
    right = outcome.answers.outputs.argmax(axis=1) == outcome.answers.y
    expected = right.std(ddof=1) / np.sqrt(len(right))
    assert outcome.errors["accuracy"] == pytest.approx(expected)
    assert set(outcome.errors) == {"accuracy", "cross_entropy"}
