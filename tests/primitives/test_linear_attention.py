"""Linear attention, against its sums written out for every pair of tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from einsearch.errors import ShapeError
from einsearch.primitives.base import Signal, cost, get_primitive, infer
from einsearch.primitives.kernels.linear_attention import linear_attention
from einsearch.specs import image, tokens
from tests.primitives.calling import assert_equal, call
from tests.primitives.recurrences import export_everywhere
from tests.support import series

lengths = st.integers(1, 90)


def operands(length: int, seed: int = 0) -> list[Tensor]:
    g = torch.Generator().manual_seed(seed)
    return list(torch.randn(3, 2, 2, length, 3, generator=g, dtype=torch.float64))


def in_pairs(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Tensor:
    """Katharopoulos et al., eq. 4, with all weights at once."""
    weights = (F.elu(query) + 1) @ (F.elu(key) + 1).transpose(-2, -1)
    if causal:
        weights = weights * torch.ones(weights.shape[-2:]).tril()
    return weights @ value / weights.sum(-1, keepdim=True)


@settings(max_examples=40)
@given(length=lengths, chunk=st.integers(1, 40), causal=st.booleans(), seed=st.integers(0, 99))
def test_is_the_sum_over_pairs_with_its_gradients(
    length: int, chunk: int, causal: bool, seed: int
) -> None:
    given = [x.requires_grad_() for x in operands(length, seed)]
    made = linear_attention(*given, chunk if causal else None)
    expected = in_pairs(*given, causal)
    torch.testing.assert_close(made, expected, rtol=1e-9, atol=1e-12)
    for found, wanted in zip(
        torch.autograd.grad(made.square().sum(), given),
        torch.autograd.grad(expected.square().sum(), given),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-11)


def test_projects_in_and_out_as_attention_does() -> None:
    network, x = call("linear_attention", 2, True, on=tokens(40, 8)), torch.randn(3, 40, 8)
    parts = network.inner.project_in(x).split(8, -1)
    mixed = in_pairs(*(p.view(3, 40, 2, 4).transpose(1, 2) for p in parts), causal=True)
    assert_equal(network(x)[0], network.inner.project_out(mixed.transpose(1, 2).reshape(x.shape)))


@settings(max_examples=25)
@given(length=st.integers(2, 90), place=st.floats(0, 1), causal=st.booleans())
def test_what_comes_later_does_not_change_what_came_before(
    length: int, place: float, causal: bool
) -> None:
    network = call("linear_attention", 2, causal, on=tokens(length, 8)).double()
    x = torch.randn(1, length, 8, dtype=torch.float64)
    at = round(place * (length - 1))
    moved = x.clone()
    moved[:, at] += 1.0
    changed = (network(moved)[0] - network(x)[0]).abs().amax((0, 2)) > 1e-12
    expected = torch.arange(length) >= at
    assert torch.equal(changed, expected if causal else torch.ones_like(expected))


def test_sums_stay_exact_under_autocast() -> None:
    network, x = call("linear_attention", 2, True, on=tokens(512, 8)), torch.randn(1, 512, 8)
    exact = network(x)[0]
    with torch.autocast("cpu", torch.bfloat16):
        made = network(x)[0]
    assert (made - exact).norm() < 2e-2 * exact.norm()


def test_features_that_vanish_leave_it_finite() -> None:
    query, key, value = operands(40)
    made = linear_attention((query - 500).float(), (key - 500).float(), value.float(), 32)
    assert torch.isfinite(made).all()


@pytest.mark.parametrize("causal", [False, True])
def test_costs_are_in_proportion_to_the_length(causal: bool) -> None:
    primitive = get_primitive("linear_attention")
    args = primitive.bind(4, causal=causal)
    short, long = (cost(primitive, args, (tokens(n, 32),)) for n in (256, 4096))
    assert long.flops == 16 * short.flops
    assert long.parameters == short.parameters
    assert long.memory <= 16 * short.memory


def test_is_exported(tmp_path: Path) -> None:
    network = series(tokens(70, 8), ("linear_attention", 2, True), ("linear_attention", 2))
    export_everywhere(network, tmp_path)


def test_says_why_it_rejects() -> None:
    primitive = get_primitive("linear_attention")
    with pytest.raises(ShapeError, match="8 features cannot be shared by 3 heads"):
        infer(primitive, primitive.bind(3), (tokens(5, 8),))
    with pytest.raises(ShapeError, match="it needs tokens"):
        infer(primitive, primitive.bind(), (image(3, 5, 8),))


@pytest.mark.parametrize("variance", [0.01, 1.0, 9.0])
@pytest.mark.parametrize("causal", [False, True])
def test_moments_hold(variance: float, causal: bool) -> None:
    spec, primitive = tokens(48, 32), get_primitive("linear_attention")
    made = [
        call("linear_attention", 4, causal, on=spec, seed=seed)(
            variance**0.5 * torch.randn(4, 48, 32)
        )[0]
        for seed in range(12)
    ]
    (signal,) = primitive.signal((spec,), primitive.bind(4, causal), (Signal(0.0, variance),))
    real = float(torch.stack(made).detach().var())
    assert real / 2 < signal.variance < 2 * real
