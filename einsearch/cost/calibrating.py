"""`calibrate`: the constants of the device at hand, measured in two seconds.

How much dearer one kernel is than another of its group hardly differs between devices: that is in
`DEFAULT`. What a group takes does, and a probe measures it. So a constant is that of `DEFAULT`,
times what the probe of its group took by what it took where `DEFAULT` was found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from typing import Final

import torch

from einsearch.cost.device import DEFAULT, DeviceModel, Speed
from einsearch.cost.probes import PROBES, Run, seconds_of
from einsearch.primitives.work import Operation

REFERENCE: Final[Mapping[str, float]] = {
    "call": 3.15e-04,
    "matrix": 7.00e-03,
    "narrow": 3.50e-04,
    "batched": 1.22e-04,
    "convolution": 4.10e-03,
    "depthwise": 1.42e-03,
    "stream": 7.80e-04,
    "function": 1.01e-04,
    "norm": 1.40e-03,
    "softmax": 2.40e-04,
    "copy": 1.47e-03,
    "serial": 2.0e-3,
    "parameter": 8.80e-04,
    "touch": 1.85e-02,
}
"""Seconds of the probes where `DEFAULT` was found."""

ROUNDS: Final = 6
"""Rounds over all probes, where nothing else runs on the machine; on a busy one not even one may
come to its end."""

_GROUPS: Final[Mapping[Operation, str]] = {
    Operation.MATRIX: "matrix",
    Operation.BATCHED: "batched",
    Operation.CONVOLUTION: "convolution",
    Operation.DEPTHWISE: "depthwise",
    Operation.ELEMENTWISE: "stream",
    Operation.FUNCTION: "function",
    Operation.NORM: "norm",
    Operation.REDUCTION: "stream",
    Operation.SERIAL: "serial",
    Operation.SOFTMAX: "softmax",
    Operation.COPY: "copy",
    Operation.VIEW: "stream",
    Operation.INDEX: "copy",
    Operation.SCAN: "function",
    Operation.FOURIER: "batched",
}
"""Which probe scales the FLOPs of a kind."""


def calibrate(
    device: str = "cpu",
    threads: int = 1,
    seconds: float = 2.0,
    dtype: torch.dtype = torch.float32,
) -> DeviceModel:
    """Measures the device at hand.

    Args:
        device: cpu or cuda.
        threads: of a CPU, that a worker will have.
        seconds: that it may take in all.
        dtype: that networks compute in.
    """
    place = torch.device(device)
    with _threads(threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        took = _measured(place, dtype, seconds)
    return scaled(DEFAULT, factors(took), device, threads)


def factors(took: Mapping[str, float]) -> dict[str, float]:
    """Seconds of probes by those where `DEFAULT` was found. Where the time did not suffice for a
    probe, it counts as slow as most of the others."""
    found = {name: seconds / REFERENCE[name] for name, seconds in took.items()}
    return dict.fromkeys(REFERENCE, median(found.values())) | found


def _measured(
    place: torch.device,
    dtype: torch.dtype,
    seconds: float,
    now: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Seconds of the probes: the least of several rounds, so that what slows the machine for a
    moment spoils no probe in all of them. One is measured at least, and none is begun after the
    time is up."""
    end = now() + seconds
    each = seconds / len(PROBES) / ROUNDS
    runs: dict[str, Run] = {}
    took: dict[str, float] = {}
    while True:
        for probe in PROBES:
            left = end - now()
            if took and left <= 0:
                return took
            if probe.name not in runs:
                runs[probe.name] = probe.make(place, dtype)
            found = seconds_of(runs[probe.name], place, min(each, left))
            took[probe.name] = min(found, took.get(probe.name, found))


def scaled(
    model: DeviceModel, by: Mapping[str, float], device: str = "cpu", threads: int = 1
) -> DeviceModel:
    """A model whose groups take other factors of their seconds.

    Args:
        by: factor for each probe.
    """
    speeds = {}
    for kind, speed in model.speeds.items():
        speeds[kind] = replace(
            speed,
            call=speed.call * by["call"],
            backward_call=speed.backward_call * by["call"],
            flop=speed.flop * by[_GROUPS[kind]],
            byte=speed.byte * by["stream"],
            narrow=_narrow(speed, by),
        )
    return replace(
        model,
        device=device,
        threads=threads,
        speeds=speeds,
        step=model.step * by["call"],
        module=model.module * by["call"],
        tensor=model.tensor * by["call"],
        parameter=model.parameter * by["parameter"],
        touch=model.touch * by["touch"],
        build=model.build * by["call"],
        build_call=model.build_call * by["call"],
        build_kernel=model.build_kernel * by["call"],
        build_parameter=model.build_parameter * by["stream"],
    )


def _narrow(speed: Speed, by: Mapping[str, float]) -> float:
    """Where wide products became faster and narrow ones did not, more width is needed."""
    return speed.narrow * min(max(by["narrow"] / by["matrix"], 0.25), 16.0)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
