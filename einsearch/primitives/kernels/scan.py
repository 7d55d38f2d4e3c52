"""The selective scan of Mamba (Gu and Dao, 2023, algorithm 2), in chunks.

    h_t = exp(dt_t A) h_(t-1) + dt_t x_t B_t,    y_t = C_t . h_t

Only the state at the start of each chunk is kept for the backward pass, which makes the states of
a chunk again: memory is linear in the length and hardly depends on the size of the state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from einsearch.primitives.kernels.directions import as_before, as_sequence, join_paths, lay_paths

FEWEST = 16
"""Steps of a chunk, where the states of a step are many."""

MOST = 64
"""Steps of a chunk, where they are few."""

BUFFER = 2**19
"""Numbers that the states of a chunk should be in all."""


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


def chunk_length(numbers: int) -> int:
    """Steps of a chunk, for states of so many numbers a step: as many as fit a core's cache."""
    return max(FEWEST, min(MOST, BUFFER // numbers))


def goes_by_steps(device: torch.device) -> bool:
    """Whether many small operations are faster than few large ones, which do more."""
    return device.type == "cpu"


class Workspace:
    """Memory for the decays and states of a chunk, which one chunk after the other takes.

    Args:
        like: has the type and device.
        size: steps of the longest chunk.
        shape: of the states of one step, (B, G, N, D).
    """

    def __init__(self, like: Tensor, size: int, shape: torch.Size) -> None:
        self.decay = like.new_empty(size, *shape)
        self.states = like.new_zeros(size + 1, *shape)
        self.factors = self.decay.unbind(0)
        self.steps = self.states.unbind(0)

    def fill(self, dt: Tensor, rate: Tensor, drive: Tensor, write: Tensor) -> tuple[Tensor, Tensor]:
        """Decays (c, B, G, N, D), and states (c + 1, B, G, N, D) from `states[0]` on."""
        count = len(dt)
        decay, after = self.decay[:count], self.states[1 : count + 1]
        torch.mul(dt.unsqueeze(-2), rate, out=decay).exp_()
        torch.mul(drive.unsqueeze(-2), write.unsqueeze(-1), out=after)
        if goes_by_steps(after.device):
            for t in range(count):
                self.steps[t + 1].addcmul_(self.factors[t], self.steps[t])
        else:
            after[0].addcmul_(decay[0], self.states[0])
            after.copy_(linear_recurrence(decay, after))
        return decay, self.states[: count + 1]

    def adjoint(self, states: Tensor, carry: Tensor) -> None:
        """In `states` (c, B, G, N, D): a_t + decay_(t + 1) a_(t + 1), from `carry` at the end."""
        states[-1].add_(carry)
        if goes_by_steps(states.device):
            steps = states.unbind(0)
            for t in range(len(steps) - 2, -1, -1):
                steps[t].addcmul_(self.factors[t + 1], steps[t + 1])
        else:
            later = self.decay[1 : len(states)].flip(0)
            factors = torch.cat([torch.ones_like(states[:1]), later])
            states.copy_(linear_recurrence(factors, states.flip(0)).flip(0))


class ChunkedScan(torch.autograd.Function):
    """The scan with its adjoint. Axes: time, batch, paths, state, features; time is first."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, dt: Tensor, rate: Tensor, write: Tensor, read: Tensor, chunk: int
    ) -> Tensor:
        """x, dt (L, B, G, D), rate (G, N, D), write, read (L, B, G, N) -> y (L, B, G, D)."""
        size = min(chunk, len(x))
        space = Workspace(x, size, torch.Size((*x.shape[1:-1], *rate.shape[1:])))
        starts, made, drive = [], x.new_empty(x.shape), dt * x
        for begin in range(0, len(x), size):
            part = slice(begin, begin + size)
            starts.append(space.states[0].clone())
            _, states = space.fill(dt[part], rate, drive[part], write[part])
            torch.matmul(read[part].unsqueeze(-2), states[1:], out=made[part].unsqueeze(-2))
            space.states[0] = states[-1]
        ctx.save_for_backward(x, dt, rate, write, read, torch.stack(starts))
        ctx.size = size
        return made

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients by x, dt, rate, write and read."""
        if torch.is_grad_enabled():  # they are to be differentiated again
            return *gradients(scan_at_once, ctx.saved_tensors[:5], grad), None
        return ChunkedScan.adjoint(ctx, grad)

    @staticmethod
    def adjoint(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The same, as numbers alone; chunks from the last to the first."""
        x, dt, rate, write, read, starts = ctx.saved_tensors
        grad, space = grad.contiguous(), Workspace(x, ctx.size, starts.shape[1:])
        adjoint, carry = torch.empty_like(space.decay), torch.zeros_like(starts[0])
        by_drive, by_dt, by_write, by_read = (t.new_empty(t.shape) for t in (x, dt, write, read))
        by_rate, drive = torch.zeros_like(rate), dt * x
        for number in range(len(starts) - 1, -1, -1):
            part = slice(number * ctx.size, (number + 1) * ctx.size)
            own, row = drive[part], grad[part].unsqueeze(-2)
            space.states[0] = starts[number]
            decay, states = space.fill(dt[part], rate, own, write[part])
            # Rows from the left: a matrix times a column is several times slower on a CPU.
            torch.matmul(row, states[1:].mT, out=by_read[part].unsqueeze(-2))
            each = torch.mul(read[part].unsqueeze(-1), row, out=adjoint[: len(own)])
            space.adjoint(each, carry)
            torch.mul(decay[0], each[0], out=carry)
            torch.matmul(write[part].unsqueeze(-2), each, out=by_drive[part].unsqueeze(-2))
            torch.matmul(own.unsqueeze(-2), each.mT, out=by_write[part].unsqueeze(-2))
            by_exponent = decay.mul_(each).mul_(states[:-1])
            torch.sum(torch.mul(by_exponent, rate, out=each), -2, out=by_dt[part])
            by_rate += by_exponent.mul_(dt[part].unsqueeze(-2)).sum((0, 1))
        return by_drive * dt, by_dt.addcmul_(by_drive, x), by_rate, by_write, by_read, None


def scan_at_once(x: Tensor, dt: Tensor, rate: Tensor, write: Tensor, read: Tensor) -> Tensor:
    """The scan of `ChunkedScan` by operations that torch knows, with all states in memory."""
    decay = torch.exp(dt.unsqueeze(-2) * rate)
    states = linear_recurrence(decay, (dt * x).unsqueeze(-2) * write.unsqueeze(-1))
    return (read.unsqueeze(-2) @ states).squeeze(-2)


def scan_in_graph(x: Tensor, dt: Tensor, rate: Tensor, write: Tensor, read: Tensor) -> Tensor:
    """The same as one operation of an exported graph, which runtimes repeat for every token: the
    graph is short, and only the state of one token is in memory."""

    def step(
        state: Tensor, x: Tensor, dt: Tensor, write: Tensor, read: Tensor, rate: Tensor
    ) -> tuple[Tensor, Tensor]:
        decayed = torch.exp(dt.unsqueeze(-2) * rate) * state
        state = decayed + (dt * x).unsqueeze(-2) * write.unsqueeze(-1)
        return state, (read.unsqueeze(-2) @ state).squeeze(-2)

    start = x.new_zeros((x.shape[1], *rate.shape))
    made: Tensor = torch.ops.higher_order.scan(step, [start], [x, dt, write, read], (rate,))[1]
    return made


def gradients(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], grad: Tensor
) -> list[Tensor | None]:
    """Gradients of a function, which can be differentiated themselves; None for what needs none."""
    wanted = [x for x in inputs if x.requires_grad]
    with torch.enable_grad(), full_precision(grad):
        made = torch.autograd.grad(function(*inputs), wanted, grad, create_graph=True)
    found = iter(made)
    return [next(found) if x.requires_grad else None for x in inputs]


def selective_scan(
    x: Tensor,
    dt: Tensor,
    rate: Tensor,
    write: Tensor,
    read: Tensor,
    chunk: int | None = None,
) -> Tensor:
    """Scans of several paths side by side, in float32 at least.

    x, dt (B, L, G, D), rate (G, D, N), write, read (B, L, G, N) -> (B, L, G, D), in x's type.
    `rate` is A, `write` is B and `read` is C of the paper. `chunk` is how many steps are scanned
    together; it changes time and memory alone.
    """
    kind = torch.promote_types(x.dtype, torch.float32)
    wide, steps, writes, reads = (t.to(kind).transpose(0, 1) for t in (x, dt, write, read))
    # Features last: they are most, so that operations run along them.
    rate = rate.to(kind).mT.contiguous()
    if torch.compiler.is_exporting():
        made = scan_in_graph(wide, steps, rate, writes, reads)
    else:
        chunk = chunk or chunk_length(max(1, len(x) * rate.numel()))
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
