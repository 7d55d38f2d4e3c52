"""Pools of tokens, whose features are the last axis."""

from __future__ import annotations

from torch import Tensor, nn


class TokenMaxPool1d(nn.MaxPool1d):
    """`nn.MaxPool1d` along the length of tokens."""

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) -> (B, L', D)."""
        pooled: Tensor = super().forward(x.transpose(1, 2))
        return pooled.transpose(1, 2)


class TokenAvgPool1d(nn.AvgPool1d):
    """`nn.AvgPool1d` along the length of tokens; padding does not count.

    Args:
        kernel, stride, padding: as of `nn.AvgPool1d`.
    """

    def __init__(self, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(kernel, stride=stride, padding=padding, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) -> (B, L', D)."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)
