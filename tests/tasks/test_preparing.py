"""Tests of cutting and normalising."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import StandardScaler

from einsearch.specs import image, vector
from einsearch.tasks.base import Statistics
from einsearch.tasks.preparing import cut, measure, normalise, prepare, stratified_order


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=80).map(np.array),
    seed=st.integers(0, 1000),
    fraction=st.floats(0, 1),
)
def test_any_first_part_holds_every_class_in_proportion(
    labels: np.ndarray, seed: int, fraction: float
) -> None:
    order = stratified_order(labels, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(labels)))
    count = round(fraction * len(labels))
    first = labels[order[:count]]
    classes = len(np.unique(labels))
    for label in np.unique(labels):
        share = count * np.mean(labels == label)
        assert abs(np.sum(first == label) - share) <= 1 + classes / 2


def test_the_order_within_a_class_is_drawn() -> None:
    labels = np.zeros(50, dtype=int)
    one, same, other = (stratified_order(labels, np.random.default_rng(s)) for s in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, np.arange(50))


@pytest.mark.parametrize("kind", [np.int64, np.float32])
def test_cut_gives_disjoint_parts_that_keep_pairs_together(kind: type) -> None:
    x = np.arange(40).reshape(40, 1)
    (x1, y1), (x2, y2) = cut(x, np.arange(40).astype(kind), 10, seed=3)
    assert len(x1) == 10
    assert sorted([*x1[:, 0], *x2[:, 0]]) == list(range(40))
    assert np.array_equal(x1[:, 0], y1)
    assert np.array_equal(x2[:, 0], y2)


def test_cut_stratifies_class_numbers() -> None:
    labels = np.repeat([0, 1], [90, 10])
    (_, small), _ = cut(np.zeros((100, 1)), labels, 20, seed=0)
    assert np.bincount(small).tolist() == [18, 2]


@given(arrays(np.float64, (17, 3), elements=st.floats(-1e3, 1e3, width=32)))
def test_normalising_agrees_with_scikit_learn(x: np.ndarray) -> None:
    x += np.random.default_rng(0).normal(size=x.shape)
    expected = StandardScaler().fit_transform(x)
    assert normalise(x, measure(x, 0), 0) == pytest.approx(expected, abs=1e-2, rel=1e-3)


def test_statistics_are_by_channel_also_over_several_chunks() -> None:
    x = (
        np.random.default_rng(0)
        .normal((1.0, -200.0), (2.0, 0.1), (9000, 2, 1, 2)[::1])
        .astype(np.float32)
    )
    x = np.moveaxis(x, 3, 1).reshape(9000, 2, 1, 2)
    statistics = measure(x, 0)
    assert statistics.mean == pytest.approx((1.0, -200.0), abs=0.05)
    assert statistics.deviation == pytest.approx((2.0, 0.1), abs=0.05)


def test_a_feature_that_never_varies_stays_finite() -> None:
    x = np.tile([0.1, 7.3e5 + 0.1], (97, 1))
    statistics = measure(x, 0)
    assert statistics.deviation == (1.0, 1.0)
    assert normalise(x, statistics, 0) == pytest.approx(0, abs=0.1)


def test_normalising_leaves_raw_data_alone() -> None:
    x = np.ones((4, 2), np.float32)
    normalise(x, Statistics((1.0, 1.0), (2.0, 2.0)), 0)
    assert (x == 1).all()


def test_prepare_gives_class_numbers_or_standardised_targets() -> None:
    plain = Statistics((0.0,), (1.0,))
    x = np.zeros((3, 1, 2, 2), np.uint8)
    labels = prepare(x, np.array([2, 0, 1], np.uint8), image(1, 2, 2), plain, None)
    assert labels.y.dtype == np.int64
    targets = prepare(
        x.reshape(3, 4)[:, :1],
        np.array([[1.0], [2.0], [3.0]]),
        vector(1),
        plain,
        Statistics((2.0,), (0.5,)),
    )
    assert targets.y.tolist() == [[-2.0], [0.0], [2.0]]


@pytest.mark.parametrize(
    ("mean", "deviation", "kind"),
    [(1.7e9, 3600.0, float), (2.46e6, 0.3, float), (1e12, 50.0, float), (0.0, 1e-9, float),
     (2**40, 40.0, np.int64), (-1.7e9, 2.0, float)],
)  # fmt: skip
def test_the_mean_is_taken_off_before_anything_is_rounded(
    mean: float, deviation: float, kind: type
) -> None:
    raw = (mean + deviation * np.random.default_rng(0).standard_normal((500, 2))).astype(kind)
    normal = normalise(raw, measure(raw, 0), 0)
    wide = raw.astype(np.longdouble)
    exact = (wide - wide.mean(axis=0)) / wide.std(axis=0)
    assert np.abs(normal - exact).max() < 1e-6
    for feature in range(2):
        assert len(np.unique(normal[:, feature])) == len(np.unique(raw[:, feature]))


def test_a_bright_image_keeps_its_differences() -> None:
    raw = 3e8 + np.random.default_rng(0).integers(4, size=(64, 2, 5, 5)).astype(float)
    normal = normalise(raw, measure(raw, 0), 0)
    assert len(np.unique(normal[:, 0])) == 4
    assert normal.mean(axis=(0, 2, 3)) == pytest.approx(0, abs=1e-6)
    assert normal.std(axis=(0, 2, 3)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("value", [0.1, 1.7e9, -3e-7, 1e30])
def test_a_feature_that_never_varies_is_zero(value: float) -> None:
    raw = np.full((1000, 1), value)
    statistics = measure(raw, 0)
    assert statistics.deviation == (1.0,)
    assert np.abs(normalise(raw, statistics, 0)).max() <= 1e-6 * max(1, abs(value))


def test_what_is_missing_counts_for_nothing() -> None:
    raw = np.array([[1.0, 5.0], [np.nan, 7.0], [3.0, np.nan], [np.nan, 9.0]])
    statistics = measure(raw, 0)
    assert statistics.mean == (2.0, 7.0)
    assert statistics.deviation == pytest.approx((1.0, np.std([5, 7, 9])))
