"""Bases of Kolmogorov-Arnold layers: `count` functions of one variable each, of the same input.

| basis       | functions                                                                       |
| ----------- | ------------------------------------------------------------------------------- |
| `bspline`   | cubic B-splines on `count` - 3 equal cells of [-1, 1] (Liu et al., 2024)        |
| `rbf`       | Gaussians around `count` places of [-2, 2] (FastKAN: Li, 2024)                  |
| `chebyshev` | Chebyshev polynomials of orders 0 to `count` - 1                                |
| `fourier`   | cos(x), sin(x), cos(2 x), sin(2 x), ...                                         |
| `wavelet`   | Mexican hats around `count` places of [-2, 2]                                   |

Every function takes z (...) and returns (..., count), in the precision of z.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def bspline(z: Tensor, count: int) -> Tensor:
    """Uniform cubic B-splines in closed form; they sum to 1 on [-1, 1]. `count` is at least 4."""
    places = (z + 1) * ((count - 3) / 2) + 1
    numbers = torch.arange(count, dtype=z.dtype, device=z.device)
    distance = (places.unsqueeze(-1) - numbers).abs()
    wide, narrow = (2 - distance).clamp(min=0), (1 - distance).clamp(min=0)
    return (wide * wide * wide - 4 * narrow * narrow * narrow) / 6


def scaled(z: Tensor, count: int) -> Tensor:
    """Distances to `count` places spread over [-2, 2], in units of their spacing."""
    numbers = torch.arange(count, dtype=z.dtype, device=z.device)
    # Beyond 30 the functions below are zero in any precision, but inf * 0 would not be.
    return ((z.unsqueeze(-1) + 2) * ((count - 1) / 4) - numbers).clamp(-30, 30)


def rbf(z: Tensor, count: int) -> Tensor:
    """exp(-u^2), u the distance to a place in units of the spacing. `count` is at least 2."""
    return (-scaled(z, count).square()).exp()


def chebyshev(z: Tensor, count: int) -> Tensor:
    """T_(n+1) = 2 z T_n - T_(n-1): unlike cos(n arccos z), with finite gradients at -1 and 1."""
    terms = [torch.ones_like(z), z]
    for _ in range(count - 2):
        terms.append(2 * z * terms[-1] - terms[-2])
    return torch.stack(terms[:count], dim=-1)


def fourier(z: Tensor, count: int) -> Tensor:
    """Cosines and sines of whole frequencies, which have a period of 2 pi."""
    numbers = torch.arange(1, (count + 1) // 2 + 1, dtype=z.dtype, device=z.device)
    angles = z.unsqueeze(-1) * numbers
    return torch.stack((angles.cos(), angles.sin()), dim=-1).flatten(-2)[..., :count]


def wavelet(z: Tensor, count: int) -> Tensor:
    """2 / (sqrt(3) pi^(1/4)) (1 - u^2) exp(-u^2 / 2), u as in `rbf`. `count` is at least 2."""
    square = scaled(z, count).square()
    height = 2 / (math.sqrt(3) * math.pi**0.25)
    made: Tensor = height * (1 - square) * (-square / 2).exp()
    return made


BASES = {
    "bspline": bspline,
    "rbf": rbf,
    "chebyshev": chebyshev,
    "fourier": fourier,
    "wavelet": wavelet,
}

BOUNDED = ("bspline", "chebyshev")
"""Those that live on [-1, 1]: a tanh brings every number there."""


def basis_names() -> tuple[str, ...]:
    """Of all bases, in the order in which a selectable layer holds them."""
    return tuple(BASES)


def expand(x: Tensor, basis: str, count: int) -> Tensor:
    """x (...) -> the functions of that basis, (..., count), in x's type, for any finite numbers."""
    # Polynomials of high orders and differences of places magnify what 16 bits round.
    exact = x.to(torch.promote_types(x.dtype, torch.float32))
    return BASES[basis](exact.tanh() if basis in BOUNDED else exact, count).to(x.dtype)
