"""Random convolutions that stay as they were drawn."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RandomConv1d(nn.Module):
    """What random convolutions tell of tokens: two features of each kernel.

    Kernels have `taps` weights for each feature that they read. Weights are normal with mean 0 over
    each feature, offsets uniform on [-1, 1], and a kernel reads a random few of the features. All
    are buffers: no gradient reaches them.

    Args:
        features: number of incoming features.
        kernels: how many there are.
        taps: weights of a kernel for each feature; odd.
        dilations: of the kernels, in turn.
    """

    most_at_once = 128

    def __init__(self, features: int, kernels: int, taps: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        weight = torch.randn(kernels, features, taps)
        weight -= weight.mean(2, keepdim=True)
        # As many features as ROCKET takes: few rather than many.
        read = torch.exp2(torch.rand(kernels, 1) * math.log2(features + 1)).floor()
        rank = torch.rand(kernels, features).argsort(1).argsort(1)
        self.register_buffer("weight", weight * (rank < read).unsqueeze(2))
        self.register_buffer("bias", torch.rand(kernels) * 2 - 1)
        self.dilations = dilations

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) -> (B, 2 kernels): shares of positive outcomes, then the largest outcomes."""
        count, steps = len(self.get_buffer("bias")), len(self.dilations)
        made = []
        with torch.no_grad():
            turned = x.transpose(1, 2)
            for place, dilation in enumerate(self.dilations):
                first, last = count * place // steps, count * (place + 1) // steps
                seen = self._windows(turned, dilation)
                for start in range(first, last, self.most_at_once):
                    made.append(self._told(seen, start, min(start + self.most_at_once, last)))
            return torch.cat([*(told[0] for told in made), *(told[1] for told in made)], 1)

    def _windows(self, x: Tensor, dilation: int) -> Tensor:
        """x (B, D, L) -> what each window sees, (B, D taps, L); zeros around the tokens."""
        taps = self.get_buffer("weight").shape[2]
        length, around = x.shape[2], dilation * (taps // 2)
        padded = F.pad(x, (around, around))
        seen = [padded[:, :, at * dilation : at * dilation + length] for at in range(taps)]
        return torch.stack(seen, 2).flatten(1, 2)

    def _told(self, seen: Tensor, first: int, last: int) -> tuple[Tensor, Tensor]:
        """Two features (B, kernels) of some kernels. A matrix product is several times as fast as
        a convolution of so few features."""
        weight = self.get_buffer("weight")[first:last].flatten(1)
        outcome = torch.matmul(weight, seen)
        outcome += self.get_buffer("bias")[first:last].unsqueeze(1)
        return 0.5 + 0.5 * outcome.sign().mean(2), outcome.amax(2)
