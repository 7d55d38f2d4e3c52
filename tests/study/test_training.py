"""Training as the work of an executor: a small task, inline and in a worker process."""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from einsearch.errors import TaskError
from einsearch.evaluate.config import TrainingConfig
from einsearch.study.executor import Executor, Finished, Job, Report
from einsearch.study.inline import InlineExecutor
from einsearch.study.local import LocalExecutor
from einsearch.study.result import Result
from einsearch.study.training import TrainingWork
from einsearch.trial import TrialState

TASK = {"name": "spirals", "train": 64}
GOOD = "linear(16) >> relu >> linear(16) >> relu"
"""A network for points of the plane."""


def work(**training: Any) -> TrainingWork:
    settings: Mapping[str, Any] = {"epochs": 2, "batch": 32, **training}
    return TrainingWork(TASK, Path(), TrainingConfig(**settings))


def run(executor: Executor, job: Job) -> tuple[Finished, list[Report]]:
    executor.submit(job)
    reports = []
    while isinstance(event := executor.next_finished(), Report):
        reports.append(event)
    assert event is not None
    executor.close()
    return event, reports


def result(job: Job, made: TrainingWork) -> Result:
    finished, _ = run(InlineExecutor(made()), job)
    assert isinstance(finished.result, Result)
    return finished.result


def test_trains_and_gives_metrics_epochs_and_weights() -> None:
    finished, reports = run(InlineExecutor(work()()), Job(4, GOOD, seed=1))
    assert isinstance(finished.result, Result)
    assert finished.result.state is TrialState.COMPLETE
    assert 0 <= finished.result.values["accuracy"] <= 1
    assert finished.result.budget == 2
    assert len(finished.result.metrics["history"]) == 2
    assert finished.result.weights
    assert [(report.number, report.epoch) for report in reports] == [(4, 1), (4, 2)]
    assert reports[1].metrics["accuracy"] == finished.result.values["accuracy"]


def test_equal_jobs_give_equal_scores_in_a_process_of_their_own_too() -> None:
    made = work()
    executor = LocalExecutor(pickle.loads(pickle.dumps(made)))
    finished, _ = run(executor, Job(0, GOOD, seed=3))
    assert isinstance(finished.result, Result)
    assert finished.result.values == result(Job(9, GOOD, seed=3), made).values
    assert finished.result.values != result(Job(9, GOOD, seed=4), made).values


def test_a_budget_is_a_number_of_epochs() -> None:
    assert len(result(Job(0, GOOD, budget=1.0), work()).metrics["history"]) == 1


@pytest.mark.parametrize(
    ("job", "made", "reason"),
    [
        (Job(0, "linear(8) >> conv2d(3, 3)"), work(), "error: "),
        (Job(0, "linear(4) >> nonsense"), work(), "error: "),
        (Job(0, GOOD, seconds=0.0), work(), "time-limit: "),
        (Job(0, GOOD), work(lr=1e30, clip=None), "not-finite: "),
    ],
)
def test_failures_are_results(job: Job, made: TrainingWork, reason: str) -> None:
    failed = result(job, made)
    assert failed.state is TrialState.FAILED
    assert failed.reason.startswith(reason)
    assert failed.weights is None
    assert not any(math.isnan(value) for value in failed.values.values())


def test_settings_that_do_not_suit_the_task_are_said_when_the_work_is_built() -> None:
    with pytest.raises(TaskError, match="augment: flip needs images"):
        work(augment="flip")()


def test_a_job_with_a_budget_halts_and_one_with_a_checkpoint_goes_on() -> None:
    made = work(epochs=3)
    whole = result(Job(0, GOOD, seed=1), made)
    first = result(Job(0, GOOD, seed=1, budget=1.0), made)
    assert (first.state, first.budget, first.trained) == (TrialState.COMPLETE, 1.0, (0, 1))
    assert first.weights is None
    assert first.checkpoint is not None
    carried = {"checkpoint": first.checkpoint}
    second = result(Job(0, GOOD, seed=1, budget=3.0, payload=carried), made)
    assert (second.budget, second.trained, second.checkpoint) == (3.0, (1, 3), None)
    assert second.metrics["history"] == whole.metrics["history"]
    assert second.values == whole.values
    assert second.weights is not None


def test_the_driver_stops_training_at_the_epoch_that_it_judges() -> None:
    executor = InlineExecutor(work(epochs=4)())
    executor.judge = lambda report: report.epoch == 2
    finished, reports = run(executor, Job(0, GOOD, seed=1, waits=True))
    assert isinstance(finished.result, Result)
    assert (finished.result.state, finished.result.budget) == (TrialState.PRUNED, 2)
    assert len(reports) == 2
    assert finished.result.values["accuracy"] == reports[1].metrics["accuracy"]


def test_latency_is_measured_where_it_is_asked_for_and_not_again() -> None:
    made = replace(work(epochs=2), measures_latency=True)
    first = result(Job(0, GOOD, budget=1.0), made)
    assert first.values["latency"] > 0
    second = result(Job(0, GOOD, budget=2.0, payload={"checkpoint": first.checkpoint}), made)
    assert "latency" not in second.values


def test_a_worker_that_may_use_less_memory_predicts_with_that() -> None:
    found = result(Job(0, GOOD), replace(work(), memory=1_000_000))
    assert found.state is TrialState.FAILED
    assert found.reason.startswith("out-of-memory: predicted: ")
    assert result(Job(0, GOOD), replace(work(), memory=10**12)).state is TrialState.COMPLETE
