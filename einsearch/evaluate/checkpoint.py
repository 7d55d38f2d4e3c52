"""`TrainingState`: a training between two epochs, as bytes and back. What goes on from it is bit
for bit the training that was never cut off.
"""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import torch
from torch import nn

from einsearch.errors import EinsearchError
from einsearch.evaluate.averaging import Average
from einsearch.evaluate.keeping import Kept

FORMAT: Final = 2
"""Version of the bytes; others are not read."""

_SUM: Final = 4
"""Bytes of the checksum in front: torch does not notice a turned bit in a weight."""


class CheckpointError(EinsearchError):
    """Bytes that hold no training state, or that of another network."""


@dataclass(frozen=True, eq=False)
class TrainingState:
    """All that the rest of a training depends on, beside network, task, configuration and seed.

    Learning rate and order of examples are not in it: they follow from the number of the step.

    Attributes:
        history: metrics after each epoch so far.
        network: parameters and buffers by name.
        optimizer: its `state_dict`.
        augmentation: of the generator that draws it.
        random: of the CPU's global generator, on which layers draw; (n,) bytes.
        best: number of the epoch with the best loss on validation data, from 1, and that loss.
        random_cuda: of the device's, where there is one.
        average: moving average of weights, by name, and its number of steps; None without one.
        kept: parameters and buffers after the best epoch, where they are kept.
    """

    history: tuple[Mapping[str, float], ...]
    network: Mapping[str, torch.Tensor]
    optimizer: Mapping[str, Any]
    augmentation: torch.Tensor
    random: torch.Tensor
    best: tuple[int, float]
    random_cuda: torch.Tensor | None = None
    average: tuple[Mapping[str, torch.Tensor], int] | None = None
    kept: Mapping[str, torch.Tensor] | None = None

    @property
    def epoch(self) -> int:
        """The last epoch that ended."""
        return len(self.history)


@dataclass(frozen=True, eq=False)
class Parts:
    """What changes in training."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    average: Average | None
    kept: Kept
    device: torch.device


def capture(parts: Parts, history: tuple[Mapping[str, float], ...]) -> TrainingState:
    """The state of a training; it shares memory with what it is taken from."""
    is_cuda = parts.device.type == "cuda"
    average, kept = parts.average, parts.kept
    return TrainingState(
        history=history,
        network=parts.network.state_dict(),
        optimizer=parts.optimizer.state_dict(),
        augmentation=parts.generator.get_state(),
        random=torch.get_rng_state(),
        best=(kept.epoch, kept.loss),
        random_cuda=torch.cuda.get_rng_state(parts.device) if is_cuda else None,
        average=None if average is None else (average.state(), average.steps),
        kept=kept.weights,
    )


def restore(state: TrainingState, parts: Parts) -> None:
    """Sets everything as it was, the global generators too.

    Raises:
        CheckpointError: the state is that of another network, optimiser or configuration.
    """
    try:
        if (state.average is None) != (parts.average is None):
            raise ValueError("one of them averages its weights")
        if state.average is not None and parts.average is not None:
            parts.average.restore(*state.average)
        parts.kept.restore(*state.best, state.kept, parts.network)
        parts.network.load_state_dict(state.network)
        parts.optimizer.load_state_dict(dict(state.optimizer))
        parts.generator.set_state(state.augmentation)
        torch.set_rng_state(state.random)
        if state.random_cuda is not None and parts.device.type == "cuda":
            torch.cuda.set_rng_state(state.random_cuda, parts.device)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"this checkpoint belongs to another training: {error}") from None


def pack_state(state: TrainingState) -> bytes:
    """A state as bytes that `unpack_state` reads."""
    content = {field.name: getattr(state, field.name) for field in fields(state)}
    content["history"] = [dict(epoch) for epoch in state.history]
    content["network"] = dict(state.network)
    content["average"] = state.average and (dict(state.average[0]), state.average[1])
    content["kept"] = state.kept and dict(state.kept)
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    data = buffer.getvalue()
    return zlib.crc32(data).to_bytes(_SUM, "big") + data


def unpack_state(content: bytes) -> TrainingState:
    """The state in some bytes, on the CPU. Nothing in them is run.

    Raises:
        CheckpointError: they are damaged, or of another version.
    """
    data = content[_SUM:]
    if zlib.crc32(data).to_bytes(_SUM, "big") != content[:_SUM]:
        raise CheckpointError("this checkpoint is damaged: its checksum is another")
    try:
        read = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        if read.pop("format") != FORMAT:
            raise CheckpointError("this checkpoint is of another version of einsearch")
        return TrainingState(**{**read, "history": tuple(read["history"])})
    except (
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        OSError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:
        raise CheckpointError(f"this checkpoint is damaged: {type(error).__name__}") from None
