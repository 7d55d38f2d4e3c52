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


class SameConv1d(nn.Conv1d):
    """`nn.Conv1d` along the length of tokens, which it keeps.

    Args:
        features: number of incoming features.
        channels: number of outgoing ones.
        kernel, dilation, groups, bias: as of `nn.Conv1d`.
        causal: whether all padding goes before the first token; else half of it, rounded down.
    """

    def __init__(
        self,
        features: int,
        channels: int,
        kernel: int,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        causal: bool = False,
    ) -> None:
        reach = dilation * (kernel - 1)
        before = reach if causal else reach // 2
        self.around = (before, reach - before) if 2 * before != reach else None
        padding = 0 if self.around else before
        super().__init__(
            features,
            channels,
            kernel,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) -> (B, L, channels)."""
        turned = x.transpose(1, 2)
        padded = turned if self.around is None else F.pad(turned, self.around)
        return super().forward(padded).transpose(1, 2)
