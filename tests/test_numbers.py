"""How numbers are written for people."""

from __future__ import annotations

import math

import pytest

from einsearch import numbers
from einsearch.numbers import PLAIN, Scores


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (12_345, "12.3k"),
        (4_374_026, "4.37M"),
        (2e9, "2G"),
        (999_999, "1M"),
        (0.95, "0.95"),
        (-3e9, "-3G"),
    ],
)
def test_counts(value: float, text: str) -> None:
    assert numbers.count(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (65, "1 min 05 s"),
        (3599.9, "1 h 00 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (950, "950 B"), (12_345, "12.3 kB"), (4.37e6, "4.37 MB")]
)
def test_memory(value: float, text: str) -> None:
    assert numbers.memory(value) == text


def test_shares_are_in_per_cent_and_other_scores_have_four_digits() -> None:
    scores = Scores({"accuracy"})
    assert scores("accuracy", 0.9917) == "99.17 %"
    assert scores("accuracy", 1.0) == "100.00 %"
    assert scores("cross_entropy", 0.99171) == "0.9917"
    assert scores("accuracy", None) == ""
    assert scores("accuracy", math.nan) == "nan"
    assert PLAIN("accuracy", 93.25) == "93.25"
    assert PLAIN("cost", 12345.6) == "12346"
    assert PLAIN("cost", 1e12) == "1e+12"


def test_costs_are_written_as_counts_wherever_they_stand() -> None:
    assert PLAIN("parameters", 12_345) == "12.3k"
    assert PLAIN("activation_memory", 12_345) == "12.3 kB"
    assert PLAIN.tick("activation_memory", 2e6) == "2 MB"
    assert Scores({"accuracy"}).tick("accuracy", 0.975) == "97.5 %"
    assert PLAIN.tick("trial", 1500) == "1.5k"
