"""Self-attention, against PyTorch's own modules, transformers, and a loop over heads."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from einsearch.errors import ShapeError
from einsearch.primitives.base import Signal, cost, get_primitive, infer
from einsearch.primitives.kernels.attention import attend, rotate
from einsearch.specs import image, tokens
from tests.contracts.primitive_cases import Network
from tests.primitives.calling import assert_equal, call
from tests.primitives.recurrences import export_everywhere
from tests.support import series

CAUSAL = {"causal": True}


def attention(heads: int, length: int, features: int = 8, seed: int = 0, **options: Any) -> Network:
    bound = get_primitive("attention").bind(heads, **options).values_in_order
    return call("attention", *bound, on=tokens(length, features), seed=seed)


def seen(length: int, causal: bool, window: int) -> Tensor:
    """Which tokens see which, by a loop."""
    rows = []
    for here in range(length):
        near = [abs(here - there) < (window or length) for there in range(length)]
        rows.append([n and not (causal and t > here) for t, n in enumerate(near)])
    return torch.tensor(rows)


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize(("causal", "window"), [(False, 0), (True, 0), (True, 3), (False, 2)])
def test_attention_is_multi_head_attention(heads: int, causal: bool, window: int) -> None:
    network = attention(heads, 11, causal=causal, window=window)
    oracle = nn.MultiheadAttention(8, heads, batch_first=True)
    oracle.load_state_dict(
        {
            "in_proj_weight": network.inner.project_in.weight,
            "in_proj_bias": network.inner.project_in.bias,
            "out_proj.weight": network.inner.project_out.weight,
            "out_proj.bias": network.inner.project_out.bias,
        }
    )
    x, hidden = torch.randn(3, 11, 8), ~seen(11, causal, window)
    assert_equal(network(x)[0], oracle(x, x, x, need_weights=False, attn_mask=hidden)[0])


def test_attention_is_softmax_of_scaled_products() -> None:
    network = call("attention", on=tokens(5, 4))
    x = torch.randn(3, 5, 4)
    query, key, value = network.inner.project_in(x).split(4, dim=-1)
    weights = torch.softmax(query @ key.transpose(1, 2) / math.sqrt(4), dim=-1)
    assert_equal(network(x)[0], network.inner.project_out(weights @ value))


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("causal", [False, True])
def test_groups_are_those_of_torch(groups: int, causal: bool) -> None:
    network, x = attention(4, 7, causal=causal, groups=groups), torch.randn(3, 7, 8)
    parts = network.inner.project_in(x).split([8, 2 * groups, 2 * groups], -1)
    query, key, value = (p.view(3, 7, -1, 2).transpose(1, 2) for p in parts)
    mixed = F.scaled_dot_product_attention(query, key, value, is_causal=causal, enable_gqa=True)
    assert_equal(network(x)[0], network.inner.project_out(mixed.transpose(1, 2).reshape(3, 7, 8)))


def test_as_many_groups_as_heads_are_plain_attention() -> None:
    x = torch.randn(2, 7, 8)
    assert_equal(attention(4, 7, groups=4)(x)[0], attention(4, 7)(x)[0])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("window", [7, 8, 100])
def test_a_window_over_all_tokens_is_full_attention(causal: bool, window: int) -> None:
    x = torch.randn(2, 7, 8)
    windowed, full = attention(2, 7, causal=causal, window=window), attention(2, 7, causal=causal)
    assert_equal(windowed(x)[0], full(x)[0])


@settings(max_examples=60)
@given(length=st.integers(1, 40), window=st.integers(1, 12), causal=st.booleans())
def test_blocks_see_what_a_mask_leaves(length: int, window: int, causal: bool) -> None:
    g = torch.Generator().manual_seed(length)
    query, key, value = torch.randn(3, 2, 2, length, 4, generator=g, dtype=torch.float64)
    mask = seen(length, causal, window)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    torch.testing.assert_close(attend(query, key, value, causal, window), expected)


@settings(max_examples=40)
@given(
    length=st.integers(2, 40),
    place=st.floats(0, 1),
    groups=st.sampled_from([0, 1, 2]),
    window=st.integers(0, 9),
    rotary=st.booleans(),
)
def test_what_comes_later_does_not_change_what_came_before(
    length: int, place: float, groups: int, window: int, rotary: bool
) -> None:
    network = attention(4, length, groups=groups, window=window, rotary=rotary, **CAUSAL).double()
    x = torch.randn(1, length, 8, dtype=torch.float64)
    at = round(place * (length - 1))
    moved = x.clone()
    moved[:, at] += 1.0
    changed = (network(moved)[0] - network(x)[0]).abs().amax((0, 2)) > 1e-12
    reached = torch.arange(length) >= at
    if window:
        reached &= torch.arange(length) < at + window
    assert torch.equal(changed, reached)


@settings(max_examples=40)
@given(
    size=st.sampled_from([2, 4, 6, 16]),
    one=st.integers(0, 60),
    other=st.integers(0, 60),
    by=st.integers(0, 60),
)
def test_rotated_products_know_distances_alone(size: int, one: int, other: int, by: int) -> None:
    query, key = torch.randn(2, size, dtype=torch.float64)
    turned = rotate(query.expand(121, -1)) @ rotate(key.expand(121, -1)).T
    torch.testing.assert_close(turned[one, other], turned[one + by, other + by])
    assert_equal(rotate(query.expand(121, -1)).norm(dim=-1), query.norm().expand(121))
    assert not torch.isclose(turned[0, 0], turned[0, 1])


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("window", [0, 5])
def test_is_the_attention_of_llama(groups: int, window: int) -> None:
    """And of Mistral, whose window counts the token itself."""
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaAttention, LlamaRotaryEmbedding

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=32,
        num_attention_heads=4,
        num_key_value_heads=groups,
        attention_bias=True,
        attn_implementation="eager",
    )
    oracle, turn = LlamaAttention(config, 0), LlamaRotaryEmbedding(config)
    network = attention(4, 19, 32, groups=groups, window=window, rotary=True, **CAUSAL)
    own = network.inner
    with torch.no_grad():
        for name in ("weight", "bias"):
            given = [getattr(oracle, f"{part}_proj").get_parameter(name) for part in "qkv"]
            own.project_in.get_parameter(name).copy_(torch.cat(given))
            own.project_out.get_parameter(name).copy_(oracle.o_proj.get_parameter(name))
    x = torch.randn(2, 19, 32)
    mask = torch.zeros(19, 19).masked_fill(~seen(19, True, window), -torch.inf)
    expected = oracle(x, turn(x, torch.arange(19)[None]), mask[None, None])[0]
    assert_equal(network(x)[0], expected)


def test_attention_knows_no_order() -> None:
    network = call("attention", 2, on=tokens(5, 4))
    x, order = torch.randn(3, 5, 4), torch.tensor([3, 0, 4, 1, 2])
    assert_equal(network(x[:, order])[0], network(x)[0][:, order])


def test_rotary_knows_the_order() -> None:
    network, x = attention(2, 5, rotary=True), torch.randn(3, 5, 8)
    order = torch.tensor([3, 0, 4, 1, 2])
    assert not torch.allclose(network(x[:, order])[0], network(x)[0][:, order], atol=1e-3)


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that anything makes."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.numel())
        return made


@pytest.mark.parametrize("name", ["attention", "linear_attention"])
@pytest.mark.parametrize("causal", [False, True])
def test_no_matrix_of_all_pairs_is_made(name: str, causal: bool) -> None:
    length, network = 512, call("linear_attention", 2, causal, on=tokens(512, 8))
    if name == "attention":
        network = attention(2, length, causal=causal, window=8)
    with Largest() as largest:
        network(torch.randn(1, length, 8))[0].sum().backward()
    assert 512 * 8 <= largest.elements < length**2 / 4


def test_work_in_a_window_is_in_proportion_to_the_length() -> None:
    primitive = get_primitive("attention")
    args = primitive.bind(4, causal=True, window=16)
    short, long = (cost(primitive, args, (tokens(n, 32),)) for n in (256, 4096))
    assert long.flops == 16 * short.flops
    assert long.memory == 16 * short.memory
    assert long.parameters == short.parameters


def test_is_exported(tmp_path: Path) -> None:
    kinds: list[dict[str, Any]] = [
        {},
        {"causal": True, "groups": 2, "rotary": True},
        {"causal": True, "window": 4, "groups": 1},
        {"window": 5},
        {"window": 15, "causal": True},
    ]
    bind = get_primitive("attention").bind
    calls = [("attention", *bind(4, **options).values_in_order) for options in kinds]
    export_everywhere(series(tokens(20, 8), *calls), tmp_path)


def test_attention_says_why_it_rejects() -> None:
    attention = get_primitive("attention")
    for args, reason in (
        ({"heads": 3}, "8 features cannot be shared by 3 heads"),
        ({"heads": 4, "groups": 3}, "4 heads cannot be shared by 3 groups"),
        ({"heads": 2, "groups": 4}, "2 heads cannot be shared by 4 groups"),
        ({"heads": 8, "rotary": True}, "rotary turns pairs of features, and a head has 1"),
    ):
        with pytest.raises(ShapeError, match=reason):
            infer(attention, attention.bind(**args), (tokens(5, 8),))
    with pytest.raises(ShapeError, match="it needs tokens"):
        infer(attention, attention.bind(), (image(3, 5, 8),))


@pytest.mark.parametrize("variance", [0.01, 1.0, 9.0])
@pytest.mark.parametrize("options", [{}, CAUSAL, {"causal": True, "window": 3}, {"window": 2}])
def test_moments_hold_for_flat_and_for_peaked_weights(
    variance: float, options: dict[str, Any]
) -> None:
    made = [
        attention(4, 16, 32, seed, **options)(variance**0.5 * torch.randn(8, 16, 32))[0]
        for seed in range(12)
    ]
    primitive, spec = get_primitive("attention"), tokens(16, 32)
    (signal,) = primitive.signal((spec,), primitive.bind(4, **options), (Signal(0.0, variance),))
    real = float(torch.stack(made).detach().var())
    assert real / 2 < signal.variance < 2 * real
