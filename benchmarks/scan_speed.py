"""How much faster the scans of state spaces are than a loop over the tokens.

    python benchmarks/scan_speed.py [--lengths 256 512 1024 2048] [--repeats 3] [--threads 1]

Forward and backward in float32, batch 4: `selective_scan` with 64 features and a state of 16, `ssd`
with 4 heads of 16. Milliseconds, the least of some repeats, loop and scan in turn: CPU time of one
thread, wall time of several. The loop computes exp(step * A) token by token. `kept` is what the
scan keeps for its backward pass, in KiB a token.

On two cores of an AMD EPYC in use by others, torch 2.13, times faster than the loop:

| length                        |  256 |  512 | 1024 | 2048 |
| ----------------------------- | ---- | ---- | ---- | ---- |
| `selective_scan`, one thread  |  7.7 | 10.6 | 14.4 | 24.5 |
| `selective_scan`, two threads |  7.0 | 13.6 | 26.7 |      |
| `ssd`, one thread             | 16.9 | 22.3 | 29.7 | 39.9 |
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from common.machine import banner
from torch import Tensor

from einsearch.primitives.kernels.scan import selective_scan
from einsearch.primitives.kernels.ssd import state_space_dual

BATCH, FEATURES, STATE, HEADS = 4, 64, 16, 4
Scan = Callable[..., Tensor]


def selective_loop(x: Tensor, dt: Tensor, rate: Tensor, write: Tensor, read: Tensor) -> Tensor:
    """The selective scan token by token."""
    state, made = x.new_zeros(*x[:, 0].shape, rate.shape[-1]), []
    for t in range(x.shape[1]):
        decay = torch.exp(dt[:, t].unsqueeze(-1) * rate)
        driven = (dt[:, t] * x[:, t]).unsqueeze(-1)
        state = decay * state + driven * write[:, t].unsqueeze(2)
        made.append((state * read[:, t].unsqueeze(2)).sum(-1))
    return torch.stack(made, 1)


def dual_loop(x: Tensor, dt: Tensor, rate: Tensor, write: Tensor, read: Tensor) -> Tensor:
    """Mamba-2's recurrence token by token."""
    state, made = x.new_zeros(*x[:, 0].shape, write.shape[-1]), []
    for t in range(x.shape[1]):
        decay = torch.exp(dt[:, t] * rate)[..., None, None]
        driven = (dt[:, t].unsqueeze(-1) * x[:, t]).unsqueeze(-1)
        state = decay * state + driven * write[:, t, :, None, None]
        made.append((state * read[:, t, :, None, None]).sum(-1))
    return torch.stack(made, 1)


def operands(length: int, heads: bool) -> list[Tensor]:
    """x, steps, rates, B and C; with heads those of `ssd`."""
    shape = (HEADS, FEATURES // HEADS) if heads else (FEATURES,)
    rates = (1, HEADS) if heads else (1, FEATURES, STATE)
    x = torch.randn(BATCH, length, 1, *shape)
    steps = 0.1 * torch.rand(BATCH, length, 1, shape[0])
    others = torch.randn(2, BATCH, length, 1, STATE)
    given = [x, steps, -16 * torch.rand(rates), *others.clone().unbind(0)]
    return [tensor.detach().requires_grad_() for tensor in given]


def milliseconds(scan: Scan, given: list[Tensor]) -> float:
    """Time of one forward and backward pass."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    torch.autograd.grad(scan(*given).sum(), given)
    return 1e3 * (clock() - start)


def kept(scan: Scan, given: list[Tensor]) -> int:
    """Bytes that a forward pass keeps for the backward pass; a storage counts once."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        made = scan(*given)
    assert made.requires_grad
    return sum(storages.values())


def compare(name: str, scan: Scan, loop: Scan, heads: bool, lengths: list[int], runs: int) -> None:
    """Prints a line for every length."""
    for length in lengths:
        given = operands(length, heads)
        times: list[tuple[float, float]] = []
        for _ in range(runs):
            times.append((milliseconds(loop, given), milliseconds(scan, given)))
        slow, fast = (min(column) for column in zip(*times, strict=True))
        memory = kept(scan, given) / length / 1024
        print(
            f"{name:15s} {length:6d} {slow:9.1f} {fast:9.1f} {slow / fast:8.1f}x {memory:8.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=[256, 512, 1024, 2048])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    print(banner())
    print(
        f"{'scan':15s} {'length':>6s} {'loop ms':>9s} {'scan ms':>9s} {'faster':>9s} {'kept':>8s}"
    )
    sizes = (chosen.lengths, chosen.repeats)
    compare("selective_scan", selective_scan, selective_loop, False, *sizes)
    compare("ssd", state_space_dual, dual_loop, True, *sizes)


if __name__ == "__main__":
    main()
