"""Tests of the augmentation of series."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from einsearch.evaluate.augmenting import series
from einsearch.evaluate.augmenting.series import light, strong
from einsearch.tasks.gaps import flagged


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ramps(n: int = 200, length: int = 50) -> torch.Tensor:
    """The same rising line in all, (n, length, 1), standardised."""
    line = torch.linspace(-1, 1, length)
    return ((line - line.mean()) / line.std(correction=0)).expand(n, length)[..., None]


def with_gaps(seed: int) -> torch.Tensor:
    """Series of several lengths with a gap, and the feature that says what was there."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(20, 30, 2)).astype(np.float32)
    for each in raw:
        first, end = rng.integers(0, 8), rng.integers(20, 31)
        each[:first] = each[end:] = np.nan
        each[15 : 15 + rng.integers(0, 3), rng.integers(2)] = np.nan
    return torch.from_numpy(flagged(raw))


changes = pytest.mark.parametrize("change", [light, strong])


@changes
def test_it_is_drawn_from_the_generator_alone(change: type(light)) -> None:  # type: ignore[valid-type]
    x = torch.randn(8, 30, 2, generator=drawn())
    before = x.clone()
    first = change(x, False, drawn(1))
    torch.rand(7)
    assert torch.equal(first, change(x, False, drawn(1)))
    assert not torch.equal(first, change(x, False, drawn(2)))
    assert torch.equal(x, before)


def test_light_is_a_scale_about_the_mean_of_the_series_and_some_noise() -> None:
    x = ramps(length=500) + 5.0
    changed = light(x, False, drawn())
    factors = changed.std(1, correction=0).flatten()
    assert factors.mean() == pytest.approx(1, abs=0.03)
    assert factors.std() == pytest.approx(series._SCALE, rel=0.2)
    assert torch.allclose(changed.mean(1), x.mean(1), atol=0.05)
    line = (changed - changed.mean(1, keepdim=True)) / factors[:, None, None] + 5.0
    noise = (line - x).std(1)
    assert noise.max() == pytest.approx(series._NOISE, rel=0.15)
    assert noise.mean() == pytest.approx(series._NOISE / 2, rel=0.2)


def test_noise_goes_by_the_deviation_of_the_series() -> None:
    small = light(0.01 * ramps(), False, drawn())
    large = light(100 * ramps(), False, drawn())
    assert torch.allclose(small * 1e4, large, rtol=1e-3, atol=1e-2)


def test_time_rises_in_a_warped_series_and_a_crop_keeps_most_of_it() -> None:
    x = ramps()
    warped = series._warped(x, False, drawn())
    assert (warped.diff(dim=1) > 0).all()
    kept = (warped[:, -1] - warped[:, 0]) / (x[:, -1] - x[:, 0])
    assert kept.min() >= series._CROP - 1e-5
    assert kept.max() <= 1 + 1e-5
    assert 0.85 < kept.mean() < 0.95
    assert warped[:, 0].std() > 0


def test_half_of_the_series_are_warped_and_half_are_masked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(series, "light", lambda x, *_: x)
    monkeypatch.setattr(series, "_warped", lambda x, *_: x + 100)
    monkeypatch.setattr(series, "_masked", lambda x, *_: x + 1000)
    found = strong(torch.zeros(400, 1, 1), False, drawn()).flatten()
    counts = {value: (found == value).sum().item() for value in (0, 100, 1000, 1100)}
    assert sum(counts.values()) == 400
    assert all(70 < count < 130 for count in counts.values())


def test_a_stretch_is_masked_with_the_mean() -> None:
    x = ramps() + 3.0
    masked = series._masked(x, False, drawn())
    hidden = (masked - 3.0).abs() < 1e-5
    sizes = hidden.sum(1).flatten()
    assert sizes.max() <= np.ceil(series._MASK * 50)
    assert 0.3 * series._MASK * 50 < sizes.float().mean() < 0.7 * series._MASK * 50
    assert torch.equal(masked[~hidden], x[~hidden])


@changes
@pytest.mark.parametrize("seed", range(4))
def test_nothing_comes_to_be_where_nothing_is(change: type(light), seed: int) -> None:  # type: ignore[valid-type]
    x = with_gaps(seed)
    changed = change(x, True, drawn(seed))
    before, after = x[..., 2], changed[..., 2]
    assert (changed[..., :2][before.cumsum(1) == 0] == 0).all()
    assert (changed[..., :2][before.flip(1).cumsum(1).flip(1) == 0] == 0).all()
    assert set(after.unique().tolist()) <= {0.0, 0.5, 1.0}
    assert (changed[..., :2] != x[..., :2]).any()
    if change is light:
        assert torch.equal(after, before)


@changes
def test_zeros_at_the_ends_stay(change: type(light)) -> None:  # type: ignore[valid-type]
    x = torch.randn(30, 40, 2, generator=drawn())
    x[:, 25:] = x[:, :5] = 0
    changed = change(x, False, drawn(1))
    assert (changed[:, 25:] == 0).all()
    assert (changed[:, :5] == 0).all()
    assert (changed[:, 5:25] != x[:, 5:25]).float().mean() > 0.9


@given(
    length=st.integers(1, 12), features=st.integers(1, 3), n=st.integers(1, 4),
    has_present=st.booleans(), is_empty=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_any_size_gives_numbers(
    length: int, features: int, n: int, has_present: bool, is_empty: bool, seed: int
) -> None:
    x = torch.randn(n, length, features + has_present, generator=drawn(seed))
    if has_present:
        x[..., -1] = (x[..., -1] > 0).float()
    if is_empty:
        x = torch.zeros_like(x)
    for change in (light, strong):
        changed = change(x, has_present, drawn(seed))
        assert changed.shape == x.shape
        assert changed.isfinite().all()
        assert not is_empty or (changed == 0).all()
