"""Corrections: predictions improve with trials, whatever their order."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.cost import Corrections, Prediction
from einsearch.errors import EinsearchError


def predicted(kind: str, seconds: float = 0.1, peak: float = 1e8) -> Prediction:
    return Prediction(seconds, seconds / 3, peak, 0.01, ((kind, seconds), ("python", 0.0)))


def trained(order: list[int]) -> Corrections:
    """A device on which matrices take 3 times as long, scans a third, with 20 % of noise."""
    noise = random.Random(1)
    bias = {"matrix": 3.0, "scan": 1 / 3}
    pairs = list(bias.items()) * 20
    trials = [(kind, factor * math.exp(noise.gauss(0, 0.2))) for kind, factor in pairs]
    made = Corrections()
    for number in order:
        kind, factor = trials[number]
        made = made.observe(predicted(kind), 0.1 * factor, 1.5e8)
    return made


def test_synthetic_bias_is_learned_by_kind() -> None:
    made = trained(list(range(40)))
    assert 2.4 < made.apply(predicted("matrix")).step_seconds / 0.1 < 3.7
    assert 0.27 < made.apply(predicted("scan")).step_seconds / 0.1 < 0.42


def test_shares_go_on_summing_up_to_the_seconds() -> None:
    made = trained(list(range(10))).apply(predicted("matrix"))
    assert sum(value for _, value in made.shares) == pytest.approx(made.step_seconds)


def test_order_of_trials_does_not_matter() -> None:
    numbers = list(range(40))
    assert trained(numbers) == trained(numbers[::-1])


def test_no_trial_changes_nothing() -> None:
    assert Corrections().apply(predicted("matrix")) == predicted("matrix")


def test_one_outlier_among_many_changes_little() -> None:
    made = Corrections()
    for _ in range(15):
        made = made.observe(predicted("matrix"), 0.1)
    made = made.observe(predicted("matrix"), 100.0)
    assert made.apply(predicted("matrix")).step_seconds < 0.11


def test_peaks_are_corrected_upwards_alone() -> None:
    low = Corrections()
    high = Corrections()
    for _ in range(10):
        low = low.observe(predicted("matrix"), 0.1, 2e7)
        high = high.observe(predicted("matrix"), 0.1, 2e8)
    assert low.apply(predicted("matrix")).peak_bytes == 1e8
    assert 1.7e8 < high.apply(predicted("matrix")).peak_bytes < 2e8


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["matrix", "scan"]),
            st.floats(1e-6, 1e3),
            st.none() | st.floats(1.0, 1e12),
        ),
        max_size=8,
    )
)
def test_plain_values_round_trip(trials: list[tuple[str, float, float | None]]) -> None:
    made = Corrections()
    for kind, seconds, peak in trials:
        made = made.observe(predicted(kind), seconds, peak)
    assert Corrections.from_json(made.to_json()) == made


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_what_cannot_have_been_measured_is_refused(seconds: float) -> None:
    with pytest.raises(EinsearchError, match="positive"):
        Corrections().observe(predicted("matrix"), seconds)


def test_damaged_content_is_refused() -> None:
    with pytest.raises(EinsearchError, match="corrections"):
        Corrections.from_json([{"kind": "matrix"}])
