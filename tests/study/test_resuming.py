"""A searcher rebuilt from a record is the one that made it; one that differs is found out."""

from __future__ import annotations

import pytest

from einsearch.searchers.evolution import EvolutionSearcher
from einsearch.searchers.random import RandomSearcher
from einsearch.study.encoding import Entry
from einsearch.study.events import Budget
from einsearch.study.inline import InlineExecutor
from einsearch.study.loop import run_study
from einsearch.study.objective import ObjectiveWork
from einsearch.study.options import Options
from einsearch.study.record import Record
from einsearch.study.resuming import MakeSearcher, rebuild
from einsearch.study.storage import memory_storage
from tests.study.support import Climber, bit_space
from tests.study.test_loop import describe, ones

SPACE = bit_space(12)

SEARCHERS: dict[str, MakeSearcher] = {
    "climber": lambda: Climber(SPACE, seed=1),
    "random": lambda: RandomSearcher(SPACE, seed=1),
    "evolution": lambda: EvolutionSearcher(SPACE, seed=1, population=8, tournament=3),
}


def entries_of(make: MakeSearcher, trials: int = 40) -> list[Entry]:
    record = Record(memory_storage(), directions={"score": "maximize"})
    executor = InlineExecutor(ObjectiveWork(ones, SPACE.recall, "score"))
    run_study(make, executor, record, Budget(trials), Options(describe=describe))
    return record.entries


@pytest.mark.parametrize("name", SEARCHERS)
@pytest.mark.parametrize("check_all", [False, True])
def test_a_rebuilt_searcher_proposes_what_comes_next(name: str, check_all: bool) -> None:
    make = SEARCHERS[name]
    entries = entries_of(make)
    for length in (0, 1, 9, 25):
        searcher, note = rebuild(make, entries[:length], check_all)
        assert note is None
        proposal, recorded = searcher.ask(), entries[length].trial
        assert proposal.derivation.text == recorded.text
        assert (proposal.number, proposal.parents) == (length, recorded.parents)


def test_a_searcher_that_differs_is_found_out_and_goes_on_from_the_record() -> None:
    entries = entries_of(SEARCHERS["climber"])
    other = lambda: Climber(SPACE, seed=2)  # noqa: E731
    searcher, note = rebuild(other, entries)
    assert note is not None
    last = entries[-1].trial
    assert note.startswith(
        f"the searcher does not repeat trial {last.number}: the record has {last.text}, it now "
    )
    assert note.endswith("the search goes on, but not as it would have")
    assert isinstance(searcher, Climber)
    assert searcher.proposed[last.number].text == last.text
    assert searcher.told == [e.trial.number for e in entries]
    assert searcher.ask().number == len(entries)


def test_checking_all_names_the_first_that_differs() -> None:
    entries = entries_of(SEARCHERS["random"])
    note = rebuild(lambda: RandomSearcher(SPACE, seed=2), entries, check_all=True)[1]
    assert note is not None
    assert note.startswith("the searcher does not repeat trial 0:")
