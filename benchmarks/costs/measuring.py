"""Seconds and bytes of training one network, in a process of its own with a limit on memory."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import nn

from costs.drawing import Network
from einsearch.compile.check import check_shapes
from einsearch.compile.head import attach_head
from einsearch.compile.module import build_module
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.optimizing import make_optimizer

MEMORY: Final = 7 * 2**30
"""Bytes that a network may take; those that want more are counted, not measured."""
SECONDS: Final = 40
"""Seconds that measuring one network may take."""
LEAST, MOST, ENOUGH = 3, 100, 0.15
"""Steps that are measured, and CPU seconds after which no further one is."""


def status(name: str) -> int:
    """Bytes that the system says of this process: VmRSS, VmHWM, VmSize."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"the system does not tell {name}")


def trim() -> None:
    """Gives free memory back, so that what is used again counts."""
    ctypes.CDLL(None).malloc_trim(0)


def warm_up() -> None:
    """Runs some of everything once, so that what a process needs for it is there."""
    torch.set_num_threads(1)
    layers = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.GELU(), nn.Conv2d(8, 8, 3, groups=8)
    )
    made = layers(torch.randn(16, 3, 8, 8)).flatten(1)
    tokens = made.view(16, 6, 48)
    attended = F.scaled_dot_product_attention(*[tokens.unsqueeze(1)] * 3).squeeze(1)
    mixed = nn.LayerNorm(48)(attended @ tokens.mT @ tokens).flatten(1)
    loss = F.cross_entropy(nn.Linear(288, 10)(mixed), torch.zeros(16, dtype=torch.long))
    torch.autograd.backward(loss)
    optimizer = torch.optim.AdamW(layers.parameters(), fused=True)
    nn.utils.clip_grad_norm_(layers.parameters(), 1.0)
    optimizer.step()


def measure(network: Network) -> dict[str, Any]:
    """What training a network takes.

    Returns:
        `build`, `forward` (without gradients), `step`: CPU seconds; `peak`: bytes beyond what the
        process had before. Or `failed`: why there is nothing.
    """
    gc.freeze()
    trim()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            content = json.dumps(_guarded(network))
        except BaseException as error:  # nothing may return into the parent's code
            content = json.dumps({"failed": type(error).__name__})
        os.write(writing, content.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    found: dict[str, Any] = json.loads(content) if content else {"failed": "killed"}
    return found


def _guarded(network: Network) -> dict[str, Any]:
    limit = status("VmSize") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    # A limit on CPU time would make the clock of CPU time count in ticks.
    signal.signal(signal.SIGALRM, _too_slow)
    signal.alarm(SECONDS)
    warm_up()
    try:
        gc.disable()
        return _measured(network)
    except (RuntimeError, MemoryError, TimeoutError) as error:
        text = str(error)
        memory = isinstance(error, MemoryError) or "allocate" in text or "memory" in text
        return {"failed": "memory" if memory else text[:200] or type(error).__name__}


def _too_slow(number: int, frame: object) -> None:
    raise TimeoutError("time")


def _measured(network: Network) -> dict[str, Any]:
    program = network.program
    gc.collect()
    trim()
    # What the process had at its peak so far is forgotten.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    base = status("VmRSS")
    clock = time.process_time
    at = clock()
    backbone = build_module(program, network.seed)
    model = attach_head(backbone, program.output[0], network.output, network.seed)
    wrong = check_shapes(backbone, program)
    if wrong is not None:
        raise RuntimeError(wrong)
    build = clock() - at
    config = TrainingConfig(batch=network.batch)
    data = torch.randn(2 * network.batch, *program.input[0].shape)
    classes = torch.randint(network.output.features, (2 * network.batch,))
    optimizer = make_optimizer(model, config)
    weights = [p for group in optimizer.param_groups for p in group["params"]]

    def step() -> None:
        rows = torch.randperm(len(data))[: network.batch]
        x, y = data[rows], classes[rows]
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x).float().flatten(0, -2), y)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        loss.item()

    model.train()
    seconds = _repeated(step)
    peak = status("VmHWM") - base
    model.eval()
    with torch.no_grad():
        forward = _repeated(lambda: model(data[: network.batch]))
    return {"build": build, "step": seconds, "forward": forward, "peak": peak}


def _repeated(run: Callable[[], object]) -> float:
    """CPU seconds of a run: the lower quartile of several, after two, since others only slow it."""
    run()
    run()
    took: list[float] = []
    while len(took) < LEAST or (len(took) < MOST and sum(took) < ENOUGH):
        at = time.process_time()
        run()
        took.append(time.process_time() - at)
    return sorted(took)[len(took) // 4]
