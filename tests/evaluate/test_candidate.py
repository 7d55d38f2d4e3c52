"""Tests of candidates: what trains, and that each way of failing becomes its own value."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping

import numpy as np
import pytest

from einsearch.errors import TaskError
from einsearch.evaluate.candidate import Job, Outcome, evaluate_candidate
from einsearch.evaluate.config import TrainingConfig
from einsearch.primitives.program import INPUT, Program
from einsearch.specs import image
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from einsearch.trial import TrialState
from tests.evaluate.faulty import register_faulty
from tests.support import program, series

CONFIG = TrainingConfig(epochs=3, lr=0.01)
STACK = (("conv2d", 16, 3), ("norm",), ("relu",), ("conv2d", 16, 3), ("norm",), ("relu",))
TEXT = "conv2d(16, 3) >> norm >> relu >> conv2d(16, 3) >> norm >> relu"


@pytest.fixture
def task() -> Task:
    return make_task("bars")


def stack(task: Task) -> Program:
    return series(task.input, *STACK)


def evaluate(candidate: Program | str, task: Task, **options: object) -> Outcome:
    return evaluate_candidate(Job(candidate, CONFIG, **options), task)  # type: ignore[arg-type]


def test_a_candidate_is_trained_and_scored(task: Task) -> None:
    outcome = evaluate(stack(task), task)
    assert outcome.state is TrialState.COMPLETE
    assert outcome.reason == ""
    assert outcome.metrics["accuracy"] > 0.8
    assert outcome.epochs == 3
    assert outcome.metrics == outcome.history[-1]
    assert outcome.costs["step_seconds"] > 0
    assert outcome.costs["peak_memory"] >= 0
    assert set(outcome.timings) == {"build", "train", "validate"}
    assert sum(outcome.timings.values()) <= outcome.seconds
    assert outcome.weights is not None


def test_a_text_is_the_same_as_its_program(task: Task) -> None:
    assert evaluate(TEXT, task).history == evaluate(stack(task), task).history


def test_equal_jobs_give_equal_bits_and_seeds_matter(task: Task) -> None:
    first, second = evaluate(stack(task), task, seed=3), evaluate(stack(task), task, seed=3)
    other = evaluate(stack(task), task, seed=4)
    assert first.history == second.history != other.history
    assert first.weights is not None
    assert second.weights is not None
    for name, array in first.weights.items():
        assert np.array_equal(array, second.weights[name])


def test_jobs_and_outcomes_are_plain_data(task: Task) -> None:
    job = pickle.loads(pickle.dumps(Job(stack(task), CONFIG, seed=1, seconds=9.0)))
    outcome = pickle.loads(pickle.dumps(evaluate_candidate(job, task)))
    assert outcome.state is TrialState.COMPLETE
    assert all(type(array) is np.ndarray for array in outcome.weights.values())
    json.dumps([dict(outcome.metrics), list(map(dict, outcome.history)), dict(outcome.timings)])


def test_weights_can_be_left_out(task: Task) -> None:
    assert evaluate(stack(task), task, keep_weights=False).weights is None


def test_a_report_that_stops_makes_it_pruned(task: Task) -> None:
    def report(epoch: int, metrics: Mapping[str, float]) -> bool:
        return epoch == 1

    outcome = evaluate_candidate(Job(stack(task), CONFIG), task, report)
    assert outcome.state is TrialState.PRUNED
    assert outcome.epochs == 1
    assert outcome.metrics["accuracy"] >= 0


def test_patience_counts_as_trained_in_full(task: Task) -> None:
    """At a rate of almost nothing no epoch is better than the first."""
    training = TrainingConfig(epochs=9, lr=1e-30, optimizer="sgd", patience=2, keep="best")
    outcome = evaluate_candidate(Job("conv2d(8, 3) >> relu", training), task)
    assert outcome.state is TrialState.COMPLETE
    assert outcome.checkpoint is None
    assert outcome.epochs == 9
    assert outcome.metrics["best_epoch"] == 1
    # Rates of the epochs that were trained fall; the others repeat the last one.
    rates = [epoch["lr"] for epoch in outcome.history]
    assert len(set(rates)) == 3
    assert rates[2:] == rates[2:3] * 7
    shown = outcome.history[0]
    assert {name: outcome.metrics[name] for name in shown} == shown
    assert outcome.answers is not None
    right = outcome.answers.outputs.argmax(1) == outcome.answers.y
    assert right.mean() == pytest.approx(outcome.metrics["accuracy"])


@pytest.mark.parametrize(
    ("primitive", "reason"),
    [
        ("raises", "error: RuntimeError: the sizes of a and b differ (in raises)"),
        ("hog", "out-of-memory: "),
        ("explodes", "not-finite: the loss is nan in step 1 of epoch 1 (in explodes)"),
        ("slow", "time-limit: in epoch 1 of 3, after "),
        ("liar", "shape-mismatch: liar gives [(2, 1, 8, 8)], its shape rule says [(2, 1, 8, 9)]"),
    ],
)
def test_every_way_of_failing_is_a_value(
    monkeypatch: pytest.MonkeyPatch, task: Task, primitive: str, reason: str
) -> None:
    register_faulty(monkeypatch)
    outcome = evaluate(series(task.input, ("relu",), (primitive,)), task, seconds=0.3)
    assert outcome.state is TrialState.FAILED
    assert outcome.reason.startswith(reason)
    assert outcome.weights is None
    assert outcome.metrics == {}
    assert outcome.seconds > 0


def test_the_epochs_before_a_failure_are_kept(task: Task) -> None:
    def report(epoch: int, metrics: Mapping[str, float]) -> bool:
        if epoch == 2:
            raise ZeroDivisionError("a report can fail too")
        return False

    outcome = evaluate_candidate(Job(stack(task), CONFIG), task, report)
    assert outcome.state is TrialState.FAILED
    assert outcome.reason == "error: ZeroDivisionError: a report can fail too"
    assert outcome.epochs == 2
    assert outcome.metrics == outcome.history[-1]


def test_an_interruption_is_not_a_failure(task: Task) -> None:
    def report(epoch: int, metrics: Mapping[str, float]) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_candidate(Job(stack(task), CONFIG), task, report)


@pytest.mark.parametrize(
    ("text", "named"),
    [("conv2d(16, 3) >>", "expected"), ("convd(16, 3)", "convd"), ("col2im", "col2im cannot take")],
)
def test_a_text_that_cannot_be_used_is_a_value(task: Task, text: str, named: str) -> None:
    outcome = evaluate(text, task)
    assert outcome.state is TrialState.FAILED
    assert outcome.reason.startswith("error: ")
    assert named in outcome.reason


def test_a_program_for_other_tensors_is_a_value(task: Task) -> None:
    outcome = evaluate(series(image(3, 8, 8), ("relu",)), task)
    assert outcome.reason == "error: it takes image:3x8x8, the task gives image:1x8x8"


def test_a_program_with_two_outcomes_is_a_value(task: Task) -> None:
    two = program(task.input, [("relu", (), [INPUT]), ("norm", (), [INPUT])], outputs=[0, 1])
    outcome = evaluate(two, task)
    assert outcome.reason.startswith("error: it gives (image:1x8x8, image:1x8x8), a head takes one")


def test_a_wrong_configuration_is_not_the_candidates_fault() -> None:
    waves = make_task("waves")
    job = Job(series(waves.input, ("relu",)), TrainingConfig(augment="shift"))
    with pytest.raises(TaskError, match="augment: shift needs images"):
        evaluate_candidate(job, waves)


@pytest.mark.parametrize("name", ["bars", "spirals", "markers", "waves"])
def test_every_layout_trains(name: str) -> None:
    task = make_task(name)
    outcome = evaluate(series(task.input, ("linear", 16), ("relu",)), task)
    assert outcome.state is TrialState.COMPLETE, outcome.reason
    assert {metric.name for metric in task.metrics} <= set(outcome.metrics)
