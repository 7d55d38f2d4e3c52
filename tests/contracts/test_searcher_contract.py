"""What every registered searcher must keep; a new one is tested as soon as it is registered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.searchers.base import Proposal, Searcher, SearchSpace
from einsearch.searchers.registry import all_searchers, make_searcher
from einsearch.trial import Trial, TrialState
from tests.searchers.bits import bits_space, complete, finish, from_text, proposed

SMALL: Mapping[str, Mapping[str, Any]] = {"evolution": {"population": 6, "tournament": 3}}
"""Options that let a searcher learn within the few trials of a test."""

EVERY = pytest.mark.parametrize("name", all_searchers())
STATES = (TrialState.COMPLETE, TrialState.FAILED, TrialState.REJECTED, TrialState.DUPLICATE)


def make(name: str, space: SearchSpace | None = None, seed: int = 0) -> Searcher:
    return make_searcher({"name": name, **SMALL.get(name, {})}, space or bits_space(), seed)


def seeded_space() -> SearchSpace:
    return bits_space(8, seeds=[from_text("01010101"), from_text("00000000")])


def play(searcher: Searcher, count: int, **values: float) -> list[Proposal]:
    """Asks and tells in turn; trials count their ones unless given other values."""
    proposals = []
    for _ in range(count):
        proposals.append(searcher.ask())
        searcher.tell(complete(proposals[-1], **values))
    return proposals


def play_states(searcher: Searcher, count: int, state: TrialState) -> list[Proposal]:
    proposals = []
    for _ in range(count):
        proposals.append(searcher.ask())
        searcher.tell(finish(proposed(proposals[-1]), state))
    return proposals


def check(proposals: Sequence[Proposal], length: int = 12) -> None:
    """Numbers without a gap, valid candidates, parents that came before."""
    assert [proposal.number for proposal in proposals] == list(range(len(proposals)))
    for proposal in proposals:
        assert len(proposal.derivation.text) == length
        assert all(0 <= parent < proposal.number for parent in proposal.parents)
        assert bool(proposal.parents) == (proposal.origin not in ("sample", "seed"))


@EVERY
def test_equal_seeds_give_equal_searches(name: str) -> None:
    proposals = play(make(name, seed=3), 40)
    check(proposals)
    assert proposals == play(make(name, seed=3), 40)
    assert proposals != play(make(name, seed=4), 40)


@EVERY
def test_seeds_of_the_space_come_first(name: str) -> None:
    proposals = play(make(name, seeded_space()), 2)
    assert [proposal.derivation.text for proposal in proposals] == ["01010101", "00000000"]
    assert {proposal.origin for proposal in proposals} == {"seed"}


@EVERY
@given(data=st.data())
def test_what_is_recalled_and_told_again_goes_on_alike(name: str, data: st.DataObject) -> None:
    """A recorded search of many workers, cut anywhere, is rebuilt from its events."""
    searcher, outstanding = make(name, seeded_space()), list[Trial]()
    events: list[tuple[str, Trial]] = []
    for wants_ask in data.draw(st.lists(st.booleans(), max_size=60)):
        if wants_ask or not outstanding:
            outstanding.append(proposed(searcher.ask()))
            events.append(("ask", outstanding[-1]))
        else:
            place = data.draw(st.integers(0, len(outstanding) - 1))
            trial = finish(outstanding.pop(place), data.draw(st.sampled_from(STATES)))
            searcher.tell(trial)
            events.append(("tell", trial))
    rebuilt = make(name, seeded_space())
    for kind, trial in events:
        (rebuilt.recall if kind == "ask" else rebuilt.tell)(trial)
    for _ in range(12):
        proposal = searcher.ask()
        assert rebuilt.ask() == proposal
        searcher.tell(complete(proposal))
        rebuilt.tell(complete(proposal))


@EVERY
@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.REJECTED, TrialState.DUPLICATE])
def test_goes_on_when_nothing_succeeds(name: str, state: TrialState) -> None:
    check(play_states(make(name), 60, state))


@EVERY
def test_goes_on_in_a_space_of_three(name: str) -> None:
    space = bits_space(alphabet=[(0, 0), (0, 1), (1, 1)])
    searcher, seen = make(name, space), set[str]()
    for _ in range(60):
        proposal = searcher.ask()
        is_new = proposal.derivation.text not in seen
        seen.add(proposal.derivation.text)
        state = TrialState.COMPLETE if is_new else TrialState.DUPLICATE
        searcher.tell(finish(proposed(proposal), state))
    assert seen == {"00", "01", "11"}


@EVERY
def test_gives_64_proposals_before_any_result(name: str) -> None:
    searcher = make(name)
    proposals = [searcher.ask() for _ in range(64)]
    for proposal in proposals:
        searcher.tell(complete(proposal))
    check([*proposals, *(searcher.ask() for _ in range(64))])


@EVERY
def test_takes_results_in_any_order(name: str) -> None:
    searcher, proposals = make(name), list[Proposal]()
    for _ in range(6):
        batch = [searcher.ask() for _ in range(10)]
        proposals += batch
        for proposal in reversed(batch[1:]):
            searcher.tell(complete(proposal))
    check(proposals)


@EVERY
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.0])
def test_copes_with_values_that_say_nothing(name: str, value: float) -> None:
    check(play(make(name), 60, ones=value))


@EVERY
def test_minimises_too(name: str) -> None:
    check(play(make(name, bits_space(directions={"ones": "minimize"})), 60))
