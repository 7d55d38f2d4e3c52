"""From what the work gave to a finished trial: values, costs, constraints, runs that add up."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from einsearch.study.executor import Finished
from einsearch.study.result import Result, finish_trial, repeat_trial, result_of
from einsearch.trial import Trial, TrialState

RUNNING = Trial(
    3,
    "relu",
    TrialState.RUNNING,
    metrics={"activation_memory": 64},
    parameters=10,
    flops=200,
    timings={"propose": 0.5},
)
DONE = TrialState.COMPLETE


def finish(result: Result, trial: Trial = RUNNING, **constraints: float) -> Trial:
    return finish_trial(trial, result, {"accuracy": "maximize"}, 2.0, constraints)


def test_objectives_become_values_and_all_else_metrics() -> None:
    done = finish(Result(DONE, {"accuracy": 0.5, "loss": 1.5}, metrics={"lr": 0.1}))
    assert done.values == {"accuracy": 0.5}
    assert done.metrics == {"activation_memory": 64, "loss": 1.5, "lr": 0.1}
    assert (done.state, done.reason, done.excess, done.is_feasible) == (DONE, "", {}, True)


def test_costs_of_the_graph_are_values_without_the_work() -> None:
    wanted = {"parameters": "minimize", "flops": "minimize", "activation_memory": "minimize"}
    done = finish_trial(RUNNING, Result(DONE), wanted, 1.0)
    assert done.values == {"parameters": 10.0, "flops": 200.0, "activation_memory": 64.0}


class TestConstraints:
    def test_one_that_keeps_them(self) -> None:
        result = Result(DONE, {"accuracy": 0.5, "latency": 4.0})
        done = finish(result, latency=5.0, parameters=10.0)
        assert done.excess == {"latency": pytest.approx(-0.2), "parameters": 0.0}
        assert (done.state, done.reason, done.violation, done.is_feasible) == (DONE, "", 0.0, True)
        assert done.metrics["latency"] == 4.0

    def test_one_that_breaks_them_keeps_its_values_and_says_so(self) -> None:
        result = Result(DONE, {"accuracy": 0.5, "latency": 7.5})
        done = finish(result, latency=5.0, flops=100.0, parameters=10.0)
        assert done.state is DONE
        assert done.values == {"accuracy": 0.5}
        assert done.reason == "infeasible: latency 7.5 above 5, flops 200 above 100"
        assert done.excess == {"latency": 0.5, "flops": 1.0, "parameters": 0.0}
        assert (done.violation, done.is_feasible) == (1.5, False)

    def test_a_bound_of_zero_and_below(self) -> None:
        done = finish(Result(DONE, {"accuracy": 0.5, "drift": 3.0, "gain": -3.0}), drift=0, gain=-2)
        assert done.excess == {"drift": 3.0, "gain": -0.5}

    def test_a_pruned_trial_has_them_too(self) -> None:
        done = finish(Result(TrialState.PRUNED, {"accuracy": 0.5, "latency": 10.0}), latency=5.0)
        assert done.excess == {"latency": 1.0}

    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ({"accuracy": 0.5}, "error: no value for the constraint latency (values given: "),
            ({"accuracy": 0.5, "latency": math.nan}, "not-finite: the constraint latency is nan"),
            ({"latency": 1.0}, "error: no value for the objective accuracy (values given: latency"),
        ],
    )
    def test_what_is_missing_fails_the_trial(self, values: dict[str, float], reason: str) -> None:
        done = finish(Result(DONE, values), latency=5.0)
        assert done.state is TrialState.FAILED
        assert done.reason.startswith(reason)
        assert (done.values, done.excess) == ({}, {})

    def test_a_duplicate_breaks_what_its_original_does(self) -> None:
        original = finish(Result(DONE, {"accuracy": 0.5, "latency": 10.0}), latency=5.0)
        assert repeat_trial(RUNNING, original).excess == {"latency": 1.0}


class TestSeveralRuns:
    def test_times_and_epochs_add_up(self) -> None:
        first = Result(DONE, {"accuracy": 0.5}, timings={"train": 1.0}, budget=1, trained=(0, 1))
        paused = finish(first)
        assert paused.metrics["trained"] == [[0, 1]]
        running = replace(paused, state=TrialState.RUNNING, budget=3.0)
        second = Result(DONE, {"accuracy": 0.7}, timings={"train": 3.0}, budget=3, trained=(1, 3))
        done = finish(second, running)
        assert done.metrics["trained"] == [[0, 1], [1, 3]]
        assert done.timings == {"propose": 0.5, "train": 4.0}
        assert (done.seconds, done.budget, done.values) == (4.0, 3, {"accuracy": 0.7})

    def test_epochs_of_a_run_that_was_cut_off_behind_its_checkpoint_are_counted(self) -> None:
        running = replace(RUNNING, metrics={"trained": [[0, 1]]})
        done = finish(Result(DONE, {"accuracy": 0.7}, trained=(3, 3)), running)
        assert done.metrics["trained"] == [[0, 1], [1, 3]]
        assert finish(Result(DONE, {"accuracy": 0.7}, trained=(1, 1))).metrics["trained"] == [
            [0, 1]
        ]

    def test_latency_is_measured_once(self) -> None:
        result = Result(DONE, {"accuracy": 0.5, "latency": 7.5})
        running = replace(finish(result, latency=5.0), state=TrialState.RUNNING)
        done = finish(Result(DONE, {"accuracy": 0.6}), running, latency=5.0)
        assert done.excess == {"latency": 0.5}
        wanted = {"accuracy": "maximize", "latency": "minimize"}
        first = finish_trial(RUNNING, result, wanted, 1.0)
        again = replace(first, state=TrialState.RUNNING)
        last = finish_trial(again, Result(DONE, {"accuracy": 0.6}), wanted, 1.0)
        assert last.values == {"accuracy": 0.6, "latency": 7.5}


def test_work_that_returns_something_else_is_told_so() -> None:
    with pytest.raises(TypeError, match="work returns a Result, not float"):
        result_of(Finished(0, 0.5, None, False, 1.0))
