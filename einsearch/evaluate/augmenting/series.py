"""Augmentation of series, (n, length, features), standardised by feature.

Shorter series are padded with zeros at their ends. What lies beyond the first and the last step of
a series stays as it is. With the feature `present`, the last one, nothing changes where nothing was
there, and a step takes its share along.
"""

from __future__ import annotations

import math
from typing import Final

import torch

_NOISE: Final = 0.02
"""Deviation of the noise at most, by that of the series."""

_SCALE: Final = 0.1
"""Deviation of the factor by which a series is scaled about its mean."""

_CROP: Final = 0.8
"""Share of a series that a crop keeps, at least."""

_WARP: Final = 0.3
"""By how much time runs faster or slower, for each of two waves; both together less than 1."""

_MASK: Final = 0.15
"""Share of a series that is masked, at most."""


def light(x: torch.Tensor, has_present: bool, generator: torch.Generator) -> torch.Tensor:
    """Every series scaled about its own mean, with noise.

    Args:
        x: (n, length, features).
        has_present: whether the last feature says which share of a step was there.
        generator: on the CPU.
    """
    n, length, features = x.shape
    there = _there(x, has_present)
    values = x[..., : features - has_present]
    mean, deviation = _moments(values, there)
    factor = 1 + _SCALE * torch.randn(n, 1, 1, generator=generator).to(x)
    loudness = _NOISE * deviation * torch.rand(n, 1, 1, generator=generator).to(x)
    noise = torch.randn(n, length, values.shape[2], generator=generator).to(x)
    changed = torch.where(there, mean + factor * (values - mean) + loudness * noise, values)
    return torch.cat([changed, x[..., values.shape[2] :]], 2) if has_present else changed


def strong(x: torch.Tensor, has_present: bool, generator: torch.Generator) -> torch.Tensor:
    """`light`; before it half of the series are cropped, stretched to their length and warped in
    time, and after it a stretch of half of them is masked. Arguments as of `light`."""
    x = _of_half(x, _warped(x, has_present, generator), generator)
    x = light(x, has_present, generator)
    return _of_half(x, _masked(x, has_present, generator), generator)


def _of_half(x: torch.Tensor, changed: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each series is changed or not, so that a norm sees what it will see in use."""
    is_changed = torch.rand(len(x), 1, 1, generator=generator) < 0.5
    return torch.where(is_changed.to(x.device), changed, x)


def _warped(x: torch.Tensor, has_present: bool, generator: torch.Generator) -> torch.Tensor:
    n, length, _ = x.shape
    first, end = _span(x, has_present)
    draw = torch.rand(4, n, 1, generator=generator).to(x)
    share = _CROP + (1 - _CROP) * draw[0]
    waves = _WARP * (2 * draw[2:] - 1)
    steps = torch.arange(length, device=x.device)
    last = (end - 1 - first).clamp(min=0)
    time = ((steps - first) / last.clamp(min=1)).clamp(0, 1)
    warped = time + waves[0] * (math.pi * time).sin() / math.pi
    warped = warped + waves[1] * (2 * math.pi * time).sin() / (2 * math.pi)
    place = first + last * ((1 - share) * draw[1] + share * warped)
    inside = (steps >= first) & (steps < end)
    examples = torch.arange(n, device=x.device)[:, None]
    if has_present:
        # Between a step that is there and one that is not there is nothing.
        moved = x[examples, place.round().long()]
    else:
        lower = place.floor().long().clamp(0, length - 1)
        upper = (lower + 1).clamp(max=length - 1)
        moved = torch.lerp(x[examples, lower], x[examples, upper], (place - lower)[..., None])
    return torch.where(inside[..., None], moved, x)


def _masked(x: torch.Tensor, has_present: bool, generator: torch.Generator) -> torch.Tensor:
    """A stretch of every series at its mean, and not there."""
    n, length, features = x.shape
    draw = torch.rand(2, n, 1, generator=generator).to(x)
    first, end = _span(x, has_present)
    size = _MASK * draw[0] * (end - first)
    start = first + draw[1] * (end - first - size)
    steps = torch.arange(length, device=x.device)
    hidden = ((steps >= start) & (steps < start + size))[..., None]
    values = x[..., : features - has_present]
    mean, _ = _moments(values, _there(x, has_present))
    changed = torch.where(hidden, mean, values)
    if not has_present:
        return changed
    return torch.cat([changed, torch.where(hidden, 0, x[..., values.shape[2] :])], 2)


def _span(x: torch.Tensor, has_present: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """First step of each series and the one after its last, (n, 1) each; all of it where nothing
    is there."""
    length = x.shape[1]
    there = (x[..., -1:] > 0 if has_present else x != 0).any(2)
    there = there | ~there.any(1, keepdim=True)
    first = there.int().argmax(1, keepdim=True)
    return first, length - there.flip(1).int().argmax(1, keepdim=True)


def _there(x: torch.Tensor, has_present: bool) -> torch.Tensor:
    """Steps that may change, (n, length, 1)."""
    first, end = _span(x, has_present)
    steps = torch.arange(x.shape[1], device=x.device)
    inside = ((steps >= first) & (steps < end))[..., None]
    return inside & (x[..., -1:] > 0) if has_present else inside


def _moments(values: torch.Tensor, there: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each series by feature, over the steps that are there; (n, 1, f)."""
    count = there.sum(1, keepdim=True).clamp(min=1)
    mean = (values * there).sum(1, keepdim=True) / count
    spread = ((values - mean).square() * there).sum(1, keepdim=True) / count
    return mean, spread.sqrt()
