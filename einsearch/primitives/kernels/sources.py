"""Tensors that are learned rather than computed."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LearnedValue(nn.Module):
    """One trainable value a feature, with the shape of a given tensor.

    Args:
        features: number of values.
        init: what all of them start from.
        channels_first: whether features are axis 1 of (B, C, H, W); else they are the last axis.
    """

    def __init__(self, features: int, init: float = 0.0, channels_first: bool = True) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.full((features,), init))
        self.channels_first = channels_first

    def forward(self, x: Tensor) -> Tensor:
        """x (B, ...), read for its shape alone -> the values, with that shape."""
        if self.channels_first:
            return self.value.view(-1, *([1] * (x.dim() - 2))).expand_as(x)
        return self.value.expand_as(x)


class PositionalEncoding(nn.Module):
    """Adds a learned value to every element; the same for all examples.

    Args:
        shape: of one example.
    """

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.value = nn.Parameter(0.02 * torch.randn(shape))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, *shape) -> (B, *shape)."""
        return x + self.value


class ChannelAffine(nn.Module):
    """A trainable scale and offset for every feature.

    Args:
        features: number of features.
        channels_first: whether features are axis 1 of (B, C, H, W); else they are the last axis.
    """

    def __init__(self, features: int, channels_first: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.channels_first = channels_first

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, ...) or (B, ..., C) -> the same shape."""
        if self.channels_first:
            shape = (-1, *([1] * (x.dim() - 2)))
            return x * self.weight.view(shape) + self.bias.view(shape)
        return x * self.weight + self.bias
