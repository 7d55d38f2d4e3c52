"""Tests of the Gaussian process against textbook formulas with explicit inverses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from einsearch.searchers.features import GROUPS, Features
from einsearch.searchers.overlap import Catalogue, Overlap
from einsearch.searchers.surrogate_gp import GaussianProcess, Kernel, Posterior, fit_kernel

KERNEL = Kernel((0.4, 0.1, 0.2, 0.1, 0.2), bend=0.3, length=0.5, noise=0.05)


def drawn(count: int, seed: int = 0) -> list[Features]:
    """Random sets of ten features out of thirty."""
    rng = np.random.default_rng(seed)
    return [
        tuple(frozenset(rng.choice(30, 10, replace=False).tolist()) for _ in GROUPS)
        for _ in range(count)
    ]


def listed(features: list[Features]) -> Catalogue:
    made = Catalogue()
    for one in features:
        made.add(one)
    return made


def additive(features: list[Features], group: int = 0) -> np.ndarray:
    """A sum over the features of one group, of mean 0."""
    worth = np.random.default_rng(9).standard_normal(30)
    values = np.array([sum(worth[sorted(one[group])]) for one in features])
    centred: np.ndarray = values - values.mean()
    return centred


def naive(overlap: Overlap, size: float = 10.0) -> np.ndarray:
    """The documented formula, one pair at a time."""
    _, m, n = overlap.common.shape
    found = np.zeros((m, n))
    for i in range(m):
        for j in range(n):
            for g, weight in enumerate(KERNEL.weights):
                common = overlap.common[g, i, j]
                different = overlap.left[g, i] + overlap.right[g, j] - 2 * common
                near = np.exp(-different / (2 * size * KERNEL.length))
                found[i, j] += weight * (0.7 * common / size + 0.3 * near)
    return found


def test_posterior_is_that_of_the_textbook() -> None:
    known, others = drawn(12), drawn(5, seed=1)
    catalogue, values = listed(known), additive(known)
    posterior = Posterior(KERNEL, catalogue.among, values)
    mean, deviation = posterior.predict(catalogue.overlap(others))
    inverse = np.linalg.inv(naive(catalogue.among) + 0.05 * np.eye(12))
    cross = naive(catalogue.overlap(others))
    scale = values @ inverse @ values / 12
    prior = np.diag(naive(listed(others).among))
    variance = scale * (prior - np.einsum("ij,jk,ik->i", cross, inverse, cross))
    np.testing.assert_allclose(mean, cross @ inverse @ values, rtol=1e-9)
    np.testing.assert_allclose(deviation**2, variance, rtol=1e-6)


def test_evidence_is_the_log_likelihood_but_for_a_constant() -> None:
    features = drawn(10)
    among, values = listed(features).among, additive(features)
    posterior = Posterior(KERNEL, among, values)
    covariance = posterior.scale * (naive(among) + 0.05 * np.eye(10))
    likelihood = multivariate_normal(np.zeros(10), covariance).logpdf(values)
    constant = -0.5 * 10 * (np.log(2 * np.pi) + 1)
    assert posterior.evidence + constant == pytest.approx(likelihood)


def test_the_kernel_is_found_that_explains_the_data() -> None:
    for group in (0, 3):
        features = drawn(60)
        kernel = fit_kernel(listed(features).among, additive(features, group))
        assert int(np.argmax(kernel.weights)) == group
        assert kernel.weights[group] > 0.7


@pytest.mark.parametrize(
    ("noise", "spread", "doubt"), [(0, (0.6, 1.1), (0, 0.3)), (3, (0, 0.5), (0.8, 1.1))]
)
def test_noise_is_not_taken_for_signal(
    noise: int, spread: tuple[float, float], doubt: tuple[float, float]
) -> None:
    """What is expected elsewhere varies as the signal does, and hardly where there is mostly noise;
    how sure that is goes the other way. Both in deviations of what was observed."""
    features, others = drawn(60), drawn(40, seed=5)
    catalogue, signal = listed(features), additive(features)
    values = signal + noise * signal.std() * np.random.default_rng(3).standard_normal(60)
    values -= values.mean()
    kernel = fit_kernel(catalogue.among, values)
    process = GaussianProcess(catalogue, np.arange(60), values, kernel)
    mean, deviation = process.predict(others)
    assert spread[0] < mean.std() / values.std() < spread[1]
    assert doubt[0] < deviation.mean() / values.std() < doubt[1]


def test_proposals_under_way_lower_the_deviation_and_leave_the_mean() -> None:
    known, pending, others = drawn(12), drawn(3, seed=1), drawn(6, seed=2)
    rows, values = np.arange(12), additive(known)
    alone = GaussianProcess(listed(known), rows, values, KERNEL)
    beside = GaussianProcess(listed(known), rows, values, KERNEL, pending)
    mean, deviation = alone.predict([*pending, *others])
    mean_beside, deviation_beside = beside.predict([*pending, *others])
    # The noise draws what is believed a little towards the prior.
    np.testing.assert_allclose(mean_beside, mean, atol=0.15 * values.std())
    assert (deviation_beside < deviation + 1e-12).all()
    assert (deviation_beside[:3] < 0.5 * deviation[:3]).all()
    np.testing.assert_array_equal(beside.expected, alone.expected)


def test_rows_without_a_value_are_left_out() -> None:
    known, others = drawn(12), drawn(4, seed=2)
    rows = np.array([0, 2, 3, 7, 8, 11])
    values = additive([known[row] for row in rows])
    some = GaussianProcess(listed(known), rows, values, KERNEL).predict(others)
    catalogue = listed([known[row] for row in rows])
    few = GaussianProcess(catalogue, np.arange(6), values, KERNEL).predict(others)
    np.testing.assert_allclose(some, few)
