"""Tests of what is learned of failures and constraints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from einsearch.searchers.feasibility import Feasibility
from einsearch.searchers.features import features_of
from einsearch.searchers.observations import Observations
from einsearch.searchers.overlap import Catalogue
from einsearch.searchers.surrogate_gp import GaussianProcess, fit_kernel
from einsearch.trial import Trial, TrialState
from tests.searchers.bits import bits_space, from_text

TEXTS = [f"{number:06b}" for number in range(64)]
FEATURES = [features_of(from_text(text)) for text in TEXTS]
BOTH = pytest.mark.parametrize("largest_process", [500, 0])


def trial(number: int, state: TrialState = TrialState.COMPLETE, excess: float = -0.5) -> Trial:
    text = TEXTS[number * 29 % 64]
    values = {"ones": 1.0} if state is TrialState.COMPLETE else {}
    return Trial(number, text, state, values=values, excess={"size": excess} if values else {})


def chances(trials: list[Trial], largest_process: int = 500) -> np.ndarray:
    """Of all strings of six bits."""
    seen, catalogue = Observations(bits_space(6)), Catalogue()
    for one in trials:
        seen.tell(one)
        catalogue.add(features_of(from_text(one.text)))
    return Feasibility(seen, catalogue, largest_process).chance()(FEATURES)


def beginning(with_one: bool) -> np.ndarray:
    return np.array([text.startswith("1") == with_one for text in TEXTS])


@BOTH
def test_what_fails_is_told_from_what_works(largest_process: int) -> None:
    """All that begins with 1 fails; half of the strings were tried."""
    states = [TrialState.FAILED, TrialState.REJECTED]
    trials = [trial(number) for number in range(32)]
    told = [trial(t.number, states[t.number % 2]) if t.text.startswith("1") else t for t in trials]
    found = chances(told, largest_process)
    assert found[beginning(with_one=True)].max() < 0.2
    assert found[beginning(with_one=False)].min() > 0.8


@BOTH
def test_constraints_are_learned_by_how_much_they_are_broken(largest_process: int) -> None:
    trials = [trial(number) for number in range(40)]
    told = [replace(t, excess={"size": t.text.count("1") / 3 - 1}) for t in trials]
    found = chances(told, largest_process)
    ones = np.array([text.count("1") for text in TEXTS])
    means = [found[ones == count].mean() for count in range(7)]
    assert means[1] > 0.9
    assert means[5] < 0.1
    assert (np.diff(means) < 0.02).all()


def test_chances_of_constraints_multiply() -> None:
    """Each is the probability, under a process of its own, that the excess is not above 0."""
    trials = [trial(number) for number in range(30)]
    excess = {t.number: (int(t.text[0]) - 0.5, int(t.text[1]) - 0.4) for t in trials}
    told = [replace(t, excess=dict(zip("ab", excess[t.number], strict=True))) for t in trials]
    catalogue = Catalogue()
    for one in told:
        catalogue.add(features_of(from_text(one.text)))
    expected = np.ones(64)
    for margins in -np.arcsinh(np.array(list(excess.values()))).T:
        kernel = fit_kernel(catalogue.among, margins)
        mean, deviation = GaussianProcess(catalogue, np.arange(30), margins, kernel).predict(
            FEATURES
        )
        expected *= norm.cdf(mean, scale=deviation)
    np.testing.assert_allclose(chances(told), expected)


def test_nothing_is_doubted_before_anything_went_wrong() -> None:
    assert (chances([trial(number) for number in range(8)]) == 1).all()


def test_constraints_wait_until_one_trial_keeps_them_all() -> None:
    """Until then, values say how much is broken."""
    told = [trial(number, excess=0.1 + number) for number in range(8)]
    assert (chances(told) == 1).all()
    assert (chances([*told, trial(8)]) < 1).any()


def test_a_constraint_may_be_unknown_for_some() -> None:
    """Those that failed were not measured, and those of another run knew of no limit."""
    trials = [trial(n, excess=0.5 if TEXTS[n * 29 % 64][0] == "1" else -0.5) for n in range(20)]
    told = [replace(t, excess={}) if t.number % 3 == 0 else t for t in trials]
    found = chances(told)
    ones = beginning(with_one=True)
    assert found[ones].mean() < 0.2 < 0.8 < found[~ones].mean()
