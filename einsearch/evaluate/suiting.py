"""Whether a configuration of training suits a task and this machine."""

from __future__ import annotations

import torch

from einsearch.errors import TaskError
from einsearch.evaluate.augmenting.choice import objection
from einsearch.evaluate.config import TrainingConfig
from einsearch.tasks.base import Loss, Task


def check_training(task: Task, config: TrainingConfig) -> None:
    """Raises TaskError where a configuration does not suit the task or this machine."""
    if (reason := objection(task, config)) is not None:
        raise TaskError(reason)
    if config.device == "cuda" and not torch.cuda.is_available():
        raise TaskError("device: cuda is asked for, but torch finds no GPU: say device: auto")
    if config.label_smoothing and not task.is_classification:
        raise TaskError(
            f"label_smoothing needs classes, the task {task.name} is a regression: leave it out"
        )
    if config.class_weights != "none" and task.loss not in (
        Loss.CROSS_ENTROPY,
        Loss.BINARY_CROSS_ENTROPY,
    ):
        kind = "has answers for every place" if task.is_classification else "is a regression"
        raise TaskError(
            f"class_weights: {config.class_weights} needs classes of examples, the task "
            f"{task.name} {kind}: say class_weights: none"
        )
