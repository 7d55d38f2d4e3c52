"""One sequence in several orders, and a gate that weighs what is made of each."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def reverse(x: Tensor) -> Tensor:
    """x (B, L, D) -> its tokens from the last to the first."""
    return x.flip(1)


def shuffled_order(length: int, seed: int, device: torch.device) -> Tensor:
    """A permutation (length,) that depends on the length and the seed alone, on every machine.

    Places are sorted by (a place + b)^5 modulo the prime 2^31 - 1, which takes no value twice: 5
    shares no factor with 2^31 - 2. No generator of random numbers, whose order may change.
    """
    prime = 2**31 - 1
    line = (torch.arange(length, device=device) * 48_271 + seed * 69_621 + 1) % prime
    square = line * line % prime
    return torch.argsort(square * square % prime * line % prime)


def shuffle(x: Tensor, seed: int, inverse: bool = False) -> Tensor:
    """x (B, L, D) -> its tokens in a fixed random order, or out of it again."""
    order = shuffled_order(x.shape[1], seed, x.device)
    return x.index_select(1, torch.argsort(order) if inverse else order)


class GatedSum(nn.Module):
    """A weighted sum of tensors, by a softmax over a linear map of all their averages.

    Args:
        features: of each tensor.
        count: number of tensors.
        feature_axis: of the features, the batch counted; averages are over the axes after 0 that
            remain.
    """

    def __init__(self, features: int, count: int, feature_axis: int) -> None:
        super().__init__()
        self.rate = nn.Linear(count * features, count, bias=False)
        self.feature_axis = feature_axis

    def forward(self, *tensors: Tensor) -> Tensor:
        """Tensors of one shape (B, ...) -> that shape."""
        rest = tuple(n for n in range(1, tensors[0].dim()) if n != self.feature_axis)
        averages = [x.mean(rest) if rest else x for x in tensors]
        shares = self.rate(torch.cat(averages, -1)).softmax(-1).unbind(-1)
        ones = (1,) * (tensors[0].dim() - 1)
        weighted = [x * share.view(-1, *ones) for x, share in zip(tensors, shares, strict=True)]
        return torch.stack(weighted).sum(0)
