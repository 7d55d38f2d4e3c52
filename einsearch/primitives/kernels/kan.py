"""Kolmogorov-Arnold layers with one basis: its functions as features, then one linear map.

No tensor has an axis for inputs and one for outputs besides the batch: of x (B, in) only the
functions (B, in * count) are made.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from einsearch.primitives.kernels.bases import expand

SCALE = 0.1
"""Weights of the functions begin at this part of what would keep the variance: functions that
begin rough stay so, those that begin near silu fit several times better in as many steps."""


def small_weight(outputs: int, functions: int, *kernel: int) -> Tensor:
    """Initial weight (outputs, functions, *kernel) of the functions of all inputs."""
    fan_in = functions * math.prod(kernel)
    weight: Tensor = torch.randn(outputs, functions, *kernel) * (SCALE * fan_in**-0.5)
    return weight


def as_channels(x: Tensor, basis: str, count: int) -> Tensor:
    """x (B, C, H, W) -> the functions of every channel, (B, C * count, H, W)."""
    return expand(x, basis, count).permute(0, 1, 4, 2, 3).flatten(1, 2)


class KolmogorovArnold(nn.Module):
    """y_o = sum over i and k of w_oik B_k(x_i), plus a linear map of silu(x) (Liu et al., 2024).

    Args:
        in_features, out_features: sizes of the axis, before and after.
        basis: a name of `bases`.
        count: functions for each input.
        axis: counted with the batch.
    """

    def __init__(
        self, in_features: int, out_features: int, basis: str, count: int, axis: int = -1
    ) -> None:
        super().__init__()
        self.basis, self.count, self.axis = basis, count, axis
        self.base = nn.Linear(in_features, out_features)
        self.weight = nn.Parameter(small_weight(out_features, in_features * count))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, ..., in, ...) -> (B, ..., out, ...)."""
        x = x.movedim(self.axis, -1)
        functions = expand(x, self.basis, self.count).flatten(-2)
        made: Tensor = self.base(F.silu(x)) + F.linear(functions, self.weight)
        return made.movedim(-1, self.axis)


class KolmogorovArnoldConv2d(nn.Module):
    """A convolution of the functions of every channel, plus one of silu(x).

    The functions are padded with zeros, not x. Padding is that of `conv2d`.

    Args:
        in_channels, out_channels: channels, before and after.
        kernel, stride: of both convolutions.
        basis: a name of `bases`.
        count: functions for each channel.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        basis: str,
        count: int,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.basis, self.count = basis, count
        self.stride, self.padding = stride, (kernel - 1) // 2
        self.base = nn.Conv2d(in_channels, out_channels, kernel, stride, self.padding)
        self.weight = nn.Parameter(small_weight(out_channels, in_channels * count, kernel, kernel))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) -> (B, out, H', W')."""
        functions = as_channels(x, self.basis, self.count)
        mapped = F.conv2d(functions, self.weight, None, self.stride, self.padding)
        made: Tensor = self.base(F.silu(x)) + mapped
        return made
