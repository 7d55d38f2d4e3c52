"""Adaptive choice: what is rewarded is drawn, nothing is forgotten, rescaling changes nothing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.searchers.credit import Credit, Ranks

ARMS = ("a", "b", "c", "d")


def test_all_alike_before_anything_is_known() -> None:
    assert Credit(ARMS, 0.2).probabilities == pytest.approx(dict.fromkeys(ARMS, 0.25))


def test_probabilities_are_proportional_to_the_best_gains_above_the_floor() -> None:
    credit = Credit(["a", "b"], 0.2)
    for gain in (0.0, 0.1, 0.3, 0.2, *[0.0] * 10):
        credit.reward("a", gain)
    for _ in range(15):
        credit.reward("b", 0.1)
    assert credit.probabilities == pytest.approx(
        {"a": 0.1 + 0.8 * 0.7 / 1.0, "b": 0.1 + 0.8 * 0.3 / 1.0}  # 0.2 (first), 0.3, 0.2
    )


@given(st.lists(st.tuples(st.sampled_from(ARMS), st.floats(0, 1)), max_size=60))
def test_the_floor_holds_whatever_happens(rewards: list[tuple[str, float]]) -> None:
    credit = Credit(ARMS, 0.2)
    for arm, gain in rewards:
        credit.reward(arm, gain)
    assert sum(credit.probabilities.values()) == pytest.approx(1)
    assert min(credit.probabilities.values()) >= 0.2 / 4 - 1e-12


def test_arms_without_any_gain_are_drawn_alike() -> None:
    credit = Credit(["a", "b"], 0.0)
    for _ in range(20):
        credit.reward("a", 0.0)
        credit.reward("b", 0.0)
    assert credit.probabilities == {"a": 0.5, "b": 0.5}


def test_old_gains_are_forgotten() -> None:
    credit = Credit(["a", "b"], 0.0)
    credit.reward("a", 1.0)
    for _ in range(15):
        credit.reward("a", 0.1)
        credit.reward("b", 0.1)
    assert credit.probabilities == pytest.approx({"a": 0.5, "b": 0.5})


def test_draws_follow_the_probabilities_of_those_that_are_left() -> None:
    credit, rng = Credit(ARMS, 0.2), np.random.default_rng(0)
    for _ in range(15):
        credit.reward("a", 0.6)
        credit.reward("b", 0.2)
    drawn = Counter(credit.draw(rng, ["c", "d"]) for _ in range(4000))
    assert drawn.keys() == {"a", "b"}
    assert drawn["a"] / 4000 == pytest.approx(0.1 + 0.8 * 0.75, abs=0.03)
    assert credit.draw(rng, ARMS) is None


def test_other_names_are_passed_over() -> None:
    credit = Credit(["a", "b"], 0.0)
    credit.reward("sample", 1.0)
    assert credit.probabilities == {"a": 0.5, "b": 0.5}


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(-1e6, 1e6))
def test_ranks_against_counting(scores: list[float], asked: float) -> None:
    ranks = Ranks(10)
    for score in scores:
        ranks.add((0.0, score))
    kept = scores[-10:]
    assert ranks.rank((0.0, asked)) == sum(score < asked for score in kept) / len(kept)
    assert ranks.rank((-0.5, asked)) == 0.0


def test_gains_are_rises_in_rank() -> None:
    ranks = Ranks(10)
    for score in range(10):
        ranks.add((0.0, float(score)))
    assert ranks.gain((0.0, 7.5), (0.0, 2.5)) == pytest.approx(0.5)
    assert ranks.gain((0.0, 2.5), (0.0, 7.5)) == 0.0
    assert Ranks(10).gain((0.0, 1.0), (0.0, 0.0)) == 0.0
