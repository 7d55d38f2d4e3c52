"""The selective scan of Mamba (Gu and Dao, 2023, algorithm 2), in chunks.

    h_t = exp(dt_t A) h_(t-1) + dt_t x_t B_t,    y_t = C_t . h_t

Only the state at the start of each chunk is kept for the backward pass, which makes the states of
a chunk again: memory is linear in the length and hardly depends on the size of the state.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from einsearch.primitives.kernels.directions import as_before, as_sequence, join_paths, lay_paths


def linear_recurrence(decay: Tensor, added: Tensor) -> Tensor:
    """h_t = decay_t h_(t-1) + added_t along axis 0, from 0, in log2(length) rounds.

    Blocks of doubling length are put together (Hillis and Steele, 1986), so that a graph of it is
    short and an accelerator gets few and large operations.
    """
    reach, length = 1, added.shape[0]
    while reach < length:
        added = torch.cat([added[:reach], added[reach:] + decay[reach:] * added[:-reach]])
        decay = torch.cat([decay[:reach], decay[reach:] * decay[:-reach]])
        reach *= 2
    return added


def chunk_states(decay: Tensor, added: Tensor, start: Tensor) -> Tensor:
    """States of a chunk (c, ...) from the one before it; takes the memory of `added`."""
    added[0].addcmul_(decay[0], start)
    if added.device.type != "cpu":
        return linear_recurrence(decay, added)
    factors, states = decay.unbind(0), added.unbind(0)
    for t in range(1, len(states)):
        states[t].addcmul_(factors[t], states[t - 1])
    return added


class ChunkedScan(torch.autograd.Function):
    """The scan with its adjoint. Axes: time, batch, paths, features, state; time is first."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, dt: Tensor, rate: Tensor, write: Tensor, read: Tensor, chunk: int
    ) -> Tensor:
        """x, dt (L, B, G, D), rate (G, D, N), write, read (L, B, G, N) -> y (L, B, G, D)."""
        state = x.new_zeros(*x.shape[1:], rate.shape[-1])
        starts, made = [], []
        for begin in range(0, x.shape[0], chunk):
            part = slice(begin, begin + chunk)
            starts.append(state)
            decay = torch.exp(dt[part].unsqueeze(-1) * rate)
            added = (dt[part] * x[part]).unsqueeze(-1) * write[part].unsqueeze(-2)
            states = chunk_states(decay, added, state)
            state = states[-1].clone()
            made.append((states @ read[part].unsqueeze(-1)).squeeze(-1))
        ctx.save_for_backward(x, dt, rate, write, read, torch.stack(starts))
        ctx.chunk = chunk
        return torch.cat(made)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients by x, dt, rate, write and read; chunks from the last to the first."""
        x, dt, rate, write, read, starts = ctx.saved_tensors
        carry = torch.zeros_like(starts[0])
        by_rate = torch.zeros_like(rate)
        parts = []
        for number in range(len(starts) - 1, -1, -1):
            part = slice(number * ctx.chunk, (number + 1) * ctx.chunk)
            own = (x[part], dt[part], rate, write[part], read[part])
            carry, by_chunk_rate, *others = chunk_adjoint(*own, starts[number], grad[part], carry)
            by_rate += by_chunk_rate
            parts.append(others)
        by_x, by_dt, by_write, by_read = (
            torch.cat(pieces[::-1]) for pieces in zip(*parts, strict=True)
        )
        return by_x, by_dt, by_rate, by_write, by_read, None


def chunk_adjoint(
    x: Tensor,
    dt: Tensor,
    rate: Tensor,
    write: Tensor,
    read: Tensor,
    start: Tensor,
    grad: Tensor,
    carry: Tensor,
) -> tuple[Tensor, ...]:
    """Gradients of one chunk by its first state, rate, x, dt, write and read.

    `start` is the state before the chunk, `grad` that of its outcome, `carry` that of its last
    state by all that comes later.
    """
    decay = torch.exp(dt.unsqueeze(-1) * rate)
    drive = dt * x
    states = chunk_states(decay, drive.unsqueeze(-1) * write.unsqueeze(-2), start)
    before = torch.cat([start.unsqueeze(0), states[:-1]])
    adjoint = grad.unsqueeze(-1) * read.unsqueeze(-2)
    by_read = (grad.unsqueeze(-2) @ states).squeeze(-2)
    # The adjoint is the same recurrence from the end, each decay one step later.
    later = torch.cat([torch.ones_like(decay[:1]), decay.flip(0)[:-1]])
    adjoint = chunk_states(later, adjoint.flip(0), carry).flip(0)
    by_drive = (adjoint @ write.unsqueeze(-1)).squeeze(-1)
    by_write = (drive.unsqueeze(-2) @ adjoint).squeeze(-2)
    first = decay[0] * adjoint[0]
    by_exponent = before.mul_(adjoint).mul_(decay)
    by_dt = (by_exponent * rate).sum(-1) + by_drive * x
    by_rate = (by_exponent * dt.unsqueeze(-1)).sum((0, 1))
    return first, by_rate, by_drive * dt, by_dt, by_write, by_read


def selective_scan(
    x: Tensor, dt: Tensor, rate: Tensor, write: Tensor, read: Tensor, chunk: int = 64
) -> Tensor:
    """Scans of several paths side by side, in float32 at least.

    x, dt (B, L, G, D), rate (G, D, N), write, read (B, L, G, N) -> (B, L, G, D), in x's type.
    `rate` is A, `write` is B and `read` is C of the paper.
    """
    kind = torch.promote_types(x.dtype, torch.float32)
    given = [t.to(kind).transpose(0, 1) for t in (x, dt, write, read)]
    wide, steps, writes, reads = given
    rate = rate.to(kind)
    if torch.compiler.is_exporting():
        decay = torch.exp(steps.unsqueeze(-1) * rate)
        states = linear_recurrence(decay, (steps * wide).unsqueeze(-1) * writes.unsqueeze(-2))
        made = (states @ reads.unsqueeze(-1)).squeeze(-1)
    else:
        with full_precision(x):
            made = ChunkedScan.apply(wide, steps, rate, writes, reads, chunk)  # type: ignore[no-untyped-call]
    return made.transpose(0, 1).to(x.dtype)


def full_precision(x: Tensor) -> AbstractContextManager[Any]:
    """Where autocast makes nothing shorter; tensors without data know no autocast."""
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)


def step_offsets(count: int, least: float = 1e-3, most: float = 1e-1) -> Tensor:
    """Numbers whose softplus is log-uniform between two step sizes, (count,)."""
    steps = torch.exp(torch.rand(count) * math.log(most / least) + math.log(least))
    return steps + torch.log(-torch.expm1(-steps))


class SelectiveScan(nn.Module):
    """The selective state space layer S6, which makes step, B and C from every token.

    Args:
        features: of a token.
        state: numbers kept for each feature.
        rank: features from which the step sizes are made.
        direction: forward, backward, bidirectional or cross; each path has its own weights.
        grid: (height, width) of the tokens, for cross.
    """

    no_weight_decay = True

    def __init__(
        self,
        features: int,
        state: int,
        rank: int,
        direction: str = "forward",
        grid: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        paths = {"bidirectional": 2, "cross": 4}.get(direction, 1)
        self.direction = direction
        self.grid = grid
        self.sizes = (rank, state, state)
        self.select = nn.ModuleList(
            nn.Linear(features, rank + 2 * state, bias=False) for _ in range(paths)
        )
        self.step = nn.ModuleList(nn.Linear(rank, features) for _ in range(paths))
        # log(-A), and the scale D of x itself in the last place.
        rates = torch.arange(1.0, state + 2).log()
        rates[-1] = 1.0
        self.dynamics = nn.Parameter(rates.repeat(paths, features, 1))
        with torch.no_grad():
            for step in self.step:
                assert isinstance(step, nn.Linear)
                step.weight.uniform_(-(rank**-0.5), rank**-0.5)
                step.bias.copy_(step_offsets(features))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) or (B, D, H, W) -> the same shape."""
        paths = lay_paths(as_sequence(x), self.direction, self.grid)
        steps, writes, reads = [], [], []
        for number, (select, step) in enumerate(zip(self.select, self.step, strict=True)):
            assert isinstance(select, nn.Linear)
            assert isinstance(step, nn.Linear)
            low, write, read = select(paths[:, :, number]).split(self.sizes, -1)
            # Steps differ by little where they are small: they are not rounded to 16 bits.
            exact = torch.promote_types(x.dtype, torch.float32)
            raw = F.linear(low, step.weight).to(exact) + step.bias.to(exact)
            steps.append(F.softplus(raw))
            writes.append(write)
            reads.append(read)
        dt, write, read = (torch.stack(tensors, 2) for tensors in (steps, writes, reads))
        rate = -self.dynamics[..., :-1].to(dt.dtype).exp()
        made = selective_scan(paths, dt, rate, write, read) + self.dynamics[..., -1] * paths
        return as_before(join_paths(made.to(x.dtype), self.direction, self.grid), x)
