"""Random search against the space's own sampler."""

from __future__ import annotations

import numpy as np

from einsearch.searchers.random import RandomSearcher
from tests.searchers.bits import bits_space, complete, derivation, from_text


def test_seeds_come_first_then_samples_of_seed_and_number() -> None:
    space = bits_space(4, seeds=[from_text("0011"), from_text("1111")])
    searcher = RandomSearcher(space, seed=5)
    proposals = [searcher.ask() for _ in range(4)]
    assert [p.derivation.text for p in proposals[:2]] == ["0011", "1111"]
    expected = [
        derivation(*np.random.default_rng((5, number)).integers(2, size=4).tolist())
        for number in (2, 3)
    ]
    assert [p.derivation for p in proposals[2:]] == expected
    assert [p.origin for p in proposals] == ["seed", "seed", "sample", "sample"]


def test_results_change_nothing() -> None:
    told, untold = RandomSearcher(bits_space(), 1), RandomSearcher(bits_space(), 1)
    for _ in range(20):
        proposal = told.ask()
        assert proposal == untold.ask()
        told.tell(complete(proposal))
