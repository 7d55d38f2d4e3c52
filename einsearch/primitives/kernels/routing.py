"""Moving elements about."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def clone(x: Tensor, n: int) -> tuple[Tensor, ...]:
    """x -> the same tensor n times."""
    return (x,) * n


def im2col(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """x (B, C, H, W) -> windows (B, H' W', C kernel kernel), channel by channel."""
    return F.unfold(x, kernel, padding=padding, stride=stride).transpose(1, 2)


def col2im(x: Tensor, height: int, width: int) -> Tensor:
    """x (B, height width, D) -> (B, D, height, width)."""
    return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], height, width)


def upsample(x: Tensor, factor: int) -> Tensor:
    """x (B, C, H, W) or (B, L, D) -> every position `factor` times along each of its axes."""
    if x.dim() == 3:
        return x.repeat_interleave(factor, dim=1)
    return x.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
