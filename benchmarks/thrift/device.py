"""Ways that only a GPU knows: bfloat16, channels_last, CUDA graphs, several workers on one device.

Each trains the same networks from the same weights on the same batches. A way is judged by the
time of its steps, and by whether it ranks the networks by their last losses as plain float32 does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import multiprocessing as processes
from torch import nn

from einsearch.evaluate.data import on_device
from einsearch.evaluate.network import build_network
from einsearch.evaluate.optimizing import make_optimizer
from einsearch.primitives.program import Program
from thrift.ways import SETTINGS, Setting, families, load

PLAIN: Final = "float32, one call after another"
WORKERS: Final = (1, 2, 4)
WARM: Final = 5
"""Steps before time is taken."""
LAST: Final = 20
"""Steps whose mean loss ranks a network."""


@dataclass(frozen=True)
class Measured:
    """What there is to print, and the same as data; no data where there is no GPU."""

    text: str
    figures: dict[str, Any] | None


@dataclass(frozen=True)
class Steps:
    """Seconds of a step, and the mean loss of the last ones."""

    seconds: float
    loss: float


@dataclass(frozen=True, eq=False)
class Bench:
    """A network on a device, with the batches that it will see.

    Attributes:
        network: freshly initialised, on the device.
        optimizer: of its weights.
        x, y: (steps, batch, *shape) and (steps, batch), on the device.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    x: torch.Tensor
    y: torch.Tensor


def measured(quick: bool) -> Measured:
    """Everything, where torch finds a GPU."""
    if not torch.cuda.is_available():
        return Measured(
            "CUDA graphs, bf16, channels_last and several workers on one device: "
            "not measured: no GPU",
            None,
        )
    setting = SETTINGS["digits"]
    parents, steps = (1, 20) if quick else (6, 200)
    programs = [family.parent for family in families(setting, parents, 1, seed=0)]
    device = torch.device("cuda")
    found: dict[str, list[Steps | None]] = {
        way: [tried(run, setting, program, device, steps) for program in programs]
        for way, run in WAYS.items()
    }
    shared = {count: together(count, steps) for count in WORKERS[: 2 if quick else None]}
    name = torch.cuda.get_device_name()
    lines = [name, "", table(found), "", workers_table(shared)]
    figures = {
        "device": name,
        "ways": {way: [one and asdict(one) for one in some] for way, some in found.items()},
        "steps a second by workers": shared,
    }
    return Measured("\n".join(lines), figures)


def prepare(setting: Setting, program: Program, device: torch.device, steps: int) -> Bench:
    """A network and its batches; the same ones at every call."""
    task = load(setting)
    data = on_device(task.train, device)
    network = build_network(program, task, seed=0).to(device).train()
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(len(data), (steps, setting.batch), generator=generator).to(device)
    optimizer = make_optimizer(network, setting.config(1))
    return Bench(network, optimizer, data.x[rows], data.y[rows])


def one_step(bench: Bench, x: torch.Tensor, y: torch.Tensor, *, is_half: bool) -> torch.Tensor:
    """A step of training; the loss before it, detached."""
    bench.optimizer.zero_grad(set_to_none=True)
    precision: AbstractContextManager[Any] = nullcontext()
    if is_half:
        # Its cache of weights would outlive the recording of a CUDA graph.
        precision = torch.autocast(x.device.type, torch.bfloat16, cache_enabled=False)
    with precision:
        outputs = bench.network(x)
    loss = F.cross_entropy(outputs.float().flatten(0, -2), y)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(bench.network.parameters(), 1.0)
    bench.optimizer.step()
    return loss.detach()


def eager(bench: Bench, *, is_half: bool = False, is_last: bool = False) -> Steps:
    """Steps by calls of torch; `is_last` keeps images and kernels with channels last."""
    x = bench.x
    if is_last and x.dim() == 5:
        bench.network.to(memory_format=torch.channels_last)
        x = x.flatten(0, 1).to(memory_format=torch.channels_last).unflatten(0, x.shape[:2])
    return timed(bench, x, lambda x, y: one_step(bench, x, y, is_half=is_half))


def graphed(bench: Bench, *, is_half: bool = False) -> Steps:
    """Steps by one CUDA graph of forward, backward and optimiser.

    Raises:
        RuntimeError: the network does what cannot be recorded.
    """
    for group in bench.optimizer.param_groups:
        group["capturable"] = True
    start = {name: tensor.clone() for name, tensor in bench.network.state_dict().items()}
    x, y = bench.x[0].clone(), bench.y[0].clone()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM):
            one_step(bench, x, y, is_half=is_half)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = one_step(bench, x, y, is_half=is_half)
    # In place, since the graph has the addresses: as if nothing had been trained.
    bench.network.load_state_dict(start)
    for state in bench.optimizer.state.values():
        for value in state.values():
            value.zero_()

    def step(new_x: torch.Tensor, new_y: torch.Tensor) -> torch.Tensor:
        x.copy_(new_x)
        y.copy_(new_y)
        graph.replay()
        return loss.clone()

    return timed(bench, bench.x, step)


def timed(
    bench: Bench, x: torch.Tensor, step: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> Steps:
    """Takes every step; time counts from `WARM` on, until the device has finished."""
    losses = []
    began = time.perf_counter()
    for number, (some_x, some_y) in enumerate(zip(x, bench.y, strict=True)):
        if number == WARM:
            wait(x.device)
            began = time.perf_counter()
        losses.append(step(some_x, some_y))
    wait(x.device)
    seconds = (time.perf_counter() - began) / max(1, len(x) - WARM)
    return Steps(seconds, torch.stack(losses[-LAST:]).mean().item())


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


WAYS: Final[dict[str, Callable[[Bench], Steps]]] = {
    PLAIN: eager,
    "bf16": lambda bench: eager(bench, is_half=True),
    "channels_last": lambda bench: eager(bench, is_last=True),
    "bf16, channels_last": lambda bench: eager(bench, is_half=True, is_last=True),
    "CUDA graphs": graphed,
    "CUDA graphs, bf16": lambda bench: graphed(bench, is_half=True),
}


def tried(
    run: Callable[[Bench], Steps],
    setting: Setting,
    program: Program,
    device: torch.device,
    steps: int,
) -> Steps | None:
    """What a way gives; None where the network cannot be run in it."""
    try:
        return run(prepare(setting, program, device, steps))
    except RuntimeError:
        return None


def table(found: dict[str, list[Steps | None]]) -> str:
    """Ways as Markdown; each is compared over the networks that it could run."""
    lines = [
        "| way | networks | rank correlation of losses | time saved |",
        "| --- | --- | --- | --- |",
    ]
    for way, some in found.items():
        pairs = [(a, b) for a, b in zip(found[PLAIN], some, strict=True) if a and b]
        if not pairs:
            lines.append(f"| {way} | 0 | | |")
            continue
        losses = np.array([(a.loss, b.loss) for a, b in pairs])
        rank = float(spearmanr(losses)[0]) if len(pairs) > 2 else float("nan")
        saved = 1 - sum(b.seconds for _, b in pairs) / sum(a.seconds for a, _ in pairs)
        lines.append(f"| {way} | {len(pairs)} | {rank:.2f} | {saved:.0%} |")
    return "\n".join(lines)


def together(count: int, steps: int) -> float:
    """Steps a second of so many processes that train on one GPU at once."""
    context = processes.get_context("spawn")
    barrier, queue = context.Barrier(count), context.Queue()
    started = [
        context.Process(target=work, args=(barrier, queue, steps), daemon=True)
        for _ in range(count)
    ]
    for process in started:
        process.start()
    spans: Sequence[tuple[float, float]] = [queue.get(timeout=300) for _ in started]
    for process in started:
        process.join()
    return count * steps / (max(end for _, end in spans) - min(begin for begin, _ in spans))


def work(barrier: Any, queue: Any, steps: int) -> None:
    """One of the processes: tells when it began and ended, by the clock that all share."""
    torch.set_num_threads(1)
    setting = SETTINGS["digits"]
    program = families(setting, 1, 1, seed=0)[0].parent
    device = torch.device("cuda")
    eager(prepare(setting, program, device, WARM))
    bench = prepare(setting, program, device, steps)
    wait(device)
    barrier.wait(timeout=300)
    began = time.monotonic()
    eager(bench)
    queue.put((began, time.monotonic()))


def workers_table(shared: dict[int, float]) -> str:
    """Steps a second by number of workers, as Markdown."""
    lines = ["| workers on one device | steps a second | by one worker |", "| --- | --- | --- |"]
    lines += [
        f"| {count} | {rate:.0f} | {rate / shared[1]:.2f} |" for count, rate in shared.items()
    ]
    return "\n".join(lines)
