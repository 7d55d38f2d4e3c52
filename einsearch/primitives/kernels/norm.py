"""Norms for layouts that torch has none for."""

from __future__ import annotations

from torch import Tensor, nn


class TokenBatchNorm(nn.BatchNorm1d):
    """`nn.BatchNorm1d` over batch and length of tokens."""

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) -> (B, L, D)."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class TokenGroupNorm(nn.GroupNorm):
    """`nn.GroupNorm` of tokens: groups of features, over the whole length."""

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) -> (B, L, D)."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class ChannelLayerNorm(nn.LayerNorm):
    """`nn.LayerNorm` over the channels of every pixel."""

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) -> (B, C, H, W)."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class ChannelRMSNorm(nn.RMSNorm):
    """`nn.RMSNorm` over the channels of every pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) -> (B, C, H, W)."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
