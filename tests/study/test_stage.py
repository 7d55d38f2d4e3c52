"""What an objective with epochs is told, and what becomes of what it tells."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from einsearch.study.executor import Job
from einsearch.study.objective import ObjectiveWork, takes_stage
from einsearch.study.result import Result
from einsearch.study.stage import Stage
from einsearch.trial import TrialState
from tests.study.staged import Staged, after, value_of
from tests.study.support import Bits, bit_space

BITS = Bits("1011")
RECALL = bit_space(4).recall


def job(budget: float | None = None, checkpoint: bytes | None = None) -> Job:
    carried: dict[str, Any] = {"derivation": BITS}
    if checkpoint is not None:
        carried["checkpoint"] = checkpoint
    return Job(0, BITS.text, budget=budget, payload=carried)


class Driver:
    """Notes reports, and stops at an epoch."""

    def __init__(self, stops_at: int | None = None) -> None:
        self.stops_at = stops_at
        self.heard: list[tuple[int, dict[str, Any]]] = []

    def __call__(self, epoch: int, metrics: Mapping[str, Any]) -> bool:
        self.heard.append((epoch, dict(metrics)))
        return epoch == self.stops_at


def evaluate(objective: Any, given: Job, driver: Driver | None = None) -> Result:
    work = ObjectiveWork(objective, RECALL, "score")
    return work(given, driver or Driver())


def test_it_trains_to_the_budget_and_goes_on_from_its_checkpoint() -> None:
    objective, driver = Staged(), Driver()
    first = evaluate(objective, job(3.0), driver)
    assert (first.state, first.budget, first.trained) == (TrialState.COMPLETE, 3.0, (0, 3))
    assert first.values == {"score": value_of(BITS, after(BITS, 3))}
    second = evaluate(objective, job(9.0, first.checkpoint), driver)
    assert (second.budget, second.trained) == (9.0, (3, 9))
    assert second.values == {"score": value_of(BITS, after(BITS, 9))}
    assert [epoch for epoch, _ in driver.heard] == list(range(1, 10))
    wanted = [{"score": value_of(BITS, after(BITS, epoch))} for epoch in range(1, 10)]
    assert second.metrics["history"] == wanted


def test_a_checkpoint_that_an_objective_ignores_is_no_harm() -> None:
    def forgetful(bits: Any, stage: Stage) -> float:
        for epoch in range(1, (stage.epochs or 0) + 1):
            stage.report(epoch, epoch / 10)
        return 1.0

    left = evaluate(Staged(), job(3.0)).checkpoint
    again = evaluate(forgetful, job(4.0, left))
    assert again.metrics["history"] == [{"score": e / 10} for e in (1, 2, 3, 4)]
    assert again.trained == (0, 4)


def test_told_to_stop_it_is_pruned_with_the_value_that_it_has() -> None:
    result = evaluate(Staged(full=9), job(), Driver(stops_at=4))
    assert (result.state, result.budget, result.trained) == (TrialState.PRUNED, 4.0, (0, 4))
    assert result.values == {"score": value_of(BITS, after(BITS, 4))}


def test_at_its_budget_report_says_so() -> None:
    stage = Stage(job(2.0), Driver(), "score")
    assert [stage.report(epoch, 0.5) for epoch in (1, 2)] == [False, True]
    assert not stage.is_stopped
    assert stage.checkpoint is stage.packed() is None


def test_reports_are_numbers_by_name() -> None:
    driver = Driver()
    stage = Stage(job(), driver, "score")
    stage.report(1, np.float32(0.5))
    stage.report(2, {"score": 1, "loss": np.array([0.25])})
    assert driver.heard == [(1, {"score": 0.5}), (2, {"score": 1.0, "loss": 0.25})]
    with pytest.raises(TypeError, match="loss is reported as str: expected a number"):
        stage.report(3, {"loss": "high"})
    with pytest.raises(ValueError, match="epoch 2 is reported after epoch 2"):
        stage.report(2, 0.5)
    with pytest.raises(ValueError, match="epoch 4 is reported after epoch 2"):
        stage.report(4, 0.5)


def test_a_wrong_report_fails_the_candidate() -> None:
    result = evaluate(lambda bits, stage: stage.report(7, 0.5), job())
    assert result.state is TrialState.FAILED
    assert result.reason == "error: ValueError: epoch 7 is reported after epoch 0"


def test_an_objective_without_epochs_has_none() -> None:
    result = evaluate(lambda bits, stage: 0.5, job())
    assert (result.values, result.budget, result.trained) == ({"score": 0.5}, None, None)
    assert "history" not in result.metrics


def test_who_gets_a_stage() -> None:
    assert takes_stage(lambda derivation, stage: 0.5)
    assert takes_stage(functools.partial(lambda scale, derivation, stage: 0.5, 2))
    assert takes_stage(Staged())
    assert not takes_stage(lambda derivation: 0.5)
    assert not takes_stage(lambda derivation, scale=2: 0.5)
    assert not takes_stage(len)
