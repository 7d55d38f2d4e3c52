"""Moments over parts of a tensor, broadcast back to its shape."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Moment(nn.Module):
    """Mean, standard deviation or root mean square of a tensor over some of its axes.

    The feature axis is axis 1 of images (B, C, H, W) and the last one of tokens (B, L, D) and
    vectors (B, D). Variances are population variances; `eps` is added under the root.

    Args:
        kind: "mean", "std" or "root_mean_square".
        over: "batch" (batch and positions; running statistics in evaluation), "instance"
            (positions), "layer" (positions and features), "group" (positions and the features of
            one group).
        features: size of the feature axis.
        groups: number of groups, for "group".
        channels_first: whether features are axis 1.
        momentum: of the running statistics.
    """

    running_mean: Tensor
    running_square: Tensor

    def __init__(
        self,
        kind: str,
        over: str,
        features: int,
        groups: int = 1,
        channels_first: bool = True,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.over = over
        self.groups = groups
        self.channels_first = channels_first
        self.eps = eps
        self.momentum = momentum
        if over == "batch":
            self.register_buffer("running_mean", torch.zeros(features))
            self.register_buffer("running_square", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, ...) -> the moment, with the shape of x."""
        y = x if self.channels_first else x.movedim(-1, 1)
        grouped = y.reshape(y.shape[0], self.groups, y.shape[1] // self.groups, -1)
        if self.over == "batch":
            mean, square = self.batch_moments(grouped[:, 0])
        else:
            axes = (3,) if self.over == "instance" else (2, 3)
            mean = grouped.mean(axes, keepdim=True)
            square = grouped.square().mean(axes, keepdim=True)
        if self.kind == "mean":
            moment = mean
        elif self.kind == "std":
            moment = (square - mean.square()).clamp_min(0.0).add(self.eps).sqrt()
        else:
            moment = square.add(self.eps).sqrt()
        full = moment.expand_as(grouped).reshape(y.shape)
        return full if self.channels_first else full.movedim(1, -1)

    def batch_moments(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """y (B, C, positions) -> first two moments by feature, each (1, 1, C, 1)."""
        if self.training:
            mean, square = y.mean((0, 2)), y.square().mean((0, 2))
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_square.lerp_(square, self.momentum)
        else:
            mean, square = self.running_mean, self.running_square
        return mean.view(1, 1, -1, 1), square.view(1, 1, -1, 1)
