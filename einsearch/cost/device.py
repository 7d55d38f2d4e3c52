"""`DeviceModel`: what a device needs for each kind of kernel, in seconds and bytes; plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from einsearch.errors import EinsearchError
from einsearch.primitives.work import Operation


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
        torn: bytes that stay between tensors that are kept, where no other fits in, by those that
            kernels write and that are not at the peak.
        build: seconds of building and checking a network whatever it is like.
        build_call: the same for a call.
        build_kernel: the same for a kernel, which the check starts without data.
        build_parameter: the same for a scalar: drawing its initial value.
    """

    device: str
    threads: int
    speeds: Mapping[Operation, Speed]
    step: float = 4.6e-4
    module: float = 1.3e-5
    tensor: float = 2.7e-5
    parameter: float = 1.8e-9
    touch: float = 3.5e-10
    spare: float = 64e6
    slack: float = 2.2e7
    margin: float = 1.4
    torn: float = 0.6
    build: float = 1.65e-2
    build_call: float = 1.4e-4
    build_kernel: float = 3.3e-4
    build_parameter: float = 2.5e-9

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
    Operation.MATRIX: Speed(6.7e-6, 6.9e-12, 5.5e-11, 17.0, 1.6, 9.8e-6),
    Operation.BATCHED: Speed(8.4e-6, 8.8e-12, 2.9e-10, 13.0, 0.84, 1.2e-5),
    Operation.CONVOLUTION: Speed(4.3e-5, 3.8e-12, 2.9e-10, 3.1, 1.65, 1.23e-4),
    Operation.DEPTHWISE: Speed(4.4e-5, 5.5e-11, 3.7e-10, 0.0, 1.06, 9.0e-5),
    Operation.ELEMENTWISE: Speed(3.8e-6, 0.0, 5.3e-11, 0.0, 2.0, 9.6e-6),
    Operation.FUNCTION: Speed(3.6e-6, 1.8e-10, 4.7e-11, 0.0, 1.5, 7.5e-6),
    Operation.NORM: Speed(3.8e-5, 8.7e-10, 1.1e-10, 0.0, 1.9, 2.0e-5),
    Operation.REDUCTION: Speed(4.7e-6, 1.5e-10, 3.3e-11, 0.0, 1.05, 7.5e-6),
    Operation.SERIAL: Speed(6.0e-6, 1.2e-9, 5.0e-11, 0.0, 1.27, 8.0e-6),
    Operation.SOFTMAX: Speed(4.8e-6, 1.4e-9, 5.2e-11, 0.0, 1.2, 8.4e-6),
    Operation.COPY: Speed(4.4e-6, 0.0, 9.6e-11, 0.0, 1.3, 1.05e-5),
    Operation.VIEW: Speed(1.0e-6, 0.0, 0.0, 0.0, 1.0, 3.0e-6),
    Operation.INDEX: Speed(1.1e-5, 0.0, 2.4e-10, 0.0, 2.1, 1.5e-5),
    Operation.SCAN: Speed(6.0e-6, 4.5e-9, 1.0e-10, 0.0, 2.1, 2.4e-5),
    Operation.FOURIER: Speed(1.5e-5, 6.9e-11, 1.3e-10, 0.0, 3.5, 3.1e-5),
}

DEFAULT: Final = DeviceModel("cpu", 1, _SPEEDS)
"""One thread of a server's CPU of 2023; for tests, and where nothing was measured."""
