"""Moments over parts of a tensor, broadcast back to its shape."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Moment(nn.Module):
    """Mean, standard deviation or root mean square of a tensor over some of its axes.

    Features are axis 1 of images (B, C, H, W) and the last axis of tokens (B, L, D) and vectors
    (B, D). Variances are population variances, but those that are kept for evaluation are
    unbiased, as in `nn.BatchNorm2d`.

    Args:
        kind: "mean", "std" or "root_mean_square".
        over: "batch" (batch and positions; running statistics in evaluation), "instance"
            (positions), "layer" (positions and features), "group" (positions and the features of
            one group).
        features: size of the feature axis.
        groups: number of groups, for "group".
        channels_first: whether features are axis 1.
        eps: added under the root.
        momentum: of the running statistics.
    """

    running: Tensor

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
            start = 0.0 if kind == "mean" else 1.0
            self.register_buffer("running", torch.full((1, 1, features, 1), start))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, ...) -> the moment, with the shape and type of x."""
        y = x if self.channels_first else x.movedim(-1, 1)
        # Sums over a batch need more than the 8 bits of a bfloat16, which autocast may bring.
        exact = torch.promote_types(x.dtype, torch.float32)
        sizes = (self.groups, y.shape[1] // self.groups, math.prod(y.shape[2:]))
        grouped = y.reshape(y.shape[0], *sizes).to(exact)
        moment = self.over_batch(grouped) if self.over == "batch" else self.average(grouped)
        if self.kind != "mean":
            moment = (moment + self.eps).sqrt()
        full = moment.to(x.dtype).expand_as(grouped).reshape(y.shape)
        return full if self.channels_first else full.movedim(1, -1)

    def average(self, grouped: Tensor) -> Tensor:
        """grouped (B, groups, features, positions) -> mean, variance or mean square, that rank."""
        axes = {"batch": (0, 3), "instance": (3,)}.get(self.over, (2, 3))
        if self.kind == "mean":
            return grouped.mean(axes, keepdim=True)
        if self.kind == "std":
            return grouped.var(axes, correction=0, keepdim=True)
        return grouped.square().mean(axes, keepdim=True)

    def over_batch(self, grouped: Tensor) -> Tensor:
        """`average` in training, which it keeps; what it kept in evaluation."""
        if not self.training:
            return self.running
        moment = self.average(grouped)
        count = grouped.shape[0] * grouped.shape[3]
        unbiased = count / max(count - 1, 1) if self.kind == "std" else 1.0
        with torch.no_grad():
            self.running.lerp_((moment * unbiased).to(self.running.dtype), self.momentum)
        return moment
