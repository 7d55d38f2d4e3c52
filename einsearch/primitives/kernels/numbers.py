"""Numbers of a vector as tokens."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class NumberEmbedding(nn.Module):
    """A learned direction and offset for each number.

    Args:
        numbers: how many there are.
        features: of a token.
    """

    # As in the paper, which leaves its tokenizer out of the decay.
    no_weight_decay = True

    def __init__(self, numbers: int, features: int) -> None:
        super().__init__()
        bound = features**-0.5
        self.weight = nn.Parameter(torch.empty(numbers, features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(numbers, features).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, numbers) -> (B, numbers, features)."""
        return x.unsqueeze(-1) * self.weight + self.bias


class PeriodicEmbedding(nn.Module):
    """Cosines and sines of each number at trained frequencies.

    Args:
        numbers: how many there are.
        frequencies: for each of them.
        scale: deviation of the frequencies at the beginning.
    """

    # Decay would pull all frequencies to 0, where every number looks the same.
    no_weight_decay = True

    def __init__(self, numbers: int, frequencies: int, scale: float) -> None:
        super().__init__()
        drawn = torch.empty(numbers, frequencies)
        nn.init.trunc_normal_(drawn, std=scale, a=-3 * scale, b=3 * scale)
        self.weight = nn.Parameter(drawn)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, numbers) -> (B, numbers, 2 frequencies): cosines, then sines."""
        angle = 2 * math.pi * self.weight * x.unsqueeze(-1)
        return torch.cat([angle.cos(), angle.sin()], -1)
