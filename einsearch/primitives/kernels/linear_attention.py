"""Attention whose weights are products of positive features, so that it needs no pairs of tokens.

y_t = sum_s (f(q_t) . f(k_s)) v_s / sum_s f(q_t) . f(k_s),    f(x) = elu(x) + 1
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from einsearch.primitives.kernels.attention import by_heads
from einsearch.primitives.kernels.scan import full_precision

LEAST = 1e-6
"""Below this a sum of weights is not divided by."""


class LinearAttention(nn.Module):
    """Multi-head linear attention; every projection has a bias.

    Args:
        features: of a token, divided among the heads.
        heads: number of heads.
        causal: whether a token sees none that comes later.
        chunk: tokens that are compared in pairs, where it is causal.
    """

    def __init__(
        self, features: int, heads: int = 1, causal: bool = False, chunk: int = 32
    ) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.chunk = chunk
        self.project_in = nn.Linear(features, 3 * features)
        self.project_out = nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) -> (B, L, D)."""
        query, key, value = (by_heads(part, self.heads) for part in self.project_in(x).chunk(3, -1))
        mixed = linear_attention(query, key, value, self.chunk if self.causal else None)
        out: Tensor = self.project_out(mixed.transpose(1, 2).flatten(2))
        return out


def linear_attention(query: Tensor, key: Tensor, value: Tensor, chunk: int | None) -> Tensor:
    """All tensors (B, H, L, d); sums of many tokens are kept in float32 at least.

    `chunk` makes it causal, with so many tokens compared in pairs; None sees all tokens.
    """
    kind = torch.promote_types(value.dtype, torch.float32)
    with full_precision(value):
        query, key = (F.elu(x.to(kind)) + 1 for x in (query, key))
        # One more feature of the values counts the weights.
        counted = F.pad(value.to(kind), (0, 1), value=1.0)
        if chunk is None:
            made = query @ (key.transpose(-2, -1) @ counted)
        else:
            made = causal_products(query, key, counted, chunk)
        mixed = made[..., :-1] / made[..., -1:].clamp_min(LEAST)
    return mixed.to(value.dtype)


def causal_products(query: Tensor, key: Tensor, value: Tensor, chunk: int) -> Tensor:
    """sum over s <= t of (q_t . k_s) v_s: in pairs within a chunk, by running sums before it.

    query, key (B, H, L, d), value (B, H, L, e) -> (B, H, L, e).
    """
    length = query.shape[-2]
    size = min(chunk, length)
    count = -(-length // size)
    ends = (0, 0, 0, count * size - length)
    query, key, value = (
        torch.unflatten(F.pad(x, ends), -2, (count, size)) for x in (query, key, value)
    )
    made = (query @ key.transpose(-2, -1)).tril() @ value
    if count > 1:
        sums = (key.transpose(-2, -1) @ value).cumsum(2)
        made = made + query @ F.pad(sums[:, :, :-1], (0, 0, 0, 0, 1, 0))
    return made.flatten(2, 3)[:, :, :length]
