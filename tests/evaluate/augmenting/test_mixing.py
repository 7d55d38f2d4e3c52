"""Tests of mixup."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from einsearch.evaluate.augmenting.mixing import Batch, mixed


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_inputs_answers_and_weights_are_mixed_by_the_same_share() -> None:
    numbers = torch.arange(50.0)
    batch = Batch(numbers[:, None, None].expand(50, 2, 3), 2 * numbers[:, None], 3 * numbers)
    found = mixed(batch, 0.5, None, drawn())
    x = found.x[:, 0, 0]
    assert found.weights is not None
    assert torch.allclose(found.x, x[:, None, None].expand(50, 2, 3))
    assert torch.allclose(found.y[:, 0], 2 * x, rtol=1e-4)
    assert torch.allclose(found.weights, 3 * x, rtol=1e-4)
    assert (x != numbers).any()


def test_classes_become_shares_and_the_own_one_is_the_larger() -> None:
    y = torch.arange(40) % 4
    found = mixed(Batch(torch.zeros(40, 1), y, None), 1.0, 4, drawn())
    assert found.y.shape == (40, 4)
    assert torch.allclose(found.y.sum(1), torch.ones(40))
    assert (found.y[torch.arange(40), y] >= 0.5).all()
    assert (found.y.max(1).values < 0.9).any()
    assert found.weights is None


@given(alpha=st.floats(1e-12, 1e6), n=st.integers(1, 30), seed=st.integers(0, 99))
def test_any_alpha_gives_shares(alpha: float, n: int, seed: int) -> None:
    found = mixed(
        Batch(torch.ones(n, 2), torch.zeros(n, dtype=torch.long), None), alpha, 2, drawn(seed)
    )
    assert torch.allclose(found.x, torch.ones(n, 2))
    assert torch.equal(found.y, torch.tensor([1.0, 0.0]).expand(n, 2))


@pytest.mark.parametrize(("alpha", "mean"), [(1e-9, 1.0), (1.0, 0.75), (1e6, 0.5)])
def test_alpha_says_how_much_is_mixed(alpha: float, mean: float) -> None:
    y = torch.arange(1000)
    found = mixed(Batch(torch.zeros(1000, 1), y, None), alpha, 1000, drawn())
    assert found.y.max(1).values.mean().item() == pytest.approx(mean, abs=0.02)


def test_it_is_drawn_from_the_generator_alone() -> None:
    batch = Batch(torch.randn(9, 3, generator=drawn()), torch.arange(9) % 3, None)
    first = mixed(batch, 0.4, 3, drawn(1))
    torch.rand(5)
    again = mixed(batch, 0.4, 3, drawn(1))
    assert torch.equal(first.x, again.x)
    assert torch.equal(first.y, again.y)
