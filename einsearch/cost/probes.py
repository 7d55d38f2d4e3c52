"""The small measurements of `calibrate`: one for each group of constants of a device."""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Run = Callable[[], object]


@dataclass(frozen=True)
class Probe:
    """One measurement.

    Attributes:
        name: of the group of constants that it is for.
        make: prepares it on a device, in a type; what it returns is run and timed.
    """

    name: str
    make: Callable[[torch.device, torch.dtype], Run]


def seconds_of(run: Run, device: torch.device, allowed: float) -> float:
    """Seconds of one run: the least of several, after one that does not count; of one where that
    takes all the time that there is.

    CPU time of the process is taken, so that other processes matter little; on a GPU the time
    until it has finished.

    Args:
        allowed: seconds after which no further run is begun.
    """
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    began = time.perf_counter()
    run()
    _finish(device)
    best, runs = float("inf"), 0
    while not runs or time.perf_counter() - began < allowed:
        at = clock()
        run()
        _finish(device)
        best, runs = min(best, clock() - at), runs + 1
    return max(best, 1e-9)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _trained(layer: nn.Module, x: Tensor) -> Run:
    """A forward pass of a layer and its gradient by input and weights."""
    x.requires_grad_(True)

    def run() -> None:
        torch.autograd.backward(layer(x).sum())
        x.grad = None
        layer.zero_grad(set_to_none=True)

    return run


def _call(device: torch.device, dtype: torch.dtype) -> Run:
    x = torch.ones(16, device=device, dtype=dtype, requires_grad=True)

    def run() -> None:
        y = x
        for _ in range(50):
            y = torch.relu(y)
        torch.autograd.backward(y.sum())
        x.grad = None

    return run


def _matrix(device: torch.device, dtype: torch.dtype) -> Run:
    layer = nn.Linear(256, 256, device=device, dtype=dtype)
    return _trained(layer, torch.randn(2048, 256, device=device, dtype=dtype))


def _narrow(device: torch.device, dtype: torch.dtype) -> Run:
    layer = nn.Linear(16, 16, device=device, dtype=dtype)
    return _trained(layer, torch.randn(8192, 16, device=device, dtype=dtype))


def _batched(device: torch.device, dtype: torch.dtype) -> Run:
    left = torch.randn(64, 64, 32, device=device, dtype=dtype)
    right = torch.randn(64, 32, 64, device=device, dtype=dtype)
    return lambda: left @ right


def _convolution(device: torch.device, dtype: torch.dtype) -> Run:
    layer = nn.Conv2d(32, 32, 3, padding=1, device=device, dtype=dtype)
    return _trained(layer, torch.randn(32, 32, 16, 16, device=device, dtype=dtype))


def _depthwise(device: torch.device, dtype: torch.dtype) -> Run:
    layer = nn.Conv2d(32, 32, 3, padding=1, groups=32, device=device, dtype=dtype)
    return _trained(layer, torch.randn(32, 32, 16, 16, device=device, dtype=dtype))


def _stream(device: torch.device, dtype: torch.dtype) -> Run:
    x = torch.ones(4 * 2**20, device=device, dtype=dtype)
    return lambda: x.add_(1.0)


def _function(device: torch.device, dtype: torch.dtype) -> Run:
    x = torch.randn(2**18, device=device, dtype=dtype)
    return lambda: F.gelu(x)


def _norm(device: torch.device, dtype: torch.dtype) -> Run:
    layer = nn.BatchNorm2d(32, device=device)
    return _trained(layer, torch.randn(32, 32, 16, 16, device=device, dtype=dtype))


def _softmax(device: torch.device, dtype: torch.dtype) -> Run:
    x = torch.randn(4096, 64, device=device, dtype=dtype)
    return lambda: torch.softmax(x, -1)


def _copy(device: torch.device, dtype: torch.dtype) -> Run:
    x = torch.randn(64, 256, 64, device=device, dtype=dtype)
    return lambda: x.transpose(1, 2).contiguous()


def _serial(device: torch.device, dtype: torch.dtype) -> Run:
    x = torch.randn(4, 16, 32, 32, device=device, dtype=dtype)
    return lambda: F.max_pool2d(x, 3, stride=1, padding=1)


def _parameter(device: torch.device, dtype: torch.dtype) -> Run:
    x = torch.ones(2**20, device=device, requires_grad=True)
    x.grad = torch.ones_like(x)
    step = torch.optim.AdamW([x], fused=True).step
    return lambda: step()


def _touch(device: torch.device, dtype: torch.dtype) -> Run:
    count = 2**25
    if device.type == "cuda":
        return lambda: torch.zeros(count, dtype=torch.uint8, device=device)

    def run() -> None:
        with mmap.mmap(-1, count) as pages:
            view = torch.frombuffer(pages, dtype=torch.uint8)
            view[::4096] = 1
            del view

    return run


PROBES: Final = (
    Probe("call", _call),
    Probe("matrix", _matrix),
    Probe("narrow", _narrow),
    Probe("batched", _batched),
    Probe("convolution", _convolution),
    Probe("depthwise", _depthwise),
    Probe("stream", _stream),
    Probe("function", _function),
    Probe("norm", _norm),
    Probe("softmax", _softmax),
    Probe("copy", _copy),
    Probe("serial", _serial),
    Probe("parameter", _parameter),
    Probe("touch", _touch),
)
