"""Elementwise functions that stay finite, with finite gradients, everywhere."""

from __future__ import annotations

import torch
from torch import Tensor


def signed_sqrt(x: Tensor) -> Tensor:
    """sign(x) sqrt(|x|) (any shape); the slope at 0 is bounded by a floor under the root."""
    return torch.sign(x) * torch.sqrt(x.abs().clamp_min(1e-12))


def signed_log(x: Tensor) -> Tensor:
    """sign(x) ln|x| (any shape), with |x| at least 1e-5."""
    return torch.sign(x) * torch.log(x.abs().clamp_min(1e-5))


def safe_div(top: Tensor, bottom: Tensor) -> Tensor:
    """top / bottom (shapes broadcast); the divisor keeps its sign and is at least 1e-5 from 0."""
    sign = torch.where(bottom < 0, -1.0, 1.0).to(bottom.dtype)
    return top / (sign * bottom.abs().clamp_min(1e-5))
