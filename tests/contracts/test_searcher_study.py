"""What every registered searcher must keep in a whole study: it ends, and it resumes."""

from __future__ import annotations

from typing import Any

import pytest

from einsearch.derivation.limits import Limits
from einsearch.grammar.load import load_grammar_text
from einsearch.searchers.base import SearchSpace
from einsearch.searchers.registry import all_searchers, make_searcher
from einsearch.specs import image
from einsearch.study.describing import Description, describe
from einsearch.study.events import Budget, StopReason, StudyEnd
from einsearch.study.inline import InlineExecutor
from einsearch.study.loop import Options, run_study
from einsearch.study.objective import ObjectiveWork
from einsearch.study.record import Record
from einsearch.study.searchspace import search_space
from einsearch.study.storage import memory_storage
from einsearch.trial import Trial, TrialState
from tests.contracts.test_searcher_contract import SMALL
from tests.searchers.bits import bits_space, ones

EVERY = pytest.mark.parametrize("name", all_searchers())
DIRECTIONS = {"ones": "maximize"}
GRAMMAR = load_grammar_text(
    """
language 1
start network
network = part >> part
part = step [0.6] | part >> part [0.3] | (part, identity) >> add [0.1]
step = conv2d(channels, {1, 3}) | relu | max_pool(3) | identity
"""
)


def study(
    name: str, space: SearchSpace, record: Record, budget: Budget, objective: Any, options: Options
) -> StudyEnd:
    config = {"name": name, **SMALL.get(name, {})}
    executor = InlineExecutor(ObjectiveWork(objective, space.recall, "ones"))
    return run_study(lambda: make_searcher(config, space), executor, record, budget, options)


def bits(derivation: Any) -> Description:
    return Description(derivation.text)


@EVERY
def test_a_space_of_three_is_seen_whole_and_ends_the_search(name: str) -> None:
    record = Record(memory_storage(), directions=DIRECTIONS)
    space = bits_space(alphabet=[(0, 0), (0, 1), (1, 1)])
    end = study(name, space, record, Budget(trials=10), ones, Options(describe=bits))
    assert end.reason is StopReason.EXHAUSTED
    evaluated = [trial for trial in record.trials if trial.state is TrialState.COMPLETE]
    assert {trial.text for trial in evaluated} == {"00", "01", "11"}
    assert len(evaluated) == 3


@EVERY
def test_a_resumed_search_goes_on_as_if_it_had_never_stopped(name: str) -> None:
    """On a real grammar; some networks fail, so that dead children are replayed too."""
    limits = Limits(nodes=12, depth=6)
    space = search_space(GRAMMAR, image(3, 4, 4), directions=DIRECTIONS, limits=limits)

    def worth(derivation: Any) -> float:
        if derivation.nodes == 5:
            raise ValueError("five is bad luck")
        return float(derivation.nodes)

    def trials_of(*budgets: int) -> list[Trial]:
        record = Record(memory_storage(), directions=DIRECTIONS)
        for budget in budgets:
            study(name, space, record, Budget(budget), worth, Options(describe=describe))
        return record.trials

    whole, resumed = trials_of(30), trials_of(1, 9, 17, 30)
    assert [trial.text for trial in resumed] == [trial.text for trial in whole]
    assert [trial.parents for trial in resumed] == [trial.parents for trial in whole]
    assert {trial.state for trial in whole} >= {TrialState.COMPLETE, TrialState.FAILED}
