"""Orders in which a recurrence goes over tokens or pixels."""

from __future__ import annotations

import torch
from torch import Tensor


def as_sequence(x: Tensor) -> Tensor:
    """x (B, C, H, W) -> its pixels, row by row, (B, H W, C); tokens (B, L, D) stay."""
    return x.flatten(2).transpose(1, 2) if x.dim() == 4 else x


def as_before(y: Tensor, x: Tensor) -> Tensor:
    """y (B, L, D) -> the layout of x, (B, D, H, W) or (B, L, D)."""
    return torch.unflatten(y.transpose(1, 2), 2, x.shape[2:]) if x.dim() == 4 else y


def by_columns(x: Tensor, height: int, width: int) -> Tensor:
    """x (B, height width, D) row by row -> the same tokens column by column."""
    return torch.unflatten(x, 1, (height, width)).transpose(1, 2).flatten(1, 2)


def lay_paths(x: Tensor, direction: str, grid: tuple[int, int] | None) -> Tensor:
    """x (B, L, D) -> the sequence in each order of a direction, (B, L, paths, D).

    `forward` and `backward` are one path, `bidirectional` both of them. `cross` takes the rows and
    the columns of a grid (height, width), each from either end (VMamba: Liu et al., NeurIPS 2024).
    """
    paths = [x] if direction != "backward" else [x.flip(1)]
    if direction == "cross" and grid is not None:
        paths.append(by_columns(x, *grid))
    if direction in ("bidirectional", "cross"):
        paths += [path.flip(1) for path in paths]
    return torch.stack(paths, 2)


def join_paths(y: Tensor, direction: str, grid: tuple[int, int] | None) -> Tensor:
    """y (B, L, paths, D), in the orders of `lay_paths` -> their sum as tokens, (B, L, D)."""
    if direction == "forward":
        return y.squeeze(2)
    if direction == "backward":
        return y.squeeze(2).flip(1)
    half = y.shape[2] // 2
    both = y[:, :, :half] + y[:, :, half:].flip(1)
    if direction == "bidirectional" or grid is None:
        return both.squeeze(2)
    return both[:, :, 0] + by_columns(both[:, :, 1], grid[1], grid[0])
