"""Tests of the evolution of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from einsearch.searchers.acquisition import Breeding, Plan
from einsearch.searchers.base import Proposal
from einsearch.searchers.features import Features
from einsearch.searchers.proposed import Proposed
from einsearch.searchers.varying import Operators
from tests.searchers.bits import bits_space, from_text

SPACE = bits_space(10)
START = from_text("0000000000")
PLAN = Plan(64, sampled=1 / 8, first=3 / 8, rounds=2, breeders=8)


def size_of(features: Sequence[Features]) -> np.ndarray:
    """What a bit is worth is drawn by its feature: an arbitrary promise."""
    return np.array([sum(key % 97 for key in one[0]) for one in features], dtype=float)


def breeding(known: Proposed | None = None, seed: int = 0) -> Breeding:
    rng = np.random.default_rng(seed)
    return Breeding(SPACE, Operators(SPACE), known or Proposed(SPACE), rng)


def test_the_most_promising_comes_first() -> None:
    ranked = breeding().run([(3, START)], size_of, PLAN)
    promises = size_of([one.features for one in ranked])
    assert (np.diff(promises) <= 0).all()
    assert len({one.derivation.text for one in ranked}) == len(ranked) > 20


def test_later_rounds_promise_more_than_the_first() -> None:
    """The whole run does better than as many candidates near the start."""
    best = [
        size_of([breeding(seed=s).run([(3, START)], size_of, PLAN)[0].features]) for s in range(9)
    ]
    pool = [SPACE.sample(np.random.default_rng((7, n))) for n in range(64)]
    from einsearch.searchers.features import features_of

    drawn = size_of([features_of(one) for one in pool]).max()
    assert np.mean(best) > drawn


def test_what_was_proposed_is_no_candidate() -> None:
    known = Proposed(SPACE)
    for number, text in enumerate(["1000000000", "0100000000"]):
        known.note(Proposal(number, from_text(text)))
    found = {
        one.derivation.text
        for one in breeding(known).run([(3, START)], size_of, replace(PLAN, count=96))
    }
    assert not found & {"1000000000", "0100000000"}


def test_children_know_their_ancestors() -> None:
    for one in breeding().run([(3, START), (5, from_text("1111100000"))], size_of, PLAN):
        assert set(one.parents) <= {3, 5}
        assert bool(one.parents) == (one.origin != "sample")


@pytest.mark.parametrize("alphabet", [[(0,)], [(0,), (1,), (2,)]])
def test_spaces_without_neighbours(alphabet: list[tuple[int, ...]]) -> None:
    """Nothing can be bred; all that is new is sampled."""
    space = bits_space(alphabet=alphabet)
    known = Proposed(space)
    known.note(Proposal(0, from_text("0")))
    rng = np.random.default_rng(0)
    ranked = Breeding(space, Operators(space), known, rng).run([(0, from_text("0"))], size_of, PLAN)
    assert {one.derivation.text for one in ranked} == {"1", "2"} & {str(a[0]) for a in alphabet}
