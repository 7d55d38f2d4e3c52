"""What every registered searcher must keep in a whole study: it ends, and it resumes."""

from __future__ import annotations

from typing import Any

import pytest

from einsearch.searchers.base import SearchSpace
from einsearch.searchers.registry import all_searchers
from einsearch.study.checkpoints import CheckpointStore
from einsearch.study.events import Budget, StopReason, StudyEnd
from einsearch.study.inline import InlineExecutor
from einsearch.study.loop import run_study
from einsearch.study.objective import ObjectiveWork
from einsearch.study.options import Options
from einsearch.study.pruning import make_scheduler
from einsearch.study.record import Record
from einsearch.study.scheduling import Scheduler
from einsearch.study.spacefile import EpochsSection
from einsearch.study.stage import Stage
from einsearch.study.storage import memory_storage
from einsearch.trial import Trial, TrialState
from tests.contracts.searching import MAXIMIZE, make, space, tiny_space

EVERY = pytest.mark.parametrize("name", all_searchers())


def study(
    name: str,
    space: SearchSpace,
    record: Record,
    budget: Budget,
    objective: Any,
    scheduler: Scheduler | None = None,
) -> StudyEnd:
    executor = InlineExecutor(ObjectiveWork(objective, space.recall, "worth"))
    options = Options(max_duplicates=60, scheduler=scheduler or Scheduler())
    return run_study(lambda: make(name, space), executor, record, budget, options)


@EVERY
@pytest.mark.parametrize("count", [1, 3])
def test_a_tiny_space_is_seen_whole_and_ends_the_search(name: str, count: int) -> None:
    record = Record(memory_storage(), directions=MAXIMIZE)
    end = study(name, tiny_space(count), record, Budget(trials=10), lambda d: float(len(d.text)))
    assert end.reason is StopReason.EXHAUSTED
    evaluated = [trial.text for trial in record.trials if trial.state is TrialState.COMPLETE]
    assert sorted(evaluated) == sorted(["relu", "tanh", "sigmoid"][:count])


@EVERY
def test_a_resumed_search_goes_on_as_if_it_had_never_stopped(name: str) -> None:
    """Some networks fail, so that dead children are replayed too."""

    def worth(derivation: Any) -> float:
        if derivation.nodes == 5:
            raise ValueError("five is bad luck")
        return float(derivation.nodes)

    def trials_of(*budgets: int) -> list[Trial]:
        record = Record(memory_storage(), directions=MAXIMIZE)
        for budget in budgets:
            study(name, space(), record, Budget(budget), worth)
        return record.trials

    whole, resumed = trials_of(30), trials_of(1, 9, 17, 30)
    assert [trial.text for trial in resumed] == [trial.text for trial in whole]
    assert [trial.parents for trial in resumed] == [trial.parents for trial in whole]
    assert {trial.state for trial in whole} >= {TrialState.COMPLETE, TrialState.FAILED}


@EVERY
def test_an_interrupted_search_with_a_pruner_goes_on_alike(name: str) -> None:
    """Stopped in the middle of evaluations, with trials that are paused or were told twice."""
    epochs = EpochsSection(pruner="asha", min=1, max=4, promote=2)

    def trials_of(*interruptions: int) -> list[Trial]:
        record, store = Record(memory_storage(), directions=MAXIMIZE), CheckpointStore()
        for after in (*interruptions, 10**9):
            scheduler = make_scheduler(epochs, 4, MAXIMIZE, store)
            study(name, space(), record, Budget(24), Rising(after), scheduler)
        return record.trials

    whole, resumed = trials_of(), trials_of(5, 17, 16)
    assert list(map(course, resumed)) == list(map(course, whole))
    assert {trial.state for trial in whole} >= {TrialState.COMPLETE, TrialState.PRUNED}


class Rising:
    """Every epoch is worth more, the more so the more operations there are; free.

    Args:
        after: the epoch, counted over all networks, in which it is interrupted.
    """

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, derivation: Any, stage: Stage) -> float:
        worth = 0.0
        for epoch in range(int((stage.checkpoint or b"0").decode()) + 1, (stage.epochs or 4) + 1):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            worth = derivation.nodes * (1 - 0.5**epoch)
            stage.checkpoint = str(epoch).encode()
            if stage.report(epoch, worth):
                break
        return worth


def course(trial: Trial) -> tuple[Any, ...]:
    """All that is the same in a search that was not interrupted."""
    return trial.text, trial.origin, trial.parents, trial.state, trial.budget, trial.values
