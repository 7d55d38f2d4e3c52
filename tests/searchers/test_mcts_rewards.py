"""Rewards are ranks, and branches hold the sums of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.searchers.mcts_rewards import Rewards
from einsearch.searchers.mcts_tree import Branch, Worth

Told = list[tuple[float | None, list[int]]]
"""Scores, and the branches that each trial took."""

TOLD = st.lists(
    st.tuples(
        st.none() | st.integers(-5, 5).map(float),
        st.lists(st.integers(0, 4), unique=True, max_size=4),
    ),
    max_size=40,
)


def branches() -> list[Branch]:
    shared = Worth()
    return [Branch(None, True, (shared,)) for _ in range(5)]


def tell(rewards: Rewards, told: Told, found: list[Branch]) -> None:
    for number, (score, path) in enumerate(told):
        merit = None if score is None else (0.0, score)
        rewards.tell(number, merit, [found[place] for place in path])


@given(told=TOLD)
def test_visits_count_and_totals_are_bounded_by_them(told: Told) -> None:
    found = branches()
    tell(Rewards(2.0), told, found)
    for place, branch in enumerate(found):
        assert branch.visits == sum(place in path for _, path in told)
        assert -1e-9 <= branch.total <= branch.visits
    (shared,) = found[0].worths
    assert shared.visits == sum(branch.visits for branch in found)
    assert math.isclose(shared.total, sum(b.total for b in found), abs_tol=1e-9)


@given(told=TOLD)
def test_totals_are_sums_of_ranks_when_all_are_worked_out_anew(told: Told) -> None:
    found, rewards = branches(), Rewards(3.0)
    tell(rewards, told, found)
    rewards.rank_all()
    scores = sorted(score for score, _ in told if score is not None)

    def reward(score: float | None) -> float:
        if score is None:
            return 0.0
        worse = sum(other < score for other in scores)
        equals = scores.count(score) - 1
        return float(((worse + equals / 2 + 1) / len(scores)) ** 3)

    for place, branch in enumerate(found):
        expected = sum(reward(score) for score, path in told if place in path)
        assert math.isclose(branch.total, expected, abs_tol=1e-9)


@given(told=TOLD)
def test_only_the_order_of_scores_matters(told: Told) -> None:
    one, other = branches(), branches()
    tell(Rewards(2.0), told, one)
    bent: Told = [(None if s is None else math.exp(3 * s) - 7, path) for s, path in told]
    tell(Rewards(2.0), bent, other)
    assert [b.total for b in one] == [b.total for b in other]


def test_the_best_has_one_and_the_worst_still_more_than_a_failure() -> None:
    found, rewards = branches(), Rewards(2.0)
    tell(rewards, [(7.0, [0])], found)
    assert found[0].total == 1.0
    found, rewards = branches(), Rewards(2.0)
    tell(rewards, [(7.0, [0]), (3.0, [1]), (9.0, [2]), (None, [3])], found)
    rewards.rank_all()
    assert found[2].total == 1.0 > found[0].total > found[1].total > found[3].total == 0.0


def test_broken_constraints_rank_below_kept_ones() -> None:
    kept, broken = branches()[:2]
    rewards = Rewards(1.0)
    rewards.tell(0, (0.0, 1.0), [kept])
    rewards.tell(1, (-0.5, 99.0), [broken])
    rewards.rank_all()
    assert kept.total > broken.total


@pytest.mark.parametrize("after", [5.0, -5.0])
def test_a_trial_that_went_on_counts_once_with_its_last_value(after: float) -> None:
    found, rewards = branches(), Rewards(2.0)
    tell(rewards, [(0.0, [0]), (1.0, [1]), (2.0, [2])], found)
    assert 1 in rewards
    assert 7 not in rewards
    rewards.change(1, (0.0, after))
    rewards.rank_all()
    fresh, expected = branches(), Rewards(2.0)
    tell(expected, [(0.0, [0]), (after, [1]), (2.0, [2])], fresh)
    expected.rank_all()
    assert [b.total for b in found] == pytest.approx([b.total for b in fresh])
    assert [b.visits for b in found] == [1, 1, 1, 0, 0]


def test_a_failure_that_went_on_counts() -> None:
    found, rewards = branches(), Rewards(2.0)
    tell(rewards, [(None, [0]), (1.0, [1])], found)
    rewards.change(0, (0.0, 2.0))
    assert found[0].total > 0
    assert found[0].visits == 1


@given(told=TOLD.filter(bool), data=st.data())
def test_another_path_to_a_network_has_its_reward_whatever_comes(
    told: Told, data: st.DataObject
) -> None:
    found, rewards = branches(), Rewards(2.0)
    other = Branch(None, True, (Worth(),))
    known = data.draw(st.integers(0, len(told) - 1))
    first = Branch(None, True, (Worth(),))
    for number, (score, path) in enumerate(told):
        merit = None if score is None else (0.0, score)
        own = [first] if number == known else []
        rewards.tell(number, merit, [*own, *(found[place] for place in path)])
        if number == known:
            rewards.transpose(number, [other])
    rewards.rank_all()
    assert other.total == first.total
    assert (other.visits, other.transposed, other.fresh) == (1, 1, 0)
    assert (first.visits, first.transposed, first.fresh) == (1, 0, 1)
    if told[known][0] is not None:
        rewards.change(known, (0.0, 9.0))
        assert other.total == first.total
