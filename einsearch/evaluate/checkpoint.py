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
        random_cuda: of the device's, where there is one.
    """

    history: tuple[Mapping[str, float], ...]
    network: Mapping[str, torch.Tensor]
    optimizer: Mapping[str, Any]
    augmentation: torch.Tensor
    random: torch.Tensor
    random_cuda: torch.Tensor | None = None

    @property
    def epoch(self) -> int:
        """The last epoch that ended."""
        return len(self.history)


def capture(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    history: tuple[Mapping[str, float], ...],
    device: torch.device,
) -> TrainingState:
    """The state of a training; it shares memory with what it is taken from."""
    return TrainingState(
        history=history,
        network=network.state_dict(),
        optimizer=optimizer.state_dict(),
        augmentation=generator.get_state(),
        random=torch.get_rng_state(),
        random_cuda=torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    )


def restore(
    state: TrainingState,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    device: torch.device,
) -> None:
    """Sets everything as it was, the global generators too.

    Raises:
        CheckpointError: the state is that of another network or optimiser.
    """
    try:
        network.load_state_dict(state.network)
        optimizer.load_state_dict(dict(state.optimizer))
        generator.set_state(state.augmentation)
        torch.set_rng_state(state.random)
        if state.random_cuda is not None and device.type == "cuda":
            torch.cuda.set_rng_state(state.random_cuda, device)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"this checkpoint belongs to another training: {error}") from None


def pack_state(state: TrainingState) -> bytes:
    """A state as bytes that `unpack_state` reads."""
    content = {field.name: getattr(state, field.name) for field in fields(state)}
    content["history"] = [dict(epoch) for epoch in state.history]
    content["network"] = dict(state.network)
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
