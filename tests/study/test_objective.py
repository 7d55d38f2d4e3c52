"""Whatever an objective does is a value."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from einsearch.errors import Reject
from einsearch.study.executor import Finished, Job
from einsearch.study.objective import (
    ObjectiveWork,
    decisions_payload,
    derivation_payload,
    evaluate_objective,
)
from einsearch.study.result import (
    Result,
    failed,
    finish_trial,
    from_outcome,
    repeat_trial,
    result_of,
)
from einsearch.trial import FailureKind, TrialState
from tests.study.support import Bits, bit_space, trial

DIRECTIONS = {"score": "maximize", "parameters": "minimize"}


@pytest.mark.parametrize(
    ("returned", "values"),
    [
        (0.5, {"score": 0.5}),
        (3, {"score": 3.0}),
        (np.float32(0.5), {"score": 0.5}),
        (np.array([2]), {"score": 2.0}),
        (torch.tensor(0.25), {"score": 0.25}),
        ({"score": 1, "loss": np.int64(2)}, {"score": 1.0, "loss": 2.0}),
    ],
)
def test_numbers_of_any_kind(returned: Any, values: dict[str, float]) -> None:
    result = evaluate_objective(lambda _: returned, None, "score")
    assert result == Result(TrialState.COMPLETE, values)
    assert all(type(value) is float for value in result.values.values())


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (math.nan, "not-finite: the objective score is nan"),
        (-math.inf, "not-finite: the objective score is -inf"),
        (10**400, "not-finite: the objective score is inf"),
        ({"score": 1.0, "loss": math.nan}, "not-finite: the objective loss is nan"),
        (None, "error: the objective returned NoneType for score: expected a number"),
        ("0.5", "error: the objective returned str for score: expected a number"),
        (np.zeros(3), "error: the objective returned ndarray for score: expected a number"),
        (np.zeros(0), "error: the objective returned ndarray for score: expected a number"),
        (1j, "error: the objective returned complex for score: expected a number"),
    ],
)
def test_what_is_no_finite_number_fails(returned: Any, reason: str) -> None:
    result = evaluate_objective(lambda _: returned, None, "score")
    assert result == Result(TrialState.FAILED, reason=reason)


def raising(error: Exception) -> Any:
    def objective(_: Any) -> float:
        raise error

    return objective


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (Reject("too wide"), TrialState.REJECTED, "too wide"),
        (Reject(), TrialState.REJECTED, "by the objective"),
        (KeyError("x"), TrialState.FAILED, "error: KeyError: 'x'"),
        (MemoryError("huge"), TrialState.FAILED, "out-of-memory: huge"),
        (
            MemoryError(),
            TrialState.FAILED,
            "out-of-memory: it asked for more memory than there is for it",
        ),
    ],
)
def test_what_it_raises_is_the_reason(error: Exception, state: TrialState, reason: str) -> None:
    result = evaluate_objective(raising(error), None, "score")
    assert (result.state, result.reason) == (state, reason)
    assert result.values == {}


def test_the_work_takes_the_derivation_or_rebuilds_it() -> None:
    work = ObjectiveWork(lambda bits: bits.text.count("1"), bit_space(8).recall, "score")
    running = trial(5)
    for payload in (
        decisions_payload(running, None),
        derivation_payload(running, None),
        derivation_payload(running, Bits(running.text)),
    ):
        result = work(Job(5, running.text, payload=payload), lambda *_: False)
        assert result.values == {"score": 2.0}
    carried = derivation_payload(running, Bits("111"))
    assert work(Job(5, "", payload=carried), lambda *_: False).values == {"score": 3.0}
    assert "derivation" not in decisions_payload(running, Bits("111"))


def test_a_complete_trial_has_every_objective_and_no_more() -> None:
    running = replace(trial(0), parameters=9, metrics={"activation_memory": 4})
    result = Result(
        TrialState.COMPLETE,
        {"score": 0.5, "loss": 1.5},
        metrics={"history": [1]},
        timings={"train": 2.0},
        budget=3.0,
    )
    done = finish_trial(running, result, DIRECTIONS, seconds=4.0)
    assert done.state is TrialState.COMPLETE
    assert done.values == {"score": 0.5, "parameters": 9.0}
    assert done.metrics == {"activation_memory": 4, "loss": 1.5, "history": [1]}
    assert (done.timings, done.budget, done.seconds) == ({"train": 2.0}, 3.0, 4.0)
    given = finish_trial(
        running, Result(TrialState.COMPLETE, {"score": 0.5, "parameters": 2.0}), DIRECTIONS, 0.0
    )
    assert given.values["parameters"] == 2.0


def test_a_complete_trial_without_an_objective_fails_and_says_which() -> None:
    done = finish_trial(trial(0), Result(TrialState.COMPLETE, {"loss": 1.0}), DIRECTIONS, 0.0)
    assert done.state is TrialState.FAILED
    assert done.reason == "error: no value for the objective score (values given: loss)"
    assert done.values == {}
    done = finish_trial(trial(0), Result(TrialState.COMPLETE, {"score": math.nan}), DIRECTIONS, 0.0)
    assert (done.state, done.reason) == (
        TrialState.FAILED,
        "not-finite: the objective score is nan",
    )


def test_pruned_trials_keep_what_they_reached() -> None:
    result = Result(TrialState.PRUNED, {"score": 0.25, "loss": math.nan}, reason="rung 1")
    done = finish_trial(trial(0), result, {"score": "maximize", "loss": "minimize"}, 0.0)
    assert (done.state, done.values, done.reason) == (TrialState.PRUNED, {"score": 0.25}, "rung 1")


def test_failures_of_executors_and_of_work() -> None:
    ended = Finished(3, None, (FailureKind.TIME_LIMIT, "30 s"), False, 30.0)
    assert result_of(ended) == failed(FailureKind.TIME_LIMIT, "30 s")
    assert result_of(ended).reason == "time-limit: 30 s"
    with pytest.raises(TypeError, match="work returns a Result, not dict"):
        result_of(Finished(3, {}, None, False, 1.0))


def test_a_repeat_says_what_it_repeats() -> None:
    original = trial(2, TrialState.COMPLETE, score=0.5)
    again = repeat_trial(trial(7), replace(original, budget=3.0))
    assert (again.state, again.values, again.reason) == (
        TrialState.DUPLICATE,
        {"score": 0.5},
        "repeats trial 2",
    )
    assert (again.number, again.budget) == (7, 3.0)
    bad = replace(trial(2, TrialState.FAILED), reason="error: boom")
    assert repeat_trial(trial(7), bad).reason == "repeats trial 2, FAILED (error: boom)"


def test_what_training_gave() -> None:
    from einsearch.evaluate.candidate import Outcome

    weights = {"w": np.zeros(1, np.float32)}
    history = ({"accuracy": 0.5}, {"accuracy": 0.75})
    outcome = Outcome(
        TrialState.COMPLETE,
        metrics=history[-1],
        history=history,
        seconds=3.0,
        timings={"train": 1.0},
        weights=weights,
    )
    result = from_outcome(outcome)
    assert result.values == {"accuracy": 0.75}
    assert result.metrics == {"accuracy": 0.75, "history": list(history)}
    assert (result.budget, result.weights) == (2.0, weights)
    lost = from_outcome(replace(outcome, state=TrialState.FAILED, reason="died: x", weights=None))
    assert (lost.state, lost.values, lost.reason) == (TrialState.FAILED, {}, "died: x")
    assert lost.metrics == result.metrics
