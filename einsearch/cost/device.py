"""`DeviceModel`: what a device needs for each kind of kernel, in seconds and bytes; plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from einsearch.errors import EinsearchError
from einsearch.primitives.work import Operation

BACKWARD_CALL: Final = 2.2
"""Kernels of a gradient, with autograd around them, by those of the forward pass."""


@dataclass(frozen=True)
class Speed:
    """What one kind of kernel takes.

    Attributes:
        call: seconds of starting one, in the forward pass.
        flop: seconds a FLOP.
        byte: seconds a byte read or written.
        narrow: width at which products reach half of their speed; 0 where that does not matter.
        backward: work of the gradient by that of the forward pass; of products, for each operand.
        backward_call: seconds of starting it.
    """

    call: float
    flop: float
    byte: float
    narrow: float = 0.0
    backward: float = 1.0
    backward_call: float = 0.0


@dataclass(frozen=True)
class DeviceModel:
    """Constants of a device. It pickles, and goes to JSON and back.

    Attributes:
        device: cpu or cuda.
        threads: of a CPU, that a worker has.
        speeds: by kind of kernel.
        step: seconds of a step whatever the network: batch, loss, optimiser.
        module: seconds of Python round a call, forward and back.
        tensor: seconds of the optimiser, clipping and accumulation for a tensor of weights.
        parameter: seconds of them for a scalar.
        touch: seconds a byte of memory that the system has to hand out.
        spare: bytes that stay with the process from step to step.
        slack: bytes that are in use beside all tensors.
        margin: peak of a process over what its tensors take.
        build: seconds of building and checking a network whatever it is like.
        build_call: the same for a call.
        build_parameter: the same for a scalar: drawing its initial value.
    """

    device: str
    threads: int
    speeds: Mapping[Operation, Speed]
    step: float = 2.5e-4
    module: float = 4e-6
    tensor: float = 6e-6
    parameter: float = 2e-9
    touch: float = 2.2e-10
    spare: float = 64e6
    slack: float = 16e6
    margin: float = 1.15
    build: float = 2e-3
    build_call: float = 4e-4
    build_parameter: float = 8e-9

    def to_json(self) -> dict[str, Any]:
        """Plain values alone."""
        plain = {name: value for name, value in vars(self).items() if name != "speeds"}
        speeds = {str(kind): dict(vars(speed)) for kind, speed in self.speeds.items()}
        return {**plain, "speeds": speeds}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> DeviceModel:
        """The model of `to_json`.

        Raises:
            EinsearchError: it is not one.
        """
        try:
            speeds = {Operation(kind): Speed(**one) for kind, one in content["speeds"].items()}
            numbers = [n for one in content["speeds"].values() for n in one.values()]
            rest = {name: value for name, value in content.items() if name != "speeds"}
            made = cls(**{**rest, "speeds": speeds})
            numbers += [v for n, v in rest.items() if n not in ("device", "threads")]
            sound = all(math.isfinite(n) and n >= 0 for n in numbers) and set(speeds) == set(
                Operation
            )
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise EinsearchError(f"this is no model of a device: {error}") from None
        if not sound:
            raise EinsearchError("this is no model of a device: a number or a kind is missing")
        return made


_SPEEDS: Final = {
    Operation.MATRIX: Speed(6e-6, 1.5e-11, 5e-11, 16, 1.0, 8e-6),
    Operation.BATCHED: Speed(8e-6, 4e-11, 8e-11, 16, 1.0, 12e-6),
    Operation.CONVOLUTION: Speed(40e-6, 1.5e-11, 2e-10, 16, 1.0, 80e-6),
    Operation.DEPTHWISE: Speed(40e-6, 2e-10, 2e-10, 0, 1.0, 80e-6),
    Operation.ELEMENTWISE: Speed(3e-6, 0, 5e-11, 0, 1.0, 6e-6),
    Operation.FUNCTION: Speed(3e-6, 5e-10, 5e-11, 0, 1.5, 6e-6),
    Operation.NORM: Speed(12e-6, 2e-10, 1e-10, 0, 2.0, 15e-6),
    Operation.REDUCTION: Speed(6e-6, 2e-10, 5e-11, 0, 1.0, 8e-6),
    Operation.SOFTMAX: Speed(4e-6, 8e-10, 5e-11, 0, 1.0, 8e-6),
    Operation.COPY: Speed(4e-6, 0, 1.2e-10, 0, 1.0, 8e-6),
    Operation.VIEW: Speed(1e-6, 0, 0, 0, 1.0, 3e-6),
    Operation.INDEX: Speed(8e-6, 0, 2e-10, 0, 2.0, 12e-6),
    Operation.SCAN: Speed(3e-6, 5e-10, 1e-10, 0, 2.0, 6e-6),
    Operation.FOURIER: Speed(15e-6, 1e-10, 2e-10, 0, 2.0, 30e-6),
}

DEFAULT: Final = DeviceModel("cpu", 1, _SPEEDS)
"""One thread of a server's CPU of 2023; for tests, and where nothing was measured."""
