"""Early stopping by Optuna's pruners: it decides as Optuna does, and after a crash as before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, SuccessiveHalvingPruner

from einsearch.study.budgets import Rungs
from einsearch.study.events import Budget, StopReason
from einsearch.study.executor import Finished, Report
from einsearch.study.inline import InlineExecutor
from einsearch.study.loop import run_study
from einsearch.study.objective import ObjectiveWork
from einsearch.study.options import Options
from einsearch.study.record import Record
from einsearch.study.stopping import StoppingScheduler
from einsearch.study.storage import memory_storage
from einsearch.trial import FailureKind, Trial, TrialState
from tests.study.staged import Staged, after, value_of
from tests.study.support import Bits, Climber, bit_space
from tests.study.test_loop import describe
from tests.study.test_promoting import Interrupting

SPACE = bit_space(10)
DIRECTIONS = {"score": "maximize"}
FULL = 9
PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "halving": lambda: SuccessiveHalvingPruner(1, 3),
    "hyperband": lambda: HyperbandPruner(1, FULL, 3),
    "median": lambda: MedianPruner(n_startup_trials=3, n_warmup_steps=1),
}


def search(record: Record, pruner: BasePruner, executor: Any = None, trials: int = 40) -> Any:
    scheduler = StoppingScheduler(pruner, DIRECTIONS, FULL, Rungs.between(1, FULL, 3))
    executor = executor or InlineExecutor(ObjectiveWork(Staged(FULL), SPACE.recall, "score"))
    options = Options(describe=describe, scheduler=scheduler)
    return run_study(lambda: Climber(SPACE, seed=3), executor, record, Budget(trials), options)


def memory() -> Record:
    return Record(memory_storage(), directions=DIRECTIONS)


def essence(record: Record) -> list[Any]:
    return [
        (t.number, t.text, t.state, t.values, t.reason, t.budget, t.metrics) for t in record.trials
    ]


def by_optuna(pruner: BasePruner, trials: list[Trial]) -> list[int]:
    """Epochs that Optuna itself gives to the same candidates in the same order, duplicates
    skipped as it never sees them."""
    study = optuna.create_study(direction="maximize", pruner=pruner, study_name="einsearch")
    found = []
    for trial in trials:
        asked = study.ask()
        if trial.state is TrialState.DUPLICATE:
            continue
        bits, epoch = Bits(trial.text), 0
        for epoch in range(1, FULL + 1):
            asked.report(value_of(bits, after(bits, epoch)), epoch)
            if asked.should_prune() and epoch < FULL:
                study.tell(asked, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(asked, value_of(bits, after(bits, FULL)))
        found.append(epoch)
    return found


@pytest.mark.parametrize("name", PRUNERS)
def test_candidates_get_the_epochs_that_optuna_gives_them(name: str) -> None:
    record = memory()
    assert search(record, PRUNERS[name]()).reason is StopReason.TRIALS
    trials = [t for t in record.trials if t.state is not TrialState.DUPLICATE]
    epochs = [int(trial.budget or 0) for trial in trials]
    assert epochs == by_optuna(PRUNERS[name](), record.trials)
    assert len(set(epochs)) > 2
    for trial in trials:
        is_full = trial.budget == FULL
        assert trial.state is (TrialState.COMPLETE if is_full else TrialState.PRUNED)
        bits = Bits(trial.text)
        assert trial.values == {"score": value_of(bits, after(bits, int(trial.budget or 0)))}
        assert trial.metrics["trained"] == [[0, trial.budget]]


def test_the_reason_says_where_and_against_whom() -> None:
    record = memory()
    search(record, PRUNERS["halving"]())
    pruned = [t for t in record.trials if t.state is TrialState.PRUNED]
    for trial in pruned:
        epoch = int(trial.budget or 0)
        scores = {
            t.number: value_of(Bits(t.text), after(Bits(t.text), epoch))
            for t in record.trials[: trial.number + 1]
            if t.state is not TrialState.DUPLICATE and (t.budget or 0) >= epoch
        }
        order = sorted(scores, key=lambda number: (-scores[number], number))
        rung = {1: 0, 3: 1}[epoch]
        place = order.index(trial.number) + 1
        ahead = ", ".join(map(str, order[: min(place - 1, 3)]))
        assert trial.reason.startswith(f"rung {rung}, epoch {epoch}: {place}")
        assert f" of {len(order)}, behind trial" in trial.reason
        assert ahead in trial.reason
    assert Counter(t.budget for t in pruned).keys() == {1.0, 3.0}


@pytest.mark.parametrize("name", PRUNERS)
@pytest.mark.parametrize("stop", [1, 13, 60])
def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(name: str, stop: int) -> None:
    whole, parts = memory(), memory()
    search(whole, PRUNERS[name]())
    end = search(parts, PRUNERS[name](), Interrupting(Staged(FULL), stop))
    assert end.reason is StopReason.INTERRUPTED
    search(parts, PRUNERS[name]())
    assert essence(parts) == essence(whole)


class Dying(InlineExecutor):
    """Its worker dies once amid every other trial, and the trial runs again."""

    def __init__(self) -> None:
        super().__init__(ObjectiveWork(Staged(FULL), SPACE.recall, "score"))
        self.dead: set[int] = set()

    def next_finished(self, timeout: float | None = None) -> Finished | Report | None:
        event = super().next_finished(timeout)
        if isinstance(event, Finished) and event.number % 2 and event.number not in self.dead:
            self.dead.add(event.number)
            return Finished(event.number, None, (FailureKind.DIED, "killed"), True, 0.1)
        return event


def test_a_trial_that_runs_again_is_judged_once() -> None:
    whole, dying = memory(), memory()
    search(whole, PRUNERS["halving"]())
    scheduler = StoppingScheduler(PRUNERS["halving"](), DIRECTIONS, FULL, Rungs.between(1, FULL, 3))
    options = Options(describe=describe, scheduler=scheduler, retries=1)
    run_study(lambda: Climber(SPACE, seed=3), Dying(), dying, Budget(40), options)
    assert essence(dying) == essence(whole)


def test_reports_without_the_main_objective_are_passed_over() -> None:
    scheduler = StoppingScheduler(SuccessiveHalvingPruner(1, 3), DIRECTIONS)
    assert not scheduler.judge(Report(0, 1, {"loss": 0.5}))
    assert not scheduler.judge(Report(0, 1, {"score": "high"}))


def test_a_value_that_is_no_number_stops_a_candidate() -> None:
    scheduler = StoppingScheduler(SuccessiveHalvingPruner(1, 3), DIRECTIONS)
    assert not scheduler.judge(Report(0, 1, {"score": 0.5}))
    assert scheduler.judge(Report(1, 1, {"score": float("nan")}))
