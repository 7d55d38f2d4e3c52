"""Tests of Bayesian optimisation on bit strings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from einsearch.searchers.base import Proposal
from einsearch.searchers.bayesian import BayesianSearcher
from einsearch.trial import Trial, TrialState
from tests.searchers.bits import bits_space, complete, derivation, finish, proposed

WEIGHTS = np.random.default_rng(4).standard_normal(12)
BEST = float(WEIGHTS[WEIGHTS > 0].sum())


def weighed(proposal: Proposal) -> Trial:
    """Each bit has a worth of its own, and two neighbours spoil each other."""
    bits = np.array([int(bit) for bit in proposal.derivation.text])
    return complete(proposal, ones=float(WEIGHTS @ bits))


def searcher(seed: int = 0, **options: int) -> BayesianSearcher:
    return BayesianSearcher(bits_space(), seed, **options)


@pytest.mark.parametrize("largest_process", [500, 0])
def test_it_finds_the_best_of_4096_in_a_few_dozen_trials(largest_process: int) -> None:
    found = []
    for seed in range(3):
        search, best = searcher(seed, largest_process=largest_process, candidates=48), -np.inf
        for _ in range(45):
            trial = weighed(search.ask())
            best = max(best, trial.values["ones"])
            search.tell(trial)
        found.append(best)
    assert np.mean(found) > 0.97 * BEST


def test_nothing_is_proposed_twice() -> None:
    search = searcher(candidates=24)
    texts = []
    for _ in range(40):
        proposal = search.ask()
        texts.append(proposal.derivation.text)
        search.tell(weighed(proposal))
    assert len(set(texts)) == 40


def test_proposals_under_way_are_kept_away_from() -> None:
    """Eight asks in a row go to different places, though one place promises most."""
    search = searcher(candidates=48)
    for _ in range(20):
        search.tell(weighed(search.ask()))
    batch = [search.ask().derivation.text for _ in range(8)]
    assert len(set(batch)) == 8
    distances = [sum(a != b for a, b in zip(batch[0], other, strict=True)) for other in batch[1:]]
    assert max(distances) >= 2


@pytest.mark.parametrize("largest_process", [500, 0])
def test_failures_are_avoided(largest_process: int) -> None:
    """Whatever begins with 1 fails, though it would be worth most."""
    search = searcher(candidates=48, largest_process=largest_process)
    starts = []
    for _ in range(45):
        proposal = search.ask()
        starts.append(proposal.derivation.text[0])
        if starts[-1] == "1":
            search.tell(finish(proposed(proposal), TrialState.FAILED))
        else:
            search.tell(weighed(proposal))
    assert starts[-20:].count("1") <= 5


def test_a_constraint_is_learned() -> None:
    """More than six ones break it; the objective wants as many as can be."""
    search = searcher(candidates=48)
    excesses = []
    for _ in range(45):
        trial = complete(search.ask())
        excesses.append(trial.values["ones"] / 6 - 1)
        search.tell(replace(trial, excess={"ones": excesses[-1]}))
    assert max(excess for excess in excesses if excess <= 0) == 0
    assert sum(excess <= 0 for excess in excesses[-20:]) >= 8


def test_trials_that_went_on_after_a_pause_count_by_their_last_value() -> None:
    search = searcher(candidates=24, initial=5)
    for _ in range(8):
        trial = replace(weighed(search.ask()), state=TrialState.PRUNED, budget=1.0)
        search.tell(trial)
    search.tell(replace(trial, state=TrialState.COMPLETE, values={"ones": 50.0}, budget=3.0))
    proposal = search.ask()
    assert trial.number in proposal.parents


def test_few_candidates_where_networks_are_large() -> None:
    search = searcher(candidates=96)
    assert search._plan([(0, derivation(*[0] * 20))]).count == 96
    assert search._plan([(0, derivation(*[0] * 160))]).count == 50
    assert search._plan([(0, derivation(*[0] * 5000))]).count == 24


def test_derivations_of_the_best_alone_are_kept() -> None:
    search = searcher(candidates=24, parents=5)
    for _ in range(30):
        search.tell(weighed(search.ask()))
    assert search._proposed.kept <= 5
