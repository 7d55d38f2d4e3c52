"""Convolutions of tokens, whose features are the last axis."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class TokenConv1d(nn.Conv1d):
    """`nn.Conv1d` along the length of tokens."""

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) -> (B, L', channels)."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class CausalConv1d(nn.Conv1d):
    """Every feature by itself; position t sees t - kernel + 1 to t.

    Args:
        features: number of features.
        kernel: positions that are seen.
    """

    def __init__(self, features: int, kernel: int) -> None:
        super().__init__(features, features, kernel, groups=features)
        self.reach = kernel - 1

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) -> (B, L, D)."""
        return super().forward(F.pad(x.transpose(1, 2), (self.reach, 0))).transpose(1, 2)
