"""A table of vectors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Embedding(nn.Module):
    """Replaces codes by vectors of a table.

    Args:
        count: number of codes.
        features: of a vector.
        feature_axis: axis of size 1 that holds the codes, and gets the vectors.
    """

    # Decay would make codes that are rare vanish.
    no_weight_decay = True

    def __init__(self, count: int, features: int, feature_axis: int) -> None:
        super().__init__()
        self.feature_axis = feature_axis
        self.weight = nn.Parameter(torch.randn(count, features))

    def forward(self, x: Tensor) -> Tensor:
        """Codes (B, L, 1), (B, 1, H, W) or (B, 1), nearly whole -> the same with features."""
        codes = x.squeeze(self.feature_axis).round().clamp(0, len(self.weight) - 1).long()
        return F.embedding(codes, self.weight).movedim(-1, self.feature_axis)
