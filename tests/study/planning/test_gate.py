"""What may begin, how long it may take, and what is learned from what was measured."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from einsearch.cost import DEFAULT
from einsearch.derivation.limits import Limits
from einsearch.evaluate.config import TrainingConfig
from einsearch.primitives.program import Program
from einsearch.study.planning.ceilings import ceilings, rounded
from einsearch.study.planning.forecast import PEAK, PREDICTED, STEP_SECONDS, Forecaster
from einsearch.study.planning.gate import SLACK, ForecastGate, Gate, seconds_of_epoch
from einsearch.study.planning.times import Times, divide
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from einsearch.trial import Trial, TrialState
from tests.support import series

TRAINING = TrainingConfig(epochs=4, batch=32)
RUNNING = Trial(0, "x", TrialState.RUNNING)
FREE = math.inf


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task("bars")


@pytest.fixture(scope="module")
def program(task: Task) -> Program:
    return series(task.input, ("conv2d", 16, 3), ("relu",), ("conv2d", 16, 3), ("relu",))


def forecast_gate(task: Task, times: Times | None = None, **options: float | None) -> ForecastGate:
    share = options.pop("share", None)
    forecaster = Forecaster(DEFAULT, task, TRAINING, None if share is None else int(share))
    return ForecastGate(forecaster, "accuracy", "maximize", 4, 1, times, options.get("seconds"))


def scored(number: int, accuracy: float, seconds: float, epochs: int = 4) -> Trial:
    return Trial(
        number,
        "x",
        TrialState.COMPLETE,
        values={"accuracy": accuracy},
        metrics={"trained": [[0, epochs]]},
        timings={"train": 0.8 * seconds, "validate": 0.2 * seconds},
        budget=float(epochs),
    )


class TestForecast:
    def test_an_epoch_is_its_steps_and_its_validation(self, task: Task, program: Program) -> None:
        found = Forecaster(DEFAULT, task, TRAINING).of(program)
        steps = math.ceil(len(task.train) / 32)
        assert found.epoch > steps * found.step
        assert found.epoch < 1.5 * steps * found.step
        assert found.seconds(4) == pytest.approx(found.start + 4 * found.epoch)

    def test_it_learns_from_what_was_measured(self, task: Task, program: Program) -> None:
        forecaster = Forecaster(DEFAULT, task, TRAINING)
        before = forecaster.of(program)
        said = {"step": before.raw.step_seconds, "peak": before.raw.peak_bytes, "kind": "x"}
        said["kind"] = before.raw.dominant
        for number in range(40):
            metrics = {
                PREDICTED: said,
                STEP_SECONDS: 3 * before.raw.step_seconds,
                PEAK: before.raw.peak_bytes,
            }
            forecaster.learn(replace(scored(number, 0.5, 1.0), metrics=metrics))
        after = forecaster.of(program)
        assert after.step / before.step == pytest.approx(3, rel=0.2)
        assert after.raw == before.raw

    def test_trials_that_measured_nothing_teach_nothing(self, task: Task, program: Program) -> None:
        forecaster = Forecaster(DEFAULT, task, TRAINING)
        before = forecaster.of(program)
        forecaster.learn_all([RUNNING, scored(1, 0.5, 1.0)])
        assert forecaster.of(program) == before


class TestAdmission:
    def test_what_fits_may_begin_and_its_record_keeps_the_forecast(
        self, task: Task, program: Program
    ) -> None:
        verdict = forecast_gate(task, divide(600, 2, 4, 4, 1)).judge(RUNNING, program, FREE)
        assert verdict.reason == ""
        assert verdict.metrics[PREDICTED]["step"] > 0

    def test_what_takes_too_long_is_turned_down_with_its_figures(
        self, task: Task, program: Program
    ) -> None:
        gate = forecast_gate(task, divide(0.5, 1, 4, 4, 1))
        reason = gate.judge(RUNNING, program, FREE).reason
        assert reason.startswith("too slow: predicted ")
        assert "s for 4 epochs, allowed 0.0172 s" in reason

    def test_the_limit_of_the_user_counts_as_well(self, task: Task, program: Program) -> None:
        gate = forecast_gate(task, seconds=0.001)
        assert gate.judge(RUNNING, program, FREE).reason.endswith("allowed 0.001 s")

    def test_what_cannot_end_in_the_time_left_is_turned_down(
        self, task: Task, program: Program
    ) -> None:
        gate = forecast_gate(task, divide(600, 2, 4, 4, 1))
        late = gate.judge(RUNNING, program, 0.01)
        assert late.is_late
        assert late.reason.endswith("0.01 s are left")
        one = replace(RUNNING, budget=1.0)
        assert "for 1 epoch," in gate.judge(one, program, 0.01).reason

    def test_what_does_not_fit_into_memory_is_turned_down(
        self, task: Task, program: Program
    ) -> None:
        reason = forecast_gate(task, share=1000).judge(RUNNING, program, FREE).reason
        assert reason.startswith("too large: predicted ")
        assert reason.endswith("for one example, allowed 1 kB")

    def test_an_objective_of_the_users_lets_everything_begin(self, program: Program) -> None:
        assert Gate(divide(1, 1, 1, 1, 0)).judge(RUNNING, program, 0.0).reason == ""


class TestTime:
    def test_a_rung_has_its_part_of_the_time(self, task: Task) -> None:
        times = divide(600, 2, 4, 4, 1)
        gate = forecast_gate(task, times)
        full, first = (
            gate.allowed(replace(RUNNING, budget=budget), FREE) or 0 for budget in (4.0, 1.0)
        )
        assert full - first == pytest.approx(SLACK * times.candidate * 3 / 4)
        assert gate.allowed(RUNNING, 3.0) == 3.0

    def test_without_a_time_it_follows_from_the_forecast(
        self, task: Task, program: Program
    ) -> None:
        gate = forecast_gate(task)
        assert gate.allowed(RUNNING, FREE) is None
        known = replace(RUNNING, metrics=dict(gate.judge(RUNNING, program, FREE).metrics))
        allowed = gate.allowed(known, FREE)
        assert allowed is not None
        assert 60 < allowed < 120

    def test_a_paused_candidate_goes_on_if_it_can_end(self, task: Task) -> None:
        gate = forecast_gate(task)
        paused = scored(0, 0.5, seconds=10.0, epochs=1)
        assert seconds_of_epoch(paused) == 10
        assert gate.may_go_on(paused, 4.0, left=31.0) == ""
        reason = "predicted 30 s for 3 more epochs, 29 s are left"
        assert gate.may_go_on(paused, 4.0, left=29.0) == reason

    def test_the_search_gets_what_the_full_training_leaves(self, task: Task) -> None:
        times = divide(600, 2, 4, 4, 1)
        gate = forecast_gate(task, times)
        nothing = gate.search_end
        assert times.search < nothing < times.total - times.closing
        gate.learn(scored(0, 0.5, seconds=4.0))
        assert gate.search_end == times.search_end(SLACK * 4.0 + 2.0)
        gate.learn(scored(1, 0.9, seconds=4000.0))
        assert gate.search_end == times.search
        gate.learn(scored(2, 0.2, seconds=1.0))
        assert gate.search_end == times.search, "only the best is trained in full"


class TestCeilings:
    TIMES = (len(range(1000)), 200)

    def test_what_is_left_open_follows_with_its_reason(self) -> None:
        found = ceilings(Limits(), DEFAULT, TRAINING, self.TIMES, 30.0, 2_000_000_000)
        assert set(found.reasons) == {"flops", "parameters", "activation_memory"}
        limits = found.limits
        assert limits.flops is not None
        assert limits.parameters is not None
        assert limits.activation_memory is not None
        assert (limits.nodes, limits.depth) == (400, 40)

    def test_what_the_user_says_stays(self) -> None:
        given = Limits(parameters=5, flops=7, activation_memory=9)
        found = ceilings(given, DEFAULT, TRAINING, self.TIMES, 30.0, 10**9)
        assert (found.limits, found.reasons) == (given, {})

    def test_twice_the_time_is_twice_the_work(self) -> None:
        one, two = (
            ceilings(Limits(), DEFAULT, TRAINING, self.TIMES, seconds, None).limits
            for seconds in (20.0, 40.0)
        )
        assert one.flops is not None
        assert two.flops is not None
        assert two.flops / one.flops == pytest.approx(2, rel=0.1)

    @pytest.mark.parametrize(
        ("value", "expected"), [(0.2, 1), (7.9, 7), (123, 120), (99_999, 99_000), (1.27e9, 1.2e9)]
    )
    def test_limits_are_round_and_never_above(self, value: float, expected: float) -> None:
        assert rounded(value) == expected


class TestUrgency:
    def test_a_slow_network_is_better_than_none(self, task: Task, program: Program) -> None:
        times = Times(60, 10, 2, 1e-6)
        gate = forecast_gate(task, times)
        early, late = times.search, 0.5 * times.search
        assert "too slow" in gate.judge(RUNNING, program, early).reason
        assert gate.judge(RUNNING, program, late).reason == ""
        allowed = gate.allowed(RUNNING, late)
        assert allowed == late

    def test_with_a_score_time_is_dealt_out_again(self, task: Task, program: Program) -> None:
        times = Times(60, 10, 2, 1e-6)
        gate = forecast_gate(task, times)
        gate.learn(scored(1, 0.5, 1e-3))
        assert "too slow" in gate.judge(RUNNING, program, 0.5 * times.search).reason
        allowed = gate.allowed(RUNNING, 0.5 * times.search)
        assert allowed is not None
        assert allowed < 3
