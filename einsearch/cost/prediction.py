"""`predict`: seconds and bytes of a network on a device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from einsearch.cost.device import DeviceModel
from einsearch.cost.features import Features, Load
from einsearch.cost.timeline import Moment
from einsearch.primitives.work import FLOAT, Operation

COPIES: Final = {"adamw": 4, "sgd": 3}
"""Of every parameter: itself, its gradient, and what the optimiser keeps."""

VALIDATION: Final = 4
"""Batches of evaluation by those of training."""

LARGE: Final = 32e6
"""Tensors of more bytes come fresh from the system each time."""

MOST_TORN: Final = 5.0
"""Bytes that come and go count up to so many times those at the peak."""

_PRODUCTS: Final = (
    Operation.MATRIX,
    Operation.BATCHED,
    Operation.CONVOLUTION,
    Operation.DEPTHWISE,
)


@dataclass(frozen=True)
class Prediction:
    """What a network will cost.

    Attributes:
        step_seconds: of a training step: forward, gradient, clipping, optimiser.
        forward_seconds: of a forward pass of one batch without gradients.
        peak_bytes: most memory beyond what the process has before: weights and their copies,
            activations, gradients, working memory.
        build_seconds: of building the network and checking its shapes.
        shares: seconds of a training step by kind of work; they sum to `step_seconds`.
    """

    step_seconds: float
    forward_seconds: float
    peak_bytes: float
    build_seconds: float
    shares: tuple[tuple[str, float], ...] = ()

    @property
    def dominant(self) -> str:
        """The kind of work that takes the most of a step."""
        return max(self.shares, key=lambda share: share[1])[0] if self.shares else "other"


def predict(
    features: Features,
    model: DeviceModel,
    *,
    batch: int,
    micro: int | None = None,
    optimizer: str = "adamw",
    copies: int = 0,
    training: bool = True,
) -> Prediction:
    """Seconds and bytes of a network.

    Args:
        features: of the network.
        model: of the device.
        batch: examples of a step.
        micro: examples that it computes at a time; None for all of them.
        optimizer: adamw or sgd; it decides what is kept of every parameter.
        copies: further ones of every parameter that training keeps, such as an average.
        training: whether memory is that of training; else that of evaluation alone.
    """
    micro = min(batch, micro or batch)
    pieces = math.ceil(batch / micro)
    shares = dict.fromkeys(Operation, 0.0)
    forward = 0.0
    for load in features.loads:
        ahead, back = seconds_of(load, model, micro)
        forward += ahead
        shares[load.part.operation] += pieces * (ahead + back)
    python = model.module * features.modules
    touched = model.touch * _fresh(features, model, micro)
    weights = model.tensor * features.tensors + model.parameter * features.parameters
    rest = {
        "python": pieces * python + model.step,
        "weights": weights,
        "touch": pieces * touched,
    }
    total = {**{str(kind): value for kind, value in shares.items()}, **rest}
    return Prediction(
        step_seconds=sum(total.values()),
        forward_seconds=forward + python / 2 + touched / 2,
        peak_bytes=_peak(features, model, micro, pieces, COPIES[optimizer] + copies, training),
        build_seconds=model.build
        + model.build_call * features.modules
        + model.build_kernel * (features.kernels() - features.sequential)
        + model.build_parameter * features.parameters,
        shares=tuple(total.items()),
    )


def seconds_of(load: Load, model: DeviceModel, examples: int) -> tuple[float, float]:
    """Seconds of the forward pass and of the gradient of some kernels."""
    part, speed = load.part, model.speeds[load.part.operation]
    many = 1 if part.once else examples
    flop = speed.flop
    if speed.narrow and part.width:
        width = min(part.width, part.rows * many) if part.rows else part.width
        flop *= 1 + speed.narrow / max(width, 1.0)
    work = many * (part.flops * flop + part.moved * speed.byte)
    ahead = part.calls * speed.call + work
    if not load.gradients:
        return load.times * ahead, 0.0
    gradients = load.gradients if part.operation in _PRODUCTS else 1
    back = part.calls * speed.backward_call + gradients * speed.backward * part.back * work
    return load.times * ahead, load.times * back


def _fresh(features: Features, model: DeviceModel, examples: int) -> float:
    """Bytes that the system hands out anew in a step."""
    peak = _largest(features.training, examples)
    large = sum(2 * examples * one for one in features.allocated if examples * one > LARGE)
    return max(large, peak - model.spare, 0.0)


def _peak(
    features: Features,
    model: DeviceModel,
    micro: int,
    pieces: int,
    copies: int,
    training: bool,
) -> float:
    weights = FLOAT * features.parameters
    if not training:
        return model.slack + weights + model.margin * _largest(features.evaluation, micro)
    fixed = (copies - 1) * weights
    gathered = micro * pieces * features.entering
    step = _largest(features.training, micro) if pieces == 1 else 0.0
    if pieces > 1:
        step = weights + max((m.each for m in features.training), default=0.0) * micro
    kept = copies * weights
    step = max(fixed + step, kept)
    return model.slack + model.margin * (step + gathered) + _torn(features, model, micro, step)


def _torn(features: Features, model: DeviceModel, examples: int, step: float) -> float:
    """Bytes of the heap that are free and of no use: small tensors that are kept lie between those
    that come and go, and the allocator of the C library puts no aligned block into a gap of its own
    size."""
    moved = sum(
        load.times * load.part.moved * (1 if load.part.once else examples)
        for load in features.loads
    )
    return model.torn * min(max(moved / 2 - step, 0.0), MOST_TORN * step)


def _largest(moments: tuple[Moment, ...], examples: int) -> float:
    """Bytes at the worst of some moments; 0 of a network that keeps nothing, as one that is its
    head alone."""
    return max((moment.fixed + examples * moment.each for moment in moments), default=0.0)
