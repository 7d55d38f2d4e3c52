"""NSGA-II: who survives, who becomes a parent, what is found."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from einsearch.searchers.base import Proposal, Searcher
from einsearch.searchers.nsga2 import Nsga2Searcher
from einsearch.trial import Trial, TrialState
from tests.searchers.bits import bits_space, complete, finish, from_text, proposed

TWO = {"left": "maximize", "right": "minimize"}
Outcome = Callable[[Proposal], Trial]


def halves(proposal: Proposal) -> Trial:
    """Ones in the left half are good, ones in the right half too, but it costs 3 to have both."""
    text = proposal.derivation.text
    half = len(text) // 2
    left, right = text[:half].count("1"), text[half:].count("1")
    return complete(proposal, left=left - 0.4 * right, right=0.4 * left - right)


def run(searcher: Searcher, count: int, outcome: Outcome = halves) -> list[Proposal]:
    proposals = []
    for _ in range(count):
        proposals.append(searcher.ask())
        searcher.tell(outcome(proposals[-1]))
    return proposals


def parents_after(searcher: Searcher, tries: int = 200) -> list[int]:
    return [parent for _ in range(tries) for parent in searcher.ask().parents]


def given(values: list[tuple[float, float]]) -> Outcome:
    return lambda p: complete(p, left=values[p.number][0], right=values[p.number][1])


def make(population: int) -> Nsga2Searcher:
    space = bits_space(400, directions=TWO)
    return Nsga2Searcher(space, population=population, operators=["mutate"])


def test_fills_the_population_with_seeds_then_samples() -> None:
    space = bits_space(30, TWO, seeds=[from_text("0" * 30)])
    searcher = Nsga2Searcher(space, population=5)
    origins = [proposal.origin for proposal in run(searcher, 8)]
    assert origins[:5] == ["seed", *["sample"] * 4]
    assert not set(origins[5:]) & {"seed", "sample"}


def test_what_is_dominated_by_most_leaves() -> None:
    searcher = make(3)
    run(searcher, 5, given([(1, 1), (5, 0), (0, 5), (2, 1), (3, 0)]))
    assert set(parents_after(searcher)) == {1, 3, 4}


def test_in_a_front_the_most_crowded_leaves() -> None:
    searcher = make(4)
    run(searcher, 5, given([(0, 0), (4, 4), (5, 5), (5.5, 5.5), (10, 10)]))
    assert set(parents_after(searcher)) == {0, 1, 3, 4}


def test_parents_come_from_earlier_fronts_more_often() -> None:
    searcher = make(4)
    run(searcher, 4, given([(3, 0), (2, 1), (1, 2), (0, 3)]))
    counts = [parents_after(searcher, 600).count(number) for number in range(4)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] / 600 == pytest.approx(7 / 16, abs=0.07)


def test_constraints_come_before_objectives() -> None:
    excess = [1.0, -1.0, 0.5, -1.0]

    def outcome(proposal: Proposal) -> Trial:
        trial = given([(9, 0), (1, 5), (8, 0), (0, 6)])(proposal)
        return replace(trial, excess={"latency": excess[proposal.number]})

    searcher = make(2)
    run(searcher, 4, outcome)
    assert set(parents_after(searcher)) == {1, 3}


@pytest.mark.parametrize(
    "values", [{"left": 1.0}, {"left": 1.0, "right": math.nan}, {"left": math.inf, "right": 0.0}]
)
def test_trials_that_lack_an_objective_do_not_enter(values: dict[str, float]) -> None:
    searcher = make(2)
    run(searcher, 1, lambda p: complete(p, **values))
    run(searcher, 2, given([(0, 0), (1, 1), (2, 2)]))
    assert 0 not in parents_after(searcher)


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.REJECTED, TrialState.DUPLICATE])
def test_what_is_no_result_does_not_enter(state: TrialState) -> None:
    searcher = make(2)
    run(searcher, 1, lambda p: finish(proposed(p), state, left=9.0, right=-9.0))
    run(searcher, 2, given([(0, 0), (1, 1), (2, 2)]))
    assert 0 not in parents_after(searcher)


def test_a_paused_trial_enters_once_with_its_last_values() -> None:
    searcher = make(2)
    proposals = [searcher.ask() for _ in range(3)]
    searcher.tell(finish(proposed(proposals[0]), TrialState.PRUNED, left=9.0, right=0.0))
    searcher.tell(complete(proposals[0], left=0.0, right=9.0))
    searcher.tell(complete(proposals[1], left=1.0, right=1.0))
    searcher.tell(complete(proposals[2], left=2.0, right=2.0))
    assert set(parents_after(searcher)) == {1, 2}


def test_finds_the_whole_front() -> None:
    """Either half may be full of ones, and everything between lies on the front, too."""
    space = bits_space(20, directions=TWO)
    searcher = Nsga2Searcher(space, seed=2, population=20)
    texts = {proposal.derivation.text for proposal in run(searcher, 600)}
    ends = {"1" * 10 + "0" * 10, "0" * 10 + "1" * 10}
    assert ends <= texts or sum(min_distance(end, texts) for end in ends) <= 2
    assert min_distance("1" * 20, texts) <= 3


def min_distance(text: str, texts: set[str]) -> int:
    return min(sum(a != b for a, b in zip(text, other, strict=True)) for other in texts)


def test_keeps_derivations_of_the_living_alone() -> None:
    searcher = make(5)
    run(searcher, 100)
    assert searcher._proposed.kept <= 5
