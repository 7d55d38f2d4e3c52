"""Guided evolution: samples first, then the children that the model ranks first."""

from __future__ import annotations

from einsearch.searchers.base import Proposal
from einsearch.searchers.evolution import EvolutionSearcher
from einsearch.searchers.evolution_guided import GuidedEvolutionSearcher
from einsearch.trial import Trial, TrialState
from tests.searchers.bits import bits_space, complete, finish, from_text, ones, proposed
from tests.searchers.test_local import run


def ones_found(searcher: EvolutionSearcher | GuidedEvolutionSearcher, trials: int) -> float:
    return max(ones(p.derivation) for p in run(searcher, trials))


def test_begins_with_seeds_and_samples_and_goes_on_with_children_of_the_best() -> None:
    searcher = GuidedEvolutionSearcher(bits_space(16, seeds=[from_text("0" * 16)]), initial=6)
    proposals = run(searcher, 10)
    assert [p.origin for p in proposals[:6]] == ["seed", *["sample"] * 5]
    assert all(p.parents for p in proposals[6:])


def test_parents_are_among_the_best() -> None:
    searcher = GuidedEvolutionSearcher(bits_space(16), initial=10, parents=1)
    proposals = run(searcher, 11)
    best = max(ones(p.derivation) for p in proposals[:10])
    assert {ones(proposals[n].derivation) for n in proposals[10].parents} == {best}


def test_the_model_saves_trials() -> None:
    seeds = range(5)
    guided = [ones_found(GuidedEvolutionSearcher(bits_space(24), seed), 40) for seed in seeds]
    blind = [
        ones_found(EvolutionSearcher(bits_space(24), seed, population=8), 40) for seed in seeds
    ]
    assert sum(guided) > sum(blind) + 5


def test_turns_away_from_what_fails() -> None:
    def outcome(proposal: Proposal) -> Trial:
        failed = proposal.derivation.text.startswith("1")
        return finish(proposed(proposal), TrialState.FAILED) if failed else complete(proposal)

    late = run(GuidedEvolutionSearcher(bits_space(16), seed=1), 60, outcome)[20:]
    assert sum(p.derivation.text.startswith("1") for p in late) < len(late) / 4


def test_nothing_is_proposed_twice_while_there_is_more() -> None:
    texts = [p.derivation.text for p in run(GuidedEvolutionSearcher(bits_space(8)), 100)]
    assert len(set(texts)) == 100


def test_proposals_under_way_keep_others_away() -> None:
    searcher = GuidedEvolutionSearcher(bits_space(16), seed=2)
    run(searcher, 20)
    texts = [searcher.ask().derivation.text for _ in range(16)]
    assert len(set(texts)) == 16


def test_keeps_no_more_derivations_than_it_may_need() -> None:
    searcher = GuidedEvolutionSearcher(bits_space(16), parents=5)
    run(searcher, 60)
    assert searcher._proposed.kept <= 5
