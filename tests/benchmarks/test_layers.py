"""How layers found are chosen and compared in `benchmarks/layers.py`."""

from __future__ import annotations

import math

import pytest
from common.layer_tests import advantage, best_again, distinct
from common.layers import Cell, difference, not_below, show_table, told_below
from scipy.stats import t

import einsearch as es
from einsearch.trial import Trial, TrialState


def test_the_second_look_prefers_the_greatest_least_advantage() -> None:
    looks = {
        "bn_relu": {"plain": 0.90, "residual": 0.95},
        "evonorm_s0": {"plain": 0.99, "residual": 0.99},
        "uneven": {"plain": 0.99, "residual": 0.90},
        "even": {"plain": 0.91, "residual": 0.95},
        "better": {"plain": 0.92, "residual": 0.95},
    }

    assert best_again(looks, 2) == ["better", "even"]
    assert advantage(looks["uneven"], looks["bn_relu"])[0] == pytest.approx(-0.05)


def test_the_interval_of_a_difference_is_that_of_welch() -> None:
    ours, theirs = Cell((97.0, 98.0, 99.0)), Cell((95.0, 96.0, 97.0))

    low, high = difference(ours, theirs)

    half = t.ppf(0.975, 4) * math.sqrt(1 / 3 + 1 / 3)
    assert (low, high) == pytest.approx((2 - half, 2 + half))


def test_one_training_says_nothing_of_a_difference() -> None:
    assert difference(Cell((99.0,)), Cell((90.0, 91.0))) == (-math.inf, math.inf)


def test_layers_are_told_below_the_baseline_only_where_the_interval_is() -> None:
    table = {
        "bn_relu": {"plain": Cell((97.0, 98.0, 99.0))},
        "found a": {"plain": Cell((97.0, 98.0, 99.5))},
        "found b": {"plain": Cell((96.5, 98.0, 99.0))},
        "found c": {"plain": Cell((91.0, 92.0, 93.0))},
    }

    assert not_below(table) == ["found a"]
    assert told_below(table) == ["found c"]
    assert "92.00 ± 1.00 -" in show_table("test", table)
    assert "of 3 found layers 1 have means not below" in show_table("test", table)


def layer(text: str, number: int) -> Trial:
    return Trial(number, text, TrialState.COMPLETE)


def test_one_function_written_in_two_ways_is_one_layer() -> None:
    spec = es.image(4, 6, 6)
    known = "batch_norm >> relu"
    trials = [
        layer("(identity, neg) >> maximum", 0),
        layer("(relu, neg >> relu) >> add", 1),
        layer("batch_norm >> (identity, relu) >> maximum", 2),
        layer("relu", 3),
    ]

    assert [trial.number for trial in distinct(trials, [known], spec)] == [0, 3]
