"""State space duality, the recurrence of Mamba-2 (Dao and Gu, ICML 2024, section 6), in chunks.

    h_t = exp(dt_t a) h_(t-1) + dt_t B_t x_t',    y_t = C_t h_t

Each head has one rate a, so that a chunk is a product of matrices, as attention is; states go from
chunk to chunk alone. Memory is linear in the length.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from einsearch.primitives.kernels.directions import as_before, as_sequence, join_paths, lay_paths
from einsearch.primitives.kernels.scan import full_precision, step_offsets


def state_space_dual(
    x: Tensor, dt: Tensor, rate: Tensor, write: Tensor, read: Tensor, chunk: int = 32
) -> Tensor:
    """Outcomes of several paths side by side, in float32 at least.

    x (B, L, G, H, P), dt (B, L, G, H), rate (G, H), write, read (B, L, G, N) -> the shape and type
    of x. `rate` is A, `write` is B and `read` is C of the paper.
    """
    kind, length = torch.promote_types(x.dtype, torch.float32), x.shape[1]
    size = min(chunk, length)
    wide, steps, writes, reads = (
        cut_in_chunks(t.to(kind), size)
        for t in (x, dt.unsqueeze(-1), write.unsqueeze(3), read.unsqueeze(3))
    )
    with full_precision(x):
        made = chunks_of_duality(wide, steps, rate.to(kind), writes, reads)
    if made.requires_grad and not torch.compiler.is_exporting():
        made.register_hook(in_one_piece)  # type: ignore[no-untyped-call]
    joined = made.permute(0, 3, 4, 1, 2, 5).flatten(1, 2)
    return joined[:, :length].to(x.dtype)


def in_one_piece(gradient: Tensor | None) -> Tensor | None:
    """Products of many small matrices are slow on a CPU where the batch is not in one piece."""
    return None if gradient is None else gradient.contiguous()


def cut_in_chunks(x: Tensor, size: int) -> Tensor:
    """x (B, L, G, H, P) -> (B, G, H, chunks, size, P), the last one filled up with zeros."""
    missing = -x.shape[1] % size
    filled = F.pad(x, (0, 0, 0, 0, 0, 0, 0, missing)) if missing else x
    chunks = filled.shape[1] // size
    return filled.reshape(x.shape[0], chunks, size, *x.shape[2:]).permute(0, 3, 4, 1, 2, 5)


def chunks_of_duality(x: Tensor, dt: Tensor, rate: Tensor, write: Tensor, read: Tensor) -> Tensor:
    """x (B, G, H, chunks, c, P), dt (.., c, 1), rate (G, H), write, read (B, G, 1, .., c, N)."""
    log = dt.squeeze(-1) * rate[:, :, None, None]
    decay, driven = segment_sums(log).exp(), dt * x
    # Later ones are left out here, where heads have one product in common.
    met = (write @ read.transpose(-1, -2)) * upper_triangle(x, 0)
    inside = (decay * met).transpose(-1, -2) @ driven
    added = (write * decay[..., -1:]).transpose(-1, -2) @ driven
    since_start = log.cumsum(-1).exp().unsqueeze(-1)
    # Taken apart at once: each part alone would get a gradient as large as the whole.
    whole = since_start[..., -1:, :].unbind(3)
    before = [torch.zeros_like(added[:, :, :, 0])]
    for decayed, more in zip(whole[:-1], added.unbind(3)[:-1], strict=True):
        before.append(decayed * before[-1] + more)
    return inside + since_start * (read @ torch.stack(before, 3))


def segment_sums(x: Tensor) -> Tensor:
    """x (..., c) -> (..., c, c): x_(j + 1) + ... + x_i in row j and column i, 0 where i <= j.

    As differences of cumulative sums, small numbers would be lost behind one large number before.
    """
    return (x.unsqueeze(-2) * upper_triangle(x.unsqueeze(-1), 1)).cumsum(-1)


def upper_triangle(x: Tensor, above: int) -> Tensor:
    """Ones from so many places above the diagonal on, (c, c), for x (..., c, P)."""
    return torch.ones(x.shape[-2], x.shape[-2], dtype=x.dtype, device=x.device).triu(above)


class StateSpaceDual(nn.Module):
    """The scan of Mamba-2, of what its block's projections make.

    Args:
        heads: how many have a rate, a step and a skip of their own.
        state: numbers kept for each feature.
        direction: forward, backward, bidirectional or cross; each path has its own rates.
        grid: (height, width) of the tokens, for cross.
    """

    no_weight_decay = True

    def __init__(
        self,
        heads: int,
        state: int,
        direction: str = "forward",
        grid: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        paths = {"bidirectional": 2, "cross": 4}.get(direction, 1)
        self.direction = direction
        self.grid = grid
        self.state = state
        # Of every head log(-A), the scale D of x itself, and the offset of its steps.
        rates = torch.empty(paths * heads).uniform_(1, 16).log()
        offsets = step_offsets(paths * heads)
        values = torch.stack([rates, torch.ones_like(rates), offsets], -1)
        self.dynamics = nn.Parameter(values.view(paths, heads, 3))

    def forward(self, packed: Tensor, steps: Tensor) -> Tensor:
        """[x, B, C] (B, L, H P + 2 N) and steps (B, L, H), or images -> (B, L, H P)."""
        given = lay_paths(as_sequence(packed), self.direction, self.grid)
        raw = lay_paths(as_sequence(steps), self.direction, self.grid)
        width = given.shape[-1] - 2 * self.state
        x, write, read = torch.split(given, [width, self.state, self.state], -1)
        x = torch.unflatten(x, -1, (raw.shape[-1], -1))
        exact = torch.promote_types(x.dtype, torch.float32)
        rate, skip, offset = self.dynamics.to(exact).unbind(-1)
        dt = F.softplus(raw.to(exact) + offset)
        made = state_space_dual(x.to(exact), dt, -rate.exp(), write, read)
        whole = (made + skip.unsqueeze(-1) * x).flatten(3).to(packed.dtype)
        return as_before(join_paths(whole, self.direction, self.grid), packed)
