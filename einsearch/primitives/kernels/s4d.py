"""S4D: state spaces that do not depend on the tokens, as one long convolution (Gu et al., 2022)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from einsearch.primitives.kernels.directions import as_before, as_sequence, join_paths, lay_paths


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
        kind = torch.promote_types(self.log_step.dtype, torch.float32)
        step = self.log_step.to(kind).exp().unsqueeze(-1)
        rate, turn = -self.log_rate.to(kind).exp(), self.frequency.to(kind)
        real, imaginary = self.read.to(kind).unbind(-1)
        # (exp(dt A) - 1) / A, of which C is a factor; complex numbers as pairs of real ones.
        fade, angle = step * rate, step * turn
        # exp(dt A) - 1 without the cancellation that small steps would bring.
        up = torch.expm1(fade) * angle.cos() - 2 * (angle / 2).sin().square()
        across = fade.exp() * angle.sin()
        norm = rate.square() + turn.square()
        held, leant = (up * rate + across * turn) / norm, (across * rate - up * turn) / norm
        weight = real * held - imaginary * leant
        other = real * leant + imaginary * held
        places = torch.arange(length, device=step.device, dtype=kind)
        total = torch.zeros(*step.shape[:2], length, device=step.device, dtype=kind)
        for n in range(rate.shape[-1]):
            decay = (fade[..., n : n + 1] * places).exp()
            turned = angle[..., n : n + 1] * places
            wave = weight[..., n : n + 1] * turned.cos() - other[..., n : n + 1] * turned.sin()
            total = total + 2 * decay * wave
        return total

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) or (B, D, H, W) -> the same shape."""
        paths = lay_paths(as_sequence(x), self.direction, self.grid)
        kernel = self.kernel(paths.shape[1])
        made = causal_convolution(paths.to(kernel.dtype), kernel) + self.skip * paths
        return as_before(join_paths(made.to(x.dtype), self.direction, self.grid), x)
