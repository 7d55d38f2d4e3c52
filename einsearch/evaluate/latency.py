"""`measure_latency`: how long a network takes to answer for one example, on this machine."""

from __future__ import annotations

from typing import Final

import torch
from torch import nn
from torch.utils.benchmark import Timer

_SECONDS: Final = 0.2
_LEAST: Final = 11
"""Repeats that the median is taken over, however slow the network."""


def measure_latency(network: nn.Module, x: torch.Tensor, seconds: float = _SECONDS) -> float:
    """Median time of a forward pass in evaluation mode, in milliseconds.

    In float32, on a CPU with one thread; on a GPU until the answer is there. Passes before the
    measurement warm caches and allocators up. Other work on the machine disturbs it, the median
    least: compare networks that were measured under equal conditions.

    Args:
        network: on the device of `x`; its mode is left as it was.
        x: (1, *input shape).
        seconds: of measuring at least, after warming up.
    """
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            timer = Timer("network(x)", globals={"network": network, "x": x}, num_threads=1)
            roughly = float(timer.timeit(2).mean)
            measured = timer.blocked_autorange(min_run_time=max(seconds, _LEAST * roughly))
    finally:
        network.train(was_training)
    return 1e3 * float(measured.median)
