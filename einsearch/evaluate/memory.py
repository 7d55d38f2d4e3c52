"""Whether training fits into memory, predicted before it begins, and in how small pieces it does.

A batch that does not fit is computed in micro-batches whose gradients add up (gradient
accumulation): the effective batch stays what the configuration says. Only layers that look across
examples see the difference; batch norm takes its moments from the micro-batch. Batches of
evaluation are cut in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch

from einsearch.cost import DEFAULT, DeviceModel, Features, Prediction, predict
from einsearch.cost.prediction import COPIES
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.faults import CandidateFault
from einsearch.evaluate.machine import free_memory as free_memory_of_machine
from einsearch.evaluate.machine import held
from einsearch.numbers import memory as readable
from einsearch.primitives.work import FLOAT
from einsearch.trial import FailureKind

MARGIN: Final = 0.9
"""Of what is free; allocators never use all of it."""

EVALUATION: Final = 4
"""Batches of evaluation, at most, by the batch of training: without gradients a batch needs less
memory."""


@dataclass(frozen=True)
class Allowance:
    """What of a machine's memory a process may use, because others use the rest.

    Attributes:
        memory: bytes of the machine's, all that the process holds included; None for any number.
        gpu: share of a GPU's, from 0 to 1.
    """

    memory: int | None = None
    gpu: float = 1.0


UNLIMITED: Final = Allowance()


@dataclass(frozen=True)
class Pieces:
    """How many examples are computed at a time.

    Attributes:
        training: of a training step.
        evaluation: of a forward pass without gradients.
    """

    training: int
    evaluation: int


def free_memory(device: torch.device, allowance: Allowance = UNLIMITED) -> int | None:
    """Bytes that training can still use on a device; None where it does not say."""
    if device.type == "cuda":
        used = torch.cuda.memory_allocated(device)
        unused = torch.cuda.memory_reserved(device) - used
        free, total = torch.cuda.mem_get_info(device)
        return max(0, min(int(free) + unused, int(allowance.gpu * total) - used))
    left = None if allowance.memory is None else max(0, allowance.memory - held())
    known = [free_memory_of_machine(), left]
    return min((bytes_left for bytes_left in known if bytes_left is not None), default=None)


def keep_to(allowance: Allowance, device: torch.device) -> None:
    """Has the allocator of a GPU refuse what is beyond the share, so that candidates which want
    more run out of memory themselves, and not those beside them."""
    if device.type == "cuda" and allowance.gpu < 1:
        torch.cuda.set_per_process_memory_fraction(allowance.gpu, device.index)


def fit(
    found: Features,
    config: TrainingConfig,
    available: int | None,
    device: DeviceModel = DEFAULT,
) -> Pieces | None:
    """The largest pieces that fit, up to the batches that the configuration asks for.

    Args:
        found: features of the network, its head included.
        config: its batch, its optimiser, and what it keeps of the weights matter.
        available: bytes; None for any number.
        device: whose overheads count.

    Returns:
        None where not even one example fits.
    """
    wanted = Pieces(config.batch, EVALUATION * config.batch)
    if available is None:
        return wanted
    room = MARGIN * available
    kept = FLOAT * (COPIES[config.optimizer] - 1 + config.copies) * found.parameters

    def trains(size: int) -> bool:
        return _trained(found, config, size, device).peak_bytes <= room

    def evaluates(size: int) -> bool:
        return predict(found, device, batch=size, training=False).peak_bytes + kept <= room

    training = _largest(wanted.training, trains)
    evaluation = _largest(wanted.evaluation, evaluates)
    return Pieces(training, evaluation) if training and evaluation else None


def pieces(
    found: Features, config: TrainingConfig, available: int | None, device: DeviceModel = DEFAULT
) -> Pieces:
    """As `fit`.

    Raises:
        CandidateFault: not even one example fits.
    """
    fitting = fit(found, config, available, device)
    if fitting is not None:
        return fitting
    one = _trained(found, config, 1, device)
    raise CandidateFault(
        FailureKind.OUT_OF_MEMORY,
        f"predicted: training it needs {readable(one.peak_bytes)} for one example and the "
        f"weights, and {readable(available or 0)} are free",
    )


def _trained(
    found: Features, config: TrainingConfig, micro: int, device: DeviceModel
) -> Prediction:
    """Of a training step in micro-batches of so many examples."""
    return predict(
        found,
        device,
        batch=config.batch,
        micro=micro,
        optimizer=config.optimizer,
        copies=config.copies,
    )


def _largest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `most` that fits, found by bisection; 0 where 1 does not."""
    if fits(most):
        return most
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
