"""Limits on parameters, FLOPs and activations that follow from the time and the memory there is.

They keep what can never be trained from being drawn. They are generous: a network may be as costly
as the fastest kind of work on the device allows. What is slower than that is turned down by its
forecast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from einsearch.cost import DeviceModel
from einsearch.derivation.limits import Limits
from einsearch.evaluate.config import TrainingConfig
from einsearch.primitives.work import FLOAT, Operation

_GRADIENT: Final = 3.0
"""Work of a training step over that of its forward pass."""

_LEAST_PIECE: Final = 8
"""Examples at a time with which training is still sensible; fewer leave a norm over the batch
without a meaning."""

_COPIES: Final = 16
"""Bytes of a parameter in training: itself, its gradient, two moments of the optimiser."""

_PART: Final = 0.25
"""Of a worker's memory, for parameters and their copies."""

_WORKING: Final = 2.0
"""Peak of a step over the activations that it keeps."""


@dataclass(frozen=True)
class Ceilings:
    """Limits with their reasons.

    Attributes:
        limits: the user's where there are any, else those that follow.
        reasons: name of a limit that follows -> why, for people.
    """

    limits: Limits
    reasons: dict[str, str]


def ceilings(
    given: Limits,
    device: DeviceModel,
    training: TrainingConfig,
    examples: tuple[int, int],
    seconds: float | None,
    share: int | None,
) -> Ceilings:
    """Fills in the limits that a user has left open.

    Args:
        given: the user's.
        device: that candidates are trained on.
        training: of candidates, in full.
        examples: that one training learns from, and is validated on.
        seconds: that a candidate may take; None where nothing bounds it.
        share: bytes that a candidate may take; None where nothing bounds it.
    """
    found: dict[str, int] = {}
    reasons: dict[str, str] = {}
    steps = training.folds * training.all_steps(examples[0])
    if seconds is not None and given.flops is None:
        trained = examples[0] * steps / training.batches(examples[0])
        passes = _GRADIENT * trained + training.total_epochs * examples[1]
        found["flops"] = rounded(seconds / (passes * _fastest(device)))
        reasons["flops"] = f"at the device's fastest, {seconds:.3g} s are enough for no more"
    parameters = []
    if seconds is not None:
        parameters.append((seconds / 2 / (steps * device.parameter), "their updates would take"))
    if share is not None:
        parameters.append(
            (
                _PART * share / (_COPIES + FLOAT * training.copies),
                "they and the optimiser's copies would take",
            )
        )
    if parameters and given.parameters is None:
        most, what = min(parameters)
        of = f"half of {seconds:.3g} s" if what.startswith("their") else "a quarter of the memory"
        found["parameters"] = rounded(most)
        reasons["parameters"] = f"of more, {what} over {of}"
    if share is not None and given.activation_memory is None:
        piece = min(training.batch, _LEAST_PIECE)
        found["activation_memory"] = rounded((1 - _PART) * share / (_WORKING * piece))
        reasons["activation_memory"] = f"{piece} examples at a time fit into a worker's memory"
    return Ceilings(replace(given, **found), reasons)


def _fastest(device: DeviceModel) -> float:
    """Seconds of a FLOP in the kind of work that the device does fastest."""
    return min(device.speeds[kind].flop for kind in (Operation.MATRIX, Operation.CONVOLUTION))


def rounded(value: float) -> int:
    """Two leading digits of a count, rounded down; at least 1."""
    if value < 100:
        return max(1, int(value))
    power = 10 ** (int(math.log10(value)) - 1)
    return int(value // power * power)
