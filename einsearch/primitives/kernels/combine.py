"""Several tensors into one."""

from __future__ import annotations

import math
from functools import reduce

import torch
from torch import Tensor


def add(*tensors: Tensor) -> Tensor:
    """Tensors of one shape -> their sum."""
    return reduce(torch.add, tensors)


def mul(*tensors: Tensor) -> Tensor:
    """Tensors of one shape -> their product."""
    return reduce(torch.mul, tensors)


def maximum(*tensors: Tensor) -> Tensor:
    """Tensors of one shape -> the largest, element by element."""
    return reduce(torch.maximum, tensors)


def concat(*tensors: Tensor, dim: int) -> Tensor:
    """Tensors that agree in all axes but `dim` -> one tensor."""
    return torch.cat(tensors, dim=dim)


def scaled_matmul(left: Tensor, right: Tensor) -> Tensor:
    """left (..., N, K), right (..., K, M) -> left @ right / sqrt(K), (..., N, M)."""
    return left @ right / math.sqrt(left.shape[-1])
