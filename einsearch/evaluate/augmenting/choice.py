"""Which augmentation a configuration means, and whether it suits a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch

from einsearch.evaluate.augmenting import images, series
from einsearch.evaluate.config import TrainingConfig
from einsearch.specs import Layout
from einsearch.tasks.base import Task
from einsearch.tasks.gaps import PRESENT

Augmentation = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
"""From a batch (n, *input shape) and a generator on the CPU to one of the same shape."""

SUITED: Final[Mapping[Layout, tuple[str, ...]]] = {
    Layout.IMAGE: ("none", "shift", "flip", "strong", "strong-flip"),
    Layout.TOKENS: ("none", "light", "strong"),
    Layout.VECTOR: ("none",),
}
"""What `augment` may say of each layout of numbers; of codes it says `none`."""

_NAMES: Final = {Layout.IMAGE: "images", Layout.TOKENS: "series of numbers"}


def suited(task: Task) -> tuple[str, ...]:
    """What `augment` may say for a task."""
    return ("none",) if task.vocabulary or task.is_dense else SUITED[task.input.layout]


def objection(task: Task, config: TrainingConfig) -> str | None:
    """Why the augmentation of a configuration does not suit a task; None where it does."""
    if task.is_dense and (config.augment != "none" or config.mixup):
        return (
            f"the task {task.name} has an answer for every place of an example, which would have "
            "to move with it: leave augment and mixup out"
        )
    if config.augment not in (allowed := suited(task)):
        needed = [name for layout, name in _NAMES.items() if config.augment in SUITED[layout]]
        what = "codes" if task.vocabulary else task.input
        return (
            f"augment: {config.augment} needs {' or '.join(needed)}, the task {task.name} has "
            f"{what}: say augment: {_either(allowed)}"
        )
    if config.mixup and task.vocabulary:
        return f"mixup needs numbers, the task {task.name} has codes: leave mixup out"
    return None


def augmentation(task: Task, config: TrainingConfig) -> Augmentation | None:
    """What a configuration does to every batch of a task that it suits; None for nothing."""
    name = config.augment
    if name == "none":
        return None
    if task.input.layout is Layout.IMAGE:
        change = images.strong if name.startswith("strong") else images.shifted
        flip = name.endswith("flip")
        return lambda x, generator: change(x, flip, generator)
    alter = series.strong if name == "strong" else series.light
    has_present = task.columns[-1:] == (PRESENT,)
    return lambda x, generator: alter(x, has_present, generator)


def _either(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
