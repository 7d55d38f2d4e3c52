"""What every registered searcher must keep in a whole study: it ends, and it resumes."""

from __future__ import annotations

from typing import Any

import pytest

from einsearch.searchers.base import SearchSpace
from einsearch.searchers.registry import all_searchers
from einsearch.study.events import Budget, StopReason, StudyEnd
from einsearch.study.inline import InlineExecutor
from einsearch.study.loop import Options, run_study
from einsearch.study.objective import ObjectiveWork
from einsearch.study.record import Record
from einsearch.study.storage import memory_storage
from einsearch.trial import Trial, TrialState
from tests.contracts.searching import MAXIMIZE, make, space, tiny_space

EVERY = pytest.mark.parametrize("name", all_searchers())


def study(
    name: str, space: SearchSpace, record: Record, budget: Budget, objective: Any
) -> StudyEnd:
    executor = InlineExecutor(ObjectiveWork(objective, space.recall, "worth"))
    options = Options(max_duplicates=60)
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
