"""Tests of the forest."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from einsearch.searchers.surrogate_forest import Forest, Trees
from tests.searchers.test_surrogate_gp import additive, drawn, listed


@pytest.fixture(scope="module")
def trees() -> Trees:
    features = drawn(300)
    return Trees(listed(features), np.arange(300), additive(features))


def test_it_learns_what_features_are_worth(trees: Trees) -> None:
    others = drawn(100, seed=5)
    mean, deviation = Forest(listed(drawn(300)), trees).predict(others)
    assert spearmanr(mean, additive(others)).statistic > 0.6
    assert (deviation > 0).all()


def test_the_variance_is_that_of_the_mixture_of_leaves() -> None:
    """By the law of total variance, worked out from the leaves' members."""
    features, others = drawn(80), drawn(5, seed=5)
    catalogue, values = listed(features), additive(features)
    grown = Trees(catalogue, np.arange(80), values)
    mean, deviation, leaves = grown.predict(catalogue, others)
    inside = grown.predict(catalogue, features)[2]
    for place in range(5):
        members = [values[inside[:, t] == leaves[place, t]] for t in range(leaves.shape[1])]
        means = np.array([part.mean() for part in members])
        second = np.array([(part**2).mean() for part in members])
        assert mean[place] == pytest.approx(means.mean())
        assert deviation[place] ** 2 == pytest.approx(second.mean() - means.mean() ** 2)


def test_features_that_come_later_change_nothing(trees: Trees) -> None:
    catalogue, others = listed(drawn(300)), drawn(10, seed=5)
    before = trees.predict(catalogue, others)
    for offset, one in enumerate(drawn(20, seed=6)):
        catalogue.add(tuple(frozenset(key + 50 * offset for key in group) for group in one))
    for early, late in zip(before, trees.predict(catalogue, others), strict=True):
        np.testing.assert_array_equal(early, late)


def test_proposals_under_way_are_penalised(trees: Trees) -> None:
    catalogue, others = listed(drawn(300)), drawn(20, seed=5)
    mean, deviation = Forest(catalogue, trees).predict(others)
    mean_beside, deviation_beside = Forest(catalogue, trees, others[:2]).predict(others)
    np.testing.assert_array_equal(mean, mean_beside)
    assert (deviation_beside <= deviation).all()
    assert (deviation_beside[:2] < 1e-3).all()
    assert deviation_beside[2:].mean() > 0.5 * deviation[2:].mean()
