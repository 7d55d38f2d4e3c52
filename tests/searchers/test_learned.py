"""Learned probabilities: frequencies, smoothed; their entropy; draws that follow them."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from einsearch.derivation.derivation import Derivation
from einsearch.derivation.limits import Limits
from einsearch.derivation.parse import parse
from einsearch.derivation.places import Place, Slot
from einsearch.derivation.sample import guided
from einsearch.grammar.model import Grammar
from einsearch.searchers.learned import Distribution, Tilted, entropy, with_entropy
from tests.derivation.spaces import IMAGE, WITH_EVERYTHING, draw, grammar

RULES = grammar("start x\nx = a >> a >> norm\na = relu [0.5] | tanh [0.3] | gelu [0.2]")
FIRST, SECOND = Place("a", (("x", "a"),)), Place("a", (("x", "a.2"),))
SLOT = Slot(True, "a")
PRIOR = np.array([0.5, 0.3, 0.2])


def learned(
    rules: Grammar, *texts: str, order: int = 1, smoothing: float = 2.0, entropy: float = 0.0
) -> Distribution:
    distribution = Distribution(rules, order, smoothing, entropy)
    for text in texts:
        distribution.count(distribution.choices(parse(rules, text, IMAGE)), 1.0)
    return distribution


def sampled(rules: Grammar, distribution: Distribution, count: int) -> list[Derivation]:
    limits = Limits(nodes=60)
    return [
        guided(rules, IMAGE, limits, None, Tilted(distribution, Random(seed)))
        for seed in range(count)
    ]


def test_before_anything_is_learned_the_grammar_holds() -> None:
    np.testing.assert_allclose(learned(RULES).probabilities(FIRST, SLOT), PRIOR)


def test_frequencies_are_smoothed_by_all_places_and_these_by_the_grammar() -> None:
    found = learned(RULES, "relu >> tanh >> norm", "relu >> relu >> norm", smoothing=4.0)
    everywhere = (np.array([3.0, 1.0, 0.0]) + 4 * PRIOR) / (4 + 4)
    np.testing.assert_allclose(
        found.probabilities(FIRST, SLOT), (np.array([2.0, 0.0, 0.0]) + 4 * everywhere) / (2 + 4)
    )
    np.testing.assert_allclose(
        found.probabilities(SECOND, SLOT), (np.array([1.0, 1.0, 0.0]) + 4 * everywhere) / (2 + 4)
    )


def test_without_contexts_places_share_their_probabilities() -> None:
    found = learned(RULES, "relu >> tanh >> norm", order=0)
    expected = (np.array([1.0, 1.0, 0.0]) + 2 * PRIOR) / 4
    np.testing.assert_allclose(found.probabilities(Place("a", ()), SLOT), expected)


def test_what_is_taken_away_is_forgotten() -> None:
    found = learned(RULES, "relu >> tanh >> norm")
    found.count(found.choices(parse(RULES, "relu >> tanh >> norm", IMAGE)), -1.0)
    np.testing.assert_allclose(found.probabilities(FIRST, SLOT), PRIOR)


def test_values_of_sets_and_ranges_are_learned_too() -> None:
    rules = grammar("start x\nx = conv2d({8, 16, 24}, 1) >> conv2d(3..6, 1) >> dropout(0.0..0.5)")
    found = learned(rules, "conv2d(16, 1) >> conv2d(6, 1) >> dropout(0.25)", smoothing=3.0)
    place = Place("x", ())
    slots = list(found.places.slots["x"])
    assert len(slots) == 2
    tables = sorted((found.probabilities(place, slot).tolist() for slot in slots), key=len)
    assert tables[0] == pytest.approx([1 / 4, 2 / 4, 1 / 4])
    assert tables[1] == pytest.approx([0.75 / 4, 0.75 / 4, 0.75 / 4, 1.75 / 4])


def test_values_that_depend_on_where_they_stand_are_known_by_their_place_in_the_set() -> None:
    rules = grammar("start x\nx = a(4) >> a(8)\na(c) = conv2d({c, 2 * c, 16}, 1)")
    found = learned(rules, "conv2d(8, 1) >> conv2d(16, 1)", smoothing=1.0, order=0)
    [slot] = found.places.slots["a"]
    # 16 is the second value of the second set, too: 2 * 8 comes before 16.
    np.testing.assert_allclose(
        found.probabilities(Place("a", ()), slot), (np.array([0.0, 2.0, 0.0]) + 1 / 3) / 3
    )


def test_draws_follow_learned_probabilities() -> None:
    found = learned(RULES, *["gelu >> tanh >> norm"] * 4)
    drawn = sampled(RULES, found, 3000)
    for place, call in ((FIRST, 0), (SECOND, 1)):
        counts = Counter(d.program.calls[call].primitive.name for d in drawn)
        names = ("relu", "tanh", "gelu")
        expected = dict(zip(names, found.probabilities(place, SLOT), strict=True))
        assert {n: counts[n] / 3000 for n in names} == pytest.approx(expected, abs=0.03)


def test_everything_that_can_be_decided_can_be_learned_and_drawn() -> None:
    rules = grammar(WITH_EVERYTHING)
    distribution = Distribution(rules, 1, 2.0, 0.1)
    for seed in range(20):
        distribution.count(distribution.choices(draw(rules, seed)), 1.0)
    assert len({d.text for d in sampled(rules, distribution, 20)}) > 15


def test_guards_and_limits_rule_out_what_was_learned() -> None:
    rules = grammar("start x\nx = relu when channels > 3 | tanh | x >> x")
    found = learned(rules, *["tanh >> tanh >> tanh"] * 20, smoothing=0.1)
    tilted = Tilted(found, Random(0))
    drawn = [guided(rules, IMAGE, Limits(nodes=4), None, tilted) for _ in range(30)]
    assert {d.nodes for d in drawn} <= {1, 2, 3, 4}
    assert not any("relu" in d.text for d in drawn)


@given(
    weights=st.lists(st.floats(1e-6, 1), min_size=2, max_size=6),
    best=st.integers(0, 5),
    share=st.floats(0, 1),
)
@example(weights=[1e-6, 1.0], best=0, share=1.0).via("a millionth of the grammar's is enough")
def test_entropy_never_falls_below_its_least(weights: list[float], best: int, share: float) -> None:
    prior = np.array(weights) / sum(weights)
    found = np.full(len(weights), 1e-9)
    found[best % len(weights)] = 1.0
    found /= found.sum()
    least = share * entropy(prior)
    mixed = with_entropy(found, prior, least)
    assert mixed.sum() == pytest.approx(1)
    assert entropy(mixed) >= least - 1e-9
    i = best % len(weights)
    if entropy(found) < least and share > 0.05 and prior[i] < 0.9:
        part = (mixed[i] - found[i]) / (prior[i] - found[i])  # no more than is needed
        fewer = (1 - 0.98 * part) * found + 0.98 * part * prior
        assert entropy(fewer) <= least + 1e-6


def test_what_has_entropy_enough_stays() -> None:
    found = np.array([0.6, 0.4])
    assert with_entropy(found, np.array([0.5, 0.5]), 0.5 * math.log(2)) is found
