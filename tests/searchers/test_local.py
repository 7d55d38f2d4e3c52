"""Local search: where climbs start, how they go on, when they end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from einsearch.derivation.derivation import Derivation
from einsearch.errors import NoNeighbour
from einsearch.searchers.base import Proposal, Searcher
from einsearch.searchers.local import LocalSearcher
from einsearch.trial import Trial, TrialState
from tests.contracts.searching import space
from tests.searchers.bits import bits_space, complete, finish, from_text, ones, proposed

Outcome = Callable[[Proposal], Trial]


def run(searcher: Searcher, count: int, outcome: Outcome = complete) -> list[Proposal]:
    proposals = []
    for _ in range(count):
        proposals.append(searcher.ask())
        searcher.tell(outcome(proposals[-1]))
    return proposals


def distance(one: Derivation, other: Derivation) -> int:
    return sum(a != b for a, b in zip(one.text, other.text, strict=True))


def test_a_climb_begins_at_the_best_of_its_samples() -> None:
    searcher = LocalSearcher(bits_space(), starts=5)
    proposals = run(searcher, 6)
    assert [p.origin for p in proposals] == [*["sample"] * 5, "mutate"]
    best = max(proposals[:5], key=lambda p: ones(p.derivation))
    assert ones(proposals[5].derivation) in (
        ones(best.derivation) - 1,
        ones(best.derivation) + 1,
    )
    [parent] = proposals[5].parents
    assert ones(proposals[parent].derivation) == ones(best.derivation)


def test_seeds_are_samples_of_the_first_climb() -> None:
    seeds = [from_text("1" * 12), from_text("0" * 12)]
    searcher = LocalSearcher(bits_space(seeds=seeds), starts=2)
    proposals = run(searcher, 4)
    assert [p.parents for p in proposals] == [(), (), (0,), (0,)]


def test_the_first_improvement_takes_over() -> None:
    searcher = LocalSearcher(bits_space(seeds=[from_text("0" * 12)]), starts=1)
    proposals = run(searcher, 60)
    best = proposals[0]
    for proposal in proposals[1:]:
        if ones(best.derivation) == 12:
            break
        assert proposal.parents == (best.number,)
        assert distance(proposal.derivation, best.derivation) == 1
        if ones(proposal.derivation) > ones(best.derivation):
            best = proposal
    assert ones(best.derivation) == 12


def test_equals_do_not_take_over() -> None:
    searcher = LocalSearcher(bits_space(), starts=1, patience=20)
    proposals = run(searcher, 12, lambda p: complete(p, ones=1.0))
    assert {p.parents for p in proposals[1:]} == {(0,)}


def test_neighbours_come_once_and_then_another_climb_begins() -> None:
    searcher = LocalSearcher(bits_space(seeds=[from_text("1" * 12)]), starts=1)
    proposals = run(searcher, 14)
    assert len({p.derivation.text for p in proposals[1:13]}) == 12
    assert all(p.parents == (0,) for p in proposals[1:13])
    assert proposals[13].origin == "sample"


@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.FAILED, TrialState.DUPLICATE])
def test_too_many_neighbours_without_improvement_end_a_climb(state: TrialState) -> None:
    def outcome(proposal: Proposal) -> Trial:
        return finish(proposed(proposal), state if proposal.parents else TrialState.COMPLETE)

    searcher = LocalSearcher(bits_space(seeds=[from_text("1" * 12)]), starts=2, patience=4)
    origins = [p.origin for p in run(searcher, 12, outcome)]
    assert origins[:7] == ["seed", "sample", *["mutate"] * 4, "sample"]
    assert origins[7] == "sample"


def test_a_late_result_takes_its_climb_up_again() -> None:
    searcher = LocalSearcher(bits_space(), starts=1, patience=3)
    run(searcher, 1, lambda p: complete(p, ones=5.0))
    late, *others = (searcher.ask() for _ in range(4))
    for proposal in others:
        searcher.tell(complete(proposal, ones=1.0))
    assert searcher.ask().origin == "sample"
    searcher.tell(complete(late, ones=6.0))
    assert searcher.ask().parents == (late.number,)


def test_a_late_result_that_is_worse_does_not() -> None:
    searcher = LocalSearcher(bits_space(), starts=1, patience=3)
    run(searcher, 1, lambda p: complete(p, ones=5.0))
    late, *others = (searcher.ask() for _ in range(4))
    for proposal in others:
        searcher.tell(complete(proposal, ones=1.0))
    searcher.tell(complete(late, ones=4.0))
    assert searcher.ask().origin == "sample"


def test_what_breaks_a_constraint_never_takes_over_from_what_does_not() -> None:
    def outcome(proposal: Proposal) -> Trial:
        broken = {"latency": 1.0 if proposal.parents else -1.0}
        return replace(complete(proposal, ones=float(proposal.number)), excess=broken)

    searcher = LocalSearcher(bits_space(), starts=1)
    assert {p.parents for p in run(searcher, 12, outcome)[1:]} == {(0,)}


def test_a_best_whose_value_fell_after_a_pause_is_overtaken() -> None:
    searcher = LocalSearcher(bits_space(), starts=1)
    first = searcher.ask()
    searcher.tell(finish(proposed(first), TrialState.PRUNED, ones=9.0))
    searcher.tell(complete(first, ones=2.0))
    run(searcher, 1, lambda p: complete(p, ones=3.0))
    assert searcher.ask().parents == (1,)


def test_operators_are_the_small_ones_where_none_are_named() -> None:
    def origins(searcher: Searcher) -> set[str]:
        return {searcher.ask().origin for _ in range(60)}

    every = {"value", "production", "swap", "grow", "shrink"}
    searcher = LocalSearcher(space(), starts=1)
    searcher.tell(finish(proposed(searcher.ask()), TrialState.COMPLETE, worth=1.0))
    assert origins(searcher) - {"sample"} <= every
    searcher = LocalSearcher(space(), starts=1, operators=["subtree"])
    searcher.tell(finish(proposed(searcher.ask()), TrialState.COMPLETE, worth=1.0))
    assert origins(searcher) == {"subtree"}


def test_without_neighbours_it_samples() -> None:
    searcher = LocalSearcher(bits_space(alphabet=[(0, 0), (0, 1), (1, 1)]), starts=1)
    assert {p.origin for p in run(searcher, 20)} == {"sample"}


def test_an_operator_that_finds_nothing_leaves_the_others_to_work() -> None:
    def never(parent: Derivation, rng: np.random.Generator) -> Derivation:
        raise NoNeighbour("nothing")

    both = {"never": never, "flip": bits_space().mutate}
    searcher = LocalSearcher(replace(bits_space(), operators=both), starts=1)
    assert {p.origin for p in run(searcher, 12)[1:]} == {"flip"}


def test_keeps_the_derivation_of_the_best_alone() -> None:
    searcher = LocalSearcher(bits_space(), starts=3, patience=5)
    run(searcher, 200)
    assert searcher._proposed.kept <= 1
