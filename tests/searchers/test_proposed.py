"""What a searcher remembers of its proposals."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from einsearch.searchers.base import Proposal
from einsearch.searchers.proposed import MOST_REPEATS, Proposed
from tests.searchers.bits import bits_space, from_text, proposed

RNG = np.random.default_rng(0)


def making(*texts: str) -> Callable[[], Proposal]:
    left: Iterator[str] = iter(texts)
    return lambda: Proposal(7, from_text(next(left)), origin="mutate")


def test_what_was_proposed_is_thrown_away_for_something_new() -> None:
    known = Proposed(bits_space())
    assert known.fresh(RNG, making("00")).derivation.text == "00"
    assert known.fresh(RNG, making("00", "00", "01")).derivation.text == "01"
    assert from_text("01") in known
    assert from_text("11") not in known


def test_where_nothing_new_is_found_it_repeats() -> None:
    known = Proposed(bits_space(alphabet=[(0, 0)]))
    known.fresh(RNG, making("00"))
    assert known.fresh(RNG, making(*["00"] * (MOST_REPEATS + 1))).derivation.text == "00"


def test_samples_stand_in_for_candidates_that_repeat() -> None:
    known = Proposed(bits_space(12))
    known.fresh(RNG, making("00"))
    proposal = known.fresh(RNG, making(*["00"] * (MOST_REPEATS + 1)))
    assert len(proposal.derivation.text) == 12
    assert (proposal.number, proposal.origin, proposal.parents) == (7, "sample", ())


def test_recorded_proposals_are_known_too() -> None:
    known = Proposed(bits_space())
    known.recall(proposed(Proposal(0, from_text("01"))))
    assert from_text("01") in known


def test_derivations_are_kept_or_derived_again() -> None:
    known, proposal = Proposed(bits_space()), Proposal(3, from_text("0110"))
    trial = proposed(proposal)
    known.note(proposal)
    assert known.derivation(trial) is proposal.derivation
    known.forget(3)
    assert known.kept == 0
    again = known.derivation(trial)
    assert again == proposal.derivation
    assert again is not proposal.derivation
    known.forget(99)
