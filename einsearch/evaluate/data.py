"""A task's arrays as tensors on a device, and augmentation of a batch."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from einsearch.specs import Layout
from einsearch.tasks.base import Split, Task


@dataclass(frozen=True, eq=False)
class TensorSplit:
    """A split on a device: x (n, *input shape), y (n,) or (n, dims)."""

    x: torch.Tensor
    y: torch.Tensor

    def __len__(self) -> int:
        return len(self.x)


_LOADED: WeakKeyDictionary[Split, dict[torch.device, TensorSplit]] = WeakKeyDictionary()
"""A worker trains many candidates on one task; its data go to the device once."""


def on_device(split: Split, device: torch.device) -> TensorSplit:
    """A split as tensors, the same ones at every call; on a CPU they are the arrays' memory."""
    loaded = _LOADED.setdefault(split, {})
    if device not in loaded:
        loaded[device] = TensorSplit(_tensor(split.x, device), _tensor(split.y, device))
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


def can_augment(task: Task) -> bool:
    """Whether the task's input is an image, which `augment` needs."""
    return task.input.layout is Layout.IMAGE


def augment(x: torch.Tensor, flip: bool, generator: torch.Generator) -> torch.Tensor:
    """Moves every image by its own random offset, edges repeated; and mirrors half of them.

    Args:
        x: (n, channels, height, width). Offsets go up to an eighth of height and width.
        flip: whether to mirror too, left to right.
        generator: on the CPU.
    """
    n, _, height, width = x.shape
    margin = (max(1, height // 8), max(1, width // 8))
    padded = F.pad(x, (margin[1], margin[1], margin[0], margin[0]), mode="replicate")
    draw = [torch.randint(2 * m + 1, (n, 1), generator=generator) for m in margin]
    rows, columns = (
        offset + torch.arange(size) for offset, size in zip(draw, (height, width), strict=True)
    )
    if flip:
        mirrored = torch.rand(n, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    rows, columns = rows.to(x.device), columns.to(x.device)
    examples = torch.arange(n, device=x.device)
    moved = padded.permute(0, 2, 3, 1)[examples[:, None, None], rows[:, :, None], columns[:, None]]
    return moved.permute(0, 3, 1, 2).contiguous()
