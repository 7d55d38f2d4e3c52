"""A task's arrays as tensors on a device."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch

from einsearch.tasks.base import Split
from einsearch.tasks.stored import LazyExamples


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


class LazyTensor:
    """Examples on disk, which become tensors as far as they are asked for.

    It has of a tensor what training and scoring need.
    """

    def __init__(self, examples: LazyExamples, device: torch.device) -> None:
        self._examples = examples
        self.device = device
        self.shape = torch.Size(examples.shape)
        self.ndim = len(self.shape)
        self.dtype = torch.float32

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, rows: slice | torch.Tensor) -> torch.Tensor:
        """Some of the examples."""
        picked = rows if isinstance(rows, slice) else rows.cpu().numpy()
        return torch.from_numpy(self._examples[picked]).to(self.device)

    def index_select(self, dim: int, rows: torch.Tensor) -> torch.Tensor:
        """Some of the examples, along the first axis."""
        assert dim == 0
        return self[rows]


def _tensor(array: Any, device: torch.device) -> torch.Tensor:
    if isinstance(array, LazyExamples):
        return cast("torch.Tensor", LazyTensor(array, device))
    with warnings.catch_warnings():
        # Arrays in shared memory are read-only. Nothing here writes to them.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array).to(device)


def find_device(name: str) -> torch.device:
    """The device that a configuration means by "auto", "cpu" or "cuda"."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)
