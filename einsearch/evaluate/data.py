"""A task's arrays as tensors on a device."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from numpy.typing import NDArray

from einsearch.tasks.base import Split


@dataclass(frozen=True, eq=False)
class TensorSplit:
    """A split on a device: x, y and weights as of `Split`."""

    x: torch.Tensor
    y: torch.Tensor
    weights: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)


_LOADED: WeakKeyDictionary[Split, dict[torch.device, TensorSplit]] = WeakKeyDictionary()
"""A worker trains many candidates on one task; its data go to the device once."""


def on_device(split: Split, device: torch.device) -> TensorSplit:
    """A split as tensors, the same ones at every call; on a CPU they are the arrays' memory."""
    loaded = _LOADED.setdefault(split, {})
    if device not in loaded:
        weights = None if split.weights is None else _tensor(split.weights, device)
        loaded[device] = TensorSplit(_tensor(split.x, device), _tensor(split.y, device), weights)
    return loaded[device]


def _tensor(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    with warnings.catch_warnings():
        # Arrays in shared memory are read-only. Nothing here writes to them.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array).to(device)


def find_device(name: str) -> torch.device:
    """The device that a configuration means by "auto", "cpu" or "cuda"."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)
