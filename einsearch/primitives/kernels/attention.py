"""Self-attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Multi-head self-attention; every projection has a bias.

    Args:
        features: of a token, divided among the heads.
        heads: number of heads.
        causal: whether a token sees none that comes later.
        groups: heads of keys and values, each for as many heads of queries; 0 for `heads`.
        window: tokens on one side that a token sees, itself included; 0 for all.
        rotary: whether queries and keys are turned by their place.
    """

    def __init__(
        self,
        features: int,
        heads: int = 1,
        causal: bool = False,
        groups: int = 0,
        window: int = 0,
        rotary: bool = False,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.groups = groups or heads
        self.window = window
        self.rotary = rotary
        shared = features // heads * self.groups
        self.sizes = (features, shared, shared)
        self.project_in = nn.Linear(features, sum(self.sizes))
        self.project_out = nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) -> (B, L, D)."""
        query, key, value = self.project_in(x).split(self.sizes, -1)
        query = by_heads(query, self.heads)
        key, value = by_heads(key, self.groups), by_heads(value, self.groups)
        if self.rotary:
            query, key = rotate(query), rotate(key)
        if self.groups < self.heads:
            each = self.heads // self.groups
            key, value = key.repeat_interleave(each, 1), value.repeat_interleave(each, 1)
        mixed = attend(query, key, value, self.causal, self.window)
        out: Tensor = self.project_out(mixed.transpose(1, 2).flatten(2))
        return out


def by_heads(x: Tensor, heads: int) -> Tensor:
    """(B, L, heads * d) -> (B, heads, L, d)."""
    return torch.unflatten(x, -1, (heads, -1)).transpose(1, 2)


def rotate(x: Tensor, base: float = 10_000.0) -> Tensor:
    """Turns pairs of features by angles in proportion to the place (Su et al., 2021, eq. 34).

    x (..., L, d) -> the same shape. The pairs are the i-th of both halves, and their angles are
    base^(-2i/d) a token, so that products of two tokens depend on their distance alone.
    """
    length, size = x.shape[-2:]
    # Angles of far tokens differ by less than 16 bits hold.
    exact = torch.promote_types(x.dtype, torch.float32)
    rates = base ** (-torch.arange(0, size, 2, device=x.device, dtype=exact) / size)
    angles = torch.arange(length, device=x.device, dtype=exact).unsqueeze(-1) * rates
    cos, sin = angles.cos(), angles.sin()
    one, other = x.to(exact).chunk(2, -1)
    return torch.cat([one * cos - other * sin, other * cos + one * sin], -1).to(x.dtype)


def attend(query: Tensor, key: Tensor, value: Tensor, causal: bool, window: int) -> Tensor:
    """Scaled dot-product attention, all tensors (B, H, L, d).

    A window that is short beside the sequence is gone through in blocks, so that work and memory
    are in proportion to length times window.
    """
    length = query.shape[-2]
    if not window or window >= length:
        return F.scaled_dot_product_attention(query, key, value, is_causal=causal)
    if window * (2 if causal else 3) < length:
        return attend_in_blocks(query, key, value, causal, window)
    place = torch.arange(length, device=query.device)
    mask = is_near(place.unsqueeze(-1) - place, causal, window)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)


def attend_in_blocks(
    query: Tensor, key: Tensor, value: Tensor, causal: bool, window: int
) -> Tensor:
    """Each block of `window` queries sees its own block, the one before, and the next one."""
    batch, heads, length, _ = query.shape
    spans = 2 if causal else 3
    blocks = -(-length // window)
    missing = blocks * window - length
    queries = F.pad(query, (0, 0, 0, missing))
    queries = torch.unflatten(queries, -2, (blocks, window)).flatten(0, 1)
    ends = (0, 0, window, missing + (spans - 2) * window)
    keys, values = (
        F.pad(x, ends).unfold(-2, spans * window, window).transpose(-2, -1).flatten(0, 1)
        for x in (key, value)
    )
    first = torch.arange(blocks, device=query.device).view(-1, 1, 1) * window
    place = first + torch.arange(window, device=query.device).view(-1, 1)
    seen = first - window + torch.arange(spans * window, device=query.device)
    mask = is_near(place - seen, causal, window) & (seen >= 0) & (seen < length)
    made = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask.unsqueeze(0))
    return torch.unflatten(made, 0, (batch, heads)).flatten(2, 3)[:, :, :length]


def is_near(distance: Tensor, causal: bool, window: int) -> Tensor:
    """Whether a token sees one that stands `distance` before it."""
    return (distance < window) & (distance >= 0 if causal else distance > -window)
