"""Tests of the local penalty against the formulas of its paper, one pair at a time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from einsearch.searchers.features import Features
from einsearch.searchers.surrogate import Model
from einsearch.searchers.surrogate_gp import GaussianProcess
from einsearch.searchers.surrogate_penalty import LocalPenalty, steepest_rise
from tests.searchers.test_surrogate import OTHERS, SPACE, tell, trial
from tests.searchers.test_surrogate_gp import KERNEL, additive, drawn, listed, naive

KNOWN, PENDING, ELSEWHERE = drawn(12), drawn(3, seed=1), drawn(6, seed=2)


@pytest.fixture
def process() -> GaussianProcess:
    return GaussianProcess(listed(KNOWN), np.arange(12), additive(KNOWN), KERNEL)


def distance(one: Features, other: Features) -> float:
    covariance = naive(listed([one, other]).among)
    return float(np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]))


def test_the_steepest_rise_is_that_of_some_pair(process: GaussianProcess) -> None:
    rises = [
        abs(process.expected[i] - process.expected[j]) / distance(KNOWN[i], KNOWN[j])
        for i in range(12)
        for j in range(i)
    ]
    assert steepest_rise(process) == pytest.approx(max(rises))


def test_equal_architectures_have_no_rise() -> None:
    same = [KNOWN[0]] * 3
    process = GaussianProcess(listed(same), np.arange(3), np.array([-1.0, 0.0, 1.0]), KERNEL)
    assert steepest_rise(process) == 0


def test_factors_are_those_of_the_paper(process: GaussianProcess) -> None:
    """The chance that the ball in which nothing exceeds the best is smaller than the distance."""
    best = float(process.expected.max())
    mean, deviation = process.predict(PENDING)
    slope = steepest_rise(process)
    expected = [
        np.prod(
            [
                norm.cdf(slope * distance(one, other), best - mean[j], deviation[j])
                for j, other in enumerate(PENDING)
            ]
        )
        for one in ELSEWHERE
    ]
    found = LocalPenalty(process, PENDING, best)(ELSEWHERE)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_it_is_hardest_where_a_proposal_is_under_way(process: GaussianProcess) -> None:
    best = float(process.expected.max())
    at, *others = LocalPenalty(process, PENDING[:1], best)([PENDING[0], *ELSEWHERE])
    assert 0 <= at < min(others)
    assert max(others) <= 1
    more = LocalPenalty(process, PENDING, best)(ELSEWHERE)
    assert (more <= np.array(others)).all()
    turned = LocalPenalty(process, PENDING[::-1], best)(ELSEWHERE)
    np.testing.assert_allclose(turned, more)


@pytest.mark.parametrize("largest", [100, 0])
def test_the_model_promises_least_near_what_is_under_way(largest: int) -> None:
    """By a Gaussian process, and by a forest."""
    model = Model(SPACE, largest)
    for number in range(40):
        tell(model, trial(number))
    best, *others = OTHERS[1:]
    share = model.promise([best])([best, *others]) / model.promise([])([best, *others])
    assert share[0] < 0.9 * share[1:].min()
    assert (share <= 1 + 1e-9).all()
