"""Tests of the model of a search: acquisition, feasibility, and when it learns anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from einsearch.searchers import surrogate, surrogate_fit
from einsearch.searchers.features import features_of
from einsearch.searchers.observations import stretched
from einsearch.searchers.surrogate import Model, expected_improvement
from einsearch.searchers.surrogate_gp import Kernel, fit_kernel
from einsearch.trial import Trial, TrialState
from tests.searchers.bits import bits_space, from_text

SPACE = bits_space()
OTHERS = [features_of(from_text(text)) for text in ("000000", "111111", "101010", "110000")]


def trial(number: int, state: TrialState = TrialState.COMPLETE) -> Trial:
    text = f"{(number * 29) % 64:06b}"
    values = {"ones": float(text.count("1"))} if state is TrialState.COMPLETE else {}
    return Trial(number, text, state, values=values)


def tell(model: Model, one: Trial) -> None:
    model.tell(one, lambda: features_of(from_text(one.text)))


@pytest.mark.parametrize(("mean", "deviation", "best"), [(0, 1, 0), (1, 0.5, 2), (-1, 2, 0.5)])
def test_expected_improvement_is_the_integral(mean: float, deviation: float, best: float) -> None:
    found = expected_improvement(np.array([mean]), np.array([deviation]), best)
    density = norm(mean, deviation).pdf
    expected = quad(lambda value: (value - best) * density(value), best, mean + 12 * deviation)[0]
    assert found[0] == pytest.approx(expected, rel=1e-6)


@settings(max_examples=15)
@given(
    looks=st.sets(st.integers(5, 29)),
    largest=st.sampled_from([0, 12, 100]),
    again=st.integers(0, 4),
)
def test_looking_in_between_changes_nothing(looks: set[int], largest: int, again: int) -> None:
    """The model is a function of what was told: a resumed search goes on as it would have."""
    watched, other = Model(SPACE, largest), Model(SPACE, largest)
    for number in range(30):
        state = TrialState.FAILED if number % 7 == 3 else TrialState.COMPLETE
        for model in (watched, other):
            tell(model, trial(number, state))
            if number > 12 and number % 4 == again:
                tell(model, replace(trial(number - 8), values={"ones": number / 7}, budget=3.0))
        if number in looks:
            watched.promise([])(OTHERS)
    np.testing.assert_array_equal(watched.promise([])(OTHERS), other.promise([])(OTHERS))


@pytest.mark.parametrize("largest", [100, 0])
def test_more_ones_promise_more(largest: int) -> None:
    model = Model(SPACE, largest)
    for number in range(40):
        tell(model, trial(number))
    few, most, half, some = model.promise([])(OTHERS)
    assert most > half >= few
    assert most > some


def test_what_is_like_failures_promises_less() -> None:
    """All that begins with 0 fails; the same results without failures for comparison."""
    careful, careless = Model(SPACE, 100), Model(SPACE, 100)
    for number in range(40):
        one = trial(number)
        if one.text[0] == "1":
            tell(careless, one)
            tell(careful, one)
        else:
            tell(careful, replace(one, state=TrialState.FAILED, values={}))
    share = careful.promise([])(OTHERS) / careless.promise([])(OTHERS)
    assert share[0] < share[1]
    assert (share <= 1.0 + 1e-9).all()


def test_to_improve_on_is_the_best_that_keeps_the_constraints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever has more than three ones breaks one."""
    bests: list[float] = []

    def gain(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
        bests.append(best)
        return np.ones(len(mean))

    monkeypatch.setattr(surrogate, "expected_improvement", gain)
    model, kept = Model(SPACE, 100), Model(SPACE, 100)
    for number in range(40):
        one = trial(number)
        tell(kept, one)
        tell(model, replace(one, excess={"ones": one.values["ones"] / 3 - 1}))
    zeros, all_ones, three, two = model.promise([])(OTHERS)
    assert zeros >= two >= three > 2 * all_ones
    kept.promise([])(OTHERS)
    values = np.array([one.values["ones"] for one in kept.seen.trials])
    three_ones = float(stretched(values)[values == 3].max())
    assert bests[0] == pytest.approx(three_ones, abs=0.2)
    assert bests[1] > bests[0] + 0.5


def test_trials_that_went_on_call_for_a_fit_as_seldom_as_new_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fits = 0

    def counted(*arguments: Any) -> Kernel:
        nonlocal fits
        fits += 1
        return fit_kernel(*arguments)

    monkeypatch.setattr(surrogate_fit, "fit_kernel", counted)
    model = Model(SPACE, 100)
    for number in range(40):
        tell(model, replace(trial(number), budget=1.0))
    tell(model, replace(trial(0), budget=3.0))
    model.promise([])
    fits = 0
    for number in range(1, 25):
        tell(model, replace(trial(number), budget=3.0))
        model.promise([])
    assert 3 <= fits <= 6


def test_failures_of_all_that_went_on_leave_something_to_fit() -> None:
    model = Model(SPACE, 100)
    for state in (TrialState.PRUNED, TrialState.FAILED):
        for number in range(60):
            values = {"ones": float(number)} if state is TrialState.PRUNED else {}
            tell(model, replace(trial(number), state=state, values=values))
    for number in range(60, 64):
        tell(model, trial(number))
        promises = model.promise([])(OTHERS)
        assert np.isfinite(promises).all()
