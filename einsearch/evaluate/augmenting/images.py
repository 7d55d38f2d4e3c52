"""Augmentation of images, (n, channels, height, width), standardised by channel."""

from __future__ import annotations

import math
from typing import Final

import torch
import torch.nn.functional as F

_ANGLE: Final = math.radians(12)
"""Images turn by up to so much."""

_LIGHT: Final = 0.3
"""Brightness changes by up to so many deviations, and contrast by such a share."""

_CUT: Final = 0.3
"""Of height and width, the side of the square that is cut out."""

_SMALLEST: Final = 4
"""Pixels; of a smaller image a square would be most of it."""


def shifted(x: torch.Tensor, flip: bool, generator: torch.Generator) -> torch.Tensor:
    """Moves every image by its own random offset, edges repeated; and mirrors half of them.

    Args:
        x: (n, channels, height, width). Offsets go up to an eighth of height and width.
        flip: whether to mirror too, left to right.
        generator: on the CPU.
    """
    n, _, height, width = x.shape
    margin = (max(1, height // 8), max(1, width // 8))
    padded = F.pad(x, (margin[1], margin[1], margin[0], margin[0]), mode="replicate")
    draw = [torch.randint(2 * m + 1, (n, 1), generator=generator) for m in margin]
    rows, columns = (
        offset + torch.arange(size) for offset, size in zip(draw, (height, width), strict=True)
    )
    if flip:
        mirrored = torch.rand(n, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    rows, columns = rows.to(x.device), columns.to(x.device)
    examples = torch.arange(n, device=x.device)
    moved = padded.permute(0, 2, 3, 1)[examples[:, None, None], rows[:, :, None], columns[:, None]]
    return moved.permute(0, 3, 1, 2).contiguous()


def strong(x: torch.Tensor, flip: bool, generator: torch.Generator) -> torch.Tensor:
    """`shifted`; then half of the images are turned a little, the others get another brightness
    and contrast; and of half of all a square is cut out. Arguments as of `shifted`."""
    x = shifted(x, flip, generator)
    angle = (2 * torch.rand(len(x), generator=generator) - 1) * _ANGLE
    turns = torch.rand(len(x), generator=generator) < 0.5
    changed = _relit(x, generator)
    if turns.any():
        rows = turns.nonzero().flatten().to(x.device)
        changed[rows] = _turned(x[rows], angle[turns])
    return _cut(changed, generator)


def _turned(x: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Every image turned about its middle by its own angle, (n,), edges repeated."""
    _, _, height, width = x.shape
    sine, cosine, zero = angle.sin(), angle.cos(), torch.zeros_like(angle)
    rows = [
        torch.stack([cosine, -sine * (height / width), zero], 1),
        torch.stack([sine * (width / height), cosine, zero], 1),
    ]
    places = F.affine_grid(torch.stack(rows, 1).to(x), list(x.shape), align_corners=False)
    turned: torch.Tensor = F.grid_sample(x, places, padding_mode="border", align_corners=False)
    return turned


def _relit(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Every image with its own brightness and contrast, the same for all channels."""
    change = (2 * torch.rand(2, len(x), 1, 1, 1, generator=generator) - 1) * _LIGHT
    contrast, brightness = change.to(x)
    mean = x.mean((2, 3), keepdim=True)
    relit: torch.Tensor = mean + (1 + contrast) * (x - mean) + brightness
    return relit


def _cut(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Half of the images with a square of zeros, which is the mean, at a place of its own. At an
    edge it is smaller."""
    n, _, height, width = x.shape
    middle = torch.rand(2, n, 1, generator=generator)
    spared = torch.rand(n, 1, 1, generator=generator) < 0.5
    if min(height, width) < _SMALLEST:
        return x
    inside = [
        ((torch.arange(size) + 0.5) - at * size).abs() < max(1.0, _CUT * size) / 2
        for at, size in zip(middle, (height, width), strict=True)
    ]
    whole = ~(inside[0][:, :, None] & inside[1][:, None, :]) | spared
    cut: torch.Tensor = x * whole[:, None].to(x)
    return cut
