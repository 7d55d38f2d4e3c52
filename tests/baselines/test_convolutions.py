"""Features from convolutions that nobody trains."""

from __future__ import annotations

import numpy as np
import pytest

from einsearch.baselines.convolutions import _KERNELS, fitted


def series(count: int, channels: int, length: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, channels, length)).astype(np.float32)


def shares(x: np.ndarray, kernel: int, dilation: int, thresholds: np.ndarray, is_padded: bool):
    """By NumPy's own convolution, one series of one channel at a time."""
    weights = np.zeros(8 * dilation + 1)
    weights[::dilation] = -1
    weights[np.array(_KERNELS[kernel]) * dilation] = 2
    padded = np.pad(x[0], 4 * dilation) if is_padded else x[0]
    made = np.correlate(padded.astype(np.float64), weights, mode="valid")
    return [float(np.mean(made > threshold)) for threshold in thresholds]


def test_features_are_shares_of_convolutions_above_thresholds() -> None:
    x = series(3, 1, 40)

    kernels = fitted(x, np.random.default_rng(1), features=500)
    found = kernels(x)

    column = 0
    for bank in kernels.banks:
        for kernel, thresholds in enumerate(bank.thresholds):
            for row in range(3):
                expected = shares(x[row], kernel, bank.dilation, thresholds, bank.is_padded[kernel])
                np.testing.assert_allclose(
                    found[row, column : column + len(thresholds)], expected, atol=0.051
                )
                assert (
                    np.mean(np.abs(np.array(expected) - found[row][column:][: len(expected)]))
                    < 0.02
                )
            column += len(thresholds)
    assert column == found.shape[1] == kernels.features


def test_kernels_of_all_dilations_are_there() -> None:
    kernels = fitted(series(5, 1, 150), np.random.default_rng(0))

    assert kernels.features == 84 * 119
    dilations = [bank.dilation for bank in kernels.banks]
    assert dilations[0] == 1
    assert 8 * dilations[-1] < 150 <= 8 * (2 * dilations[-1])


@pytest.mark.parametrize(("channels", "length"), [(1, 1), (3, 8), (12, 9), (2, 400)])
def test_any_series_has_features(channels: int, length: int) -> None:
    x = series(4, channels, length)

    found = fitted(x, np.random.default_rng(0), features=200)(x)

    assert found.shape[0] == 4
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1


def test_a_seed_makes_the_same_features() -> None:
    x = series(6, 2, 30)

    one, other = (fitted(x, np.random.default_rng(3), 200)(x) for _ in range(2))

    np.testing.assert_array_equal(one, other)


def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x = series(7, 2, 30)
    kernels = fitted(x, np.random.default_rng(3), 200)
    whole = kernels(x)

    monkeypatch.setattr("einsearch.baselines.convolutions._BLOCK", 2 * x[0].size * 9)

    np.testing.assert_array_equal(kernels(x), whole)
