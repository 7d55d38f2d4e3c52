"""Self-attention, against PyTorch's own module and a loop over heads."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from einsearch.errors import ShapeError
from einsearch.primitives.base import Signal, get_primitive, infer
from einsearch.specs import image, tokens
from tests.primitives.calling import assert_equal, call


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_is_multi_head_attention(heads: int) -> None:
    network = call("attention", heads, on=tokens(5, 8))
    oracle = nn.MultiheadAttention(8, heads, batch_first=True)
    oracle.load_state_dict(
        {
            "in_proj_weight": network.inner.project_in.weight,
            "in_proj_bias": network.inner.project_in.bias,
            "out_proj.weight": network.inner.project_out.weight,
            "out_proj.bias": network.inner.project_out.bias,
        }
    )
    x = torch.randn(3, 5, 8)
    assert_equal(network(x)[0], oracle(x, x, x, need_weights=False)[0])


def test_attention_is_softmax_of_scaled_products() -> None:
    network = call("attention", on=tokens(5, 4))
    x = torch.randn(3, 5, 4)
    query, key, value = network.inner.project_in(x).split(4, dim=-1)
    weights = torch.softmax(query @ key.transpose(1, 2) / math.sqrt(4), dim=-1)
    assert_equal(network(x)[0], network.inner.project_out(weights @ value))


def test_attention_knows_no_order() -> None:
    network = call("attention", 2, on=tokens(5, 4))
    x, order = torch.randn(3, 5, 4), torch.tensor([3, 0, 4, 1, 2])
    assert_equal(network(x[:, order])[0], network(x)[0][:, order])


def test_attention_says_why_it_rejects() -> None:
    attention = get_primitive("attention")
    with pytest.raises(ShapeError, match="8 features cannot be shared by 3 heads"):
        infer(attention, attention.bind(3), (tokens(5, 8),))
    with pytest.raises(ShapeError, match="it needs tokens"):
        infer(attention, attention.bind(), (image(3, 5, 8),))


@pytest.mark.parametrize("variance", [0.01, 1.0, 9.0])
def test_moments_hold_for_flat_and_for_peaked_weights(variance: float) -> None:
    spec = tokens(16, 32)
    made = [
        call("attention", 4, on=spec, seed=seed)(variance**0.5 * torch.randn(8, 16, 32))[0]
        for seed in range(12)
    ]
    attention = get_primitive("attention")
    (signal,) = attention.signal((spec,), attention.bind(4), (Signal(0.0, variance),))
    real = float(torch.stack(made).detach().var())
    assert real / 2 < signal.variance < 2 * real
