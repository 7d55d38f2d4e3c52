"""S4D: state spaces that do not depend on the tokens, as one long convolution (Gu et al., 2022)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from einsearch.primitives.kernels.directions import as_before, as_sequence, join_paths, lay_paths

BLOCK = 64
"""Tokens whose powers are made once for all blocks of as many."""


def causal_convolution(x: Tensor, kernel: Tensor) -> Tensor:
    """x (B, L, G, D), kernel (G, D, L): y_t = sum over s <= t of kernel_(t - s) x_s."""
    length = x.shape[1]
    channels = x.permute(0, 2, 3, 1)
    if torch.compiler.is_exporting() or not len(x):
        # Runtimes that read exported graphs have convolutions, but no complex numbers; and there is
        # no Fourier transform of no examples.
        flat = F.pad(channels.flatten(1, 2), (length - 1, 0))
        weight = kernel.flatten(0, 1).flip(-1).unsqueeze(1)
        made = F.conv1d(flat, weight, groups=weight.shape[0]).view_as(channels)
    else:
        spectrum = torch.fft.rfft(channels, 2 * length) * torch.fft.rfft(kernel, 2 * length)
        made = torch.fft.irfft(spectrum, 2 * length)[..., :length]
    return made.permute(0, 3, 1, 2)


def powers(fade: Tensor, angle: Tensor, exponents: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of exp(fade + i angle) to each of some powers."""
    size, turned = (fade * exponents).exp(), angle * exponents
    return size * turned.cos(), size * turned.sin()


class DiagonalStateSpace(nn.Module):
    """A diagonal complex state space for every feature, held by zero order.

    h_t = exp(dt A) h_(t-1) + (exp(dt A) - 1) / A x_t, y_t = 2 Re(C h_t) + D x_t, with A of
    conjugate pairs, of which one is stored. At first A_n = -1/2 + i pi n (S4D-Lin).

    Args:
        features: of a token.
        state: numbers kept for each feature: twice as many as there are pairs.
        direction: forward, backward, bidirectional or cross; each path has its own weights.
        grid: (height, width) of the tokens, for cross.
    """

    no_weight_decay = True

    def __init__(
        self,
        features: int,
        state: int,
        direction: str = "forward",
        grid: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        paths = {"bidirectional": 2, "cross": 4}.get(direction, 1)
        self.direction = direction
        self.grid = grid
        shape = (paths, features, state // 2)
        steps = math.log(1e-3) + torch.rand(paths, features) * math.log(1e2)
        self.log_step = nn.Parameter(steps)
        self.log_rate = nn.Parameter(torch.full(shape, math.log(0.5)))
        self.frequency = nn.Parameter(
            math.pi * torch.arange(shape[-1]).float().repeat(*shape[:2], 1)
        )
        self.read = nn.Parameter(torch.randn(*shape, 2) * 0.5**0.5)
        self.skip = nn.Parameter(torch.randn(paths, features))

    def kernel(self, length: int) -> Tensor:
        """What one token adds to those after it, (paths, D, length), without D."""
        kind, device = torch.promote_types(self.log_step.dtype, torch.float32), self.log_step.device
        fade, angle, weight, other = self.discrete()
        # exp(t dt A) is a product of two powers, of which few have to be made in double precision.
        wave, swing = powers(fade, angle, torch.arange(0, length, BLOCK, device=device))
        starts = weight * wave - other * swing, weight * swing + other * wave
        inside = powers(fade, angle, torch.arange(min(BLOCK, length), device=device))
        factors = [t.to(kind).unsqueeze(-1) for t in starts]
        factors += [t.to(kind).unsqueeze(-2) for t in inside]
        # One pair after the other: all at once would be as many numbers as there are states.
        total = torch.zeros((), device=device, dtype=kind)
        for real, imaginary, cosine, sine in zip(*(t.unbind(0) for t in factors), strict=True):
            total = total + (real * cosine - imaginary * sine)
        return total.flatten(-2)[..., :length]

    def discrete(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """dt A and 2 C (exp(dt A) - 1) / A, real and imaginary parts, each (N / 2, paths, D, 1).

        In double precision: phases of late tokens are thousands of turns, of which single precision
        would keep too few digits.
        """
        step = self.log_step.double().exp()
        log_rate, turn = (t.double().movedim(-1, 0) for t in (self.log_rate, self.frequency))
        rate = -log_rate.exp()
        real, imaginary = (2 * self.read.double()).movedim(-2, 0).unbind(-1)
        fade, angle = step * rate, step * turn
        # exp(dt A) - 1 without the cancellation that small steps would bring.
        up = torch.expm1(fade) * angle.cos() - 2 * (angle / 2).sin().square()
        across = fade.exp() * angle.sin()
        norm = rate.square() + turn.square()
        held, leant = (up * rate + across * turn) / norm, (across * rate - up * turn) / norm
        parts = fade, angle, real * held - imaginary * leant, real * leant + imaginary * held
        first, second, third, fourth = (part.unsqueeze(-1) for part in parts)
        return first, second, third, fourth

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) or (B, D, H, W) -> the same shape."""
        paths = lay_paths(as_sequence(x), self.direction, self.grid)
        kernel = self.kernel(paths.shape[1])
        made = causal_convolution(paths.to(kernel.dtype), kernel) + self.skip * paths
        return as_before(join_paths(made.to(x.dtype), self.direction, self.grid), x)
