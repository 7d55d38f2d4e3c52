"""Regularised evolution: what enters the population, what leaves it, who becomes a parent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from einsearch.derivation.derivation import Derivation
from einsearch.errors import SearcherError
from einsearch.searchers.base import Proposal, Searcher
from einsearch.searchers.evolution import EvolutionSearcher
from einsearch.trial import Trial, TrialState
from tests.searchers.bits import bits_space, complete, finish, from_text, ones, proposed

Outcome = Callable[[Proposal], Trial]


def run(searcher: Searcher, count: int, outcome: Outcome = complete) -> list[Proposal]:
    proposals = []
    for _ in range(count):
        proposals.append(searcher.ask())
        searcher.tell(outcome(proposals[-1]))
    return proposals


def parents_after(searcher: EvolutionSearcher, tries: int = 200) -> set[int]:
    """Parents of many proposals, none of which is told."""
    return {parent for _ in range(tries) for parent in searcher.ask().parents}


def test_fills_the_population_with_seeds_then_samples_before_it_mutates() -> None:
    space = bits_space(seeds=[from_text("0" * 12)])
    searcher = EvolutionSearcher(space, population=5, tournament=2, operators=["mutate"])
    origins = [proposal.origin for proposal in run(searcher, 8)]
    assert origins == ["seed", *["sample"] * 4, *["mutate"] * 3]


def test_the_oldest_leaves_however_good_it_is() -> None:
    searcher = EvolutionSearcher(bits_space(), population=4, tournament=3, operators=["mutate"])

    def first_is_best(proposal: Proposal) -> Trial:
        return complete(proposal, ones=100.0 if proposal.number == 0 else 1.0)

    run(searcher, 4, first_is_best)
    assert 0 in parents_after(searcher)
    for proposal in run(searcher, 1, first_is_best):
        assert proposal.number == 204
    assert parents_after(searcher) <= {1, 2, 3, 204}


def test_ages_by_the_order_of_results() -> None:
    searcher = EvolutionSearcher(bits_space(), population=2, tournament=1, operators=["mutate"])
    first, second, third = (searcher.ask() for _ in range(3))
    for proposal in (third, first, second):
        searcher.tell(complete(proposal))
    assert parents_after(searcher) == {first.number, second.number}


def test_the_winner_of_the_tournament_is_the_parent() -> None:
    searcher = EvolutionSearcher(bits_space(), population=3, tournament=200, operators=["mutate"])
    run(searcher, 3, lambda p: complete(p, ones=[1.0, 5.0, 3.0][p.number]))
    assert parents_after(searcher) == {1}


def test_the_youngest_of_equals_wins() -> None:
    searcher = EvolutionSearcher(bits_space(), population=3, tournament=200, operators=["mutate"])
    run(searcher, 3, lambda p: complete(p, ones=1.0))
    assert parents_after(searcher) == {2}


def test_pruned_trials_live_by_their_values() -> None:
    searcher = EvolutionSearcher(bits_space(), population=2, tournament=200, operators=["mutate"])
    run(searcher, 1, lambda p: finish(proposed(p), TrialState.PRUNED, ones=9.0))
    run(searcher, 1, lambda p: complete(p, ones=1.0))
    assert parents_after(searcher) == {0}


def test_minimises_where_less_is_better() -> None:
    space = bits_space(directions={"ones": "minimize"})
    searcher = EvolutionSearcher(space, population=3, tournament=200, operators=["mutate"])
    run(searcher, 3, lambda p: complete(p, ones=[4.0, 5.0, 3.0][p.number]))
    assert parents_after(searcher) == {2}


def test_a_tournament_of_one_gives_everyone_a_child() -> None:
    searcher = EvolutionSearcher(bits_space(), population=6, tournament=1, operators=["mutate"])
    run(searcher, 6)
    assert parents_after(searcher) == set(range(6))


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.REJECTED, TrialState.DUPLICATE])
def test_the_dead_and_duplicates_take_no_place(state: TrialState) -> None:
    searcher = EvolutionSearcher(bits_space(), population=4, tournament=2, operators=["mutate"])

    def odd_die(proposal: Proposal) -> Trial:
        if proposal.number % 2 == 0:
            return complete(proposal)
        return finish(proposed(proposal), state, ones=1000.0)

    proposals = run(searcher, 7, odd_die)
    assert all(proposal.origin == "sample" for proposal in proposals)
    assert parents_after(searcher) <= {0, 2, 4, 6}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_dead_children(value: float) -> None:
    searcher = EvolutionSearcher(bits_space(), population=2, tournament=50, operators=["mutate"])
    run(searcher, 1, lambda p: complete(p, ones=value))
    run(searcher, 2)
    assert 0 not in parents_after(searcher)


def test_children_differ_from_their_parent_by_a_mutation() -> None:
    searcher = EvolutionSearcher(bits_space(), population=5, tournament=2, operators=["mutate"])
    by_number = {proposal.number: proposal for proposal in run(searcher, 40)}
    for proposal in list(by_number.values())[5:]:
        (parent,) = proposal.parents
        pairs = zip(proposal.derivation.text, by_number[parent].derivation.text, strict=True)
        assert sum(a != b for a, b in pairs) == 1


def test_crossover_has_two_parents_and_only_their_bits() -> None:
    searcher = EvolutionSearcher(bits_space(), population=5, tournament=1, operators=["crossover"])
    by_number = {proposal.number: proposal for proposal in run(searcher, 60)}
    crossed = [p for p in by_number.values() if p.origin == "crossover"]
    assert len(crossed) > 30
    for proposal in crossed:
        mother, father = (by_number[parent].derivation.text for parent in proposal.parents)
        places = zip(proposal.derivation.text, mother, father, strict=True)
        assert all(bit in (one, other) for bit, one, other in places)


def test_where_nothing_can_be_exchanged_it_samples() -> None:
    searcher = EvolutionSearcher(bits_space(), population=1, tournament=1, operators=["crossover"])
    assert {proposal.origin for proposal in run(searcher, 5)} == {"sample"}


def test_an_operator_that_finds_nothing_gives_way_to_another() -> None:
    searcher = EvolutionSearcher(bits_space(), population=1, tournament=1)
    assert [proposal.origin for proposal in run(searcher, 4)] == ["sample", *["mutate"] * 3]


def test_without_neighbours_it_samples() -> None:
    space = bits_space(alphabet=[(0, 0), (0, 1), (1, 1)])
    searcher = EvolutionSearcher(space, population=2, tournament=2)
    assert {proposal.origin for proposal in run(searcher, 30)} == {"sample"}


def test_finds_more_ones_than_random_search_would() -> None:
    searcher = EvolutionSearcher(bits_space(40), seed=1, population=20, tournament=5)
    best = max(ones(proposal.derivation) for proposal in run(searcher, 400))
    assert best >= 36


def test_keeps_derivations_of_the_living_alone() -> None:
    def some_die(proposal: Proposal) -> Trial:
        is_dead = proposal.number % 3 == 0
        return finish(proposed(proposal), TrialState.FAILED if is_dead else TrialState.COMPLETE)

    searcher = EvolutionSearcher(bits_space(), population=5, tournament=2)
    run(searcher, 200, some_die)
    assert searcher._proposed.kept <= 5


def test_what_was_proposed_comes_again_only_where_nothing_else_is_found() -> None:
    texts = [p.derivation.text for p in run(EvolutionSearcher(bits_space(3), population=2), 8)]
    assert len(set(texts)) == 8


def test_the_operator_whose_children_rise_is_drawn_most() -> None:
    def up(parent: Derivation, rng: np.random.Generator) -> Derivation:
        """One more one, the first that is missing."""
        return from_text(parent.text.replace("0", "1", 1))

    def down(parent: Derivation, rng: np.random.Generator) -> Derivation:
        return from_text(parent.text.replace("1", "0", 1))

    space = replace(bits_space(200), operators={"up": up, "down": down})
    searcher = EvolutionSearcher(space, population=10, tournament=5, operators=["up", "down"])
    made = Counter(proposal.origin for proposal in run(searcher, 110)[30:])
    assert made["up"] > 2 * made["down"]
    assert made["down"] >= 4


def test_without_adaptation_all_are_drawn_alike() -> None:
    flip = bits_space(200).mutate
    space = replace(bits_space(200), operators={"one": flip, "other": flip})
    searcher = EvolutionSearcher(space, population=2, operators=["one", "other"], floor=1.0)
    made = Counter(proposal.origin for proposal in run(searcher, 302))
    assert 120 < made["one"] < 180


def test_operators_that_there_are_not() -> None:
    with pytest.raises(SearcherError, match="no operator grov: there are mutate, crossover"):
        EvolutionSearcher(bits_space(), operators=["grov"])


def test_what_breaks_a_constraint_is_behind_what_does_not() -> None:
    searcher = EvolutionSearcher(bits_space(), population=3, tournament=200, operators=["mutate"])
    excess = [{"latency": 0.5}, {"latency": -0.1}, {"latency": 0.2}]
    run(searcher, 3, lambda p: replace(complete(p, ones=9.0 - p.number), excess=excess[p.number]))
    assert parents_after(searcher) == {1}


def test_a_paused_trial_that_comes_again_has_its_new_value_and_one_place() -> None:
    searcher = EvolutionSearcher(bits_space(), population=3, tournament=200, operators=["mutate"])
    proposals = [searcher.ask() for _ in range(3)]
    for proposal in proposals:
        searcher.tell(finish(proposed(proposal), TrialState.PRUNED, ones=float(proposal.number)))
    searcher.tell(complete(proposals[0], ones=9.0))
    assert parents_after(searcher) == {0}
    run(searcher, 2, lambda p: complete(p, ones=1.0))
    assert parents_after(searcher) == {2}
