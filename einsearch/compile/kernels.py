"""Kernels of fused calls. Their source stands on torch alone, so that it can be exported."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


def patch_linear(
    image: torch.Tensor, linear: nn.Linear, kernel: int, stride: int, padding: int
) -> torch.Tensor:
    """Applies a linear map to every patch of an image (batch, channels, height, width).

    Equals unfolding the image to tokens (batch, positions, channels * kernel * kernel) and a
    linear layer on their features, as one convolution. Returns (batch, positions, features).
    """
    weight = linear.weight.view(-1, image.shape[1], kernel, kernel)
    mapped = F.conv2d(image, weight, linear.bias, stride=stride, padding=padding)
    return mapped.flatten(2).transpose(1, 2)


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
) -> torch.Tensor:
    """softmax(scale * query @ key^T) @ value over the last two axes.

    query (batch, ..., n, d), key (batch, ..., m, d), value (batch, ..., m, e); returns
    (batch, ..., n, e). The fast kernels want an axis of heads, which tokens lack.
    """
    if query.dim() == 3:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        return F.scaled_dot_product_attention(query, key, value, scale=scale).squeeze(1)
    return F.scaled_dot_product_attention(query, key, value, scale=scale)
