"""What training minimises, and how much each example counts in it."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.data import TensorSplit
from einsearch.tasks.base import Loss, Task

Tensor = torch.Tensor


def training_loss(
    task: Task, smoothing: float, outputs: Tensor, y: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Mean of the task's loss over examples.

    Args:
        task: says which loss.
        smoothing: of labels.
        outputs: (n, *output shape).
        y: as of `Split`; of one class for each example also (n, classes), its shares.
        weights: (n,), or (n, labels) where an example may have several; a mean over many is 1.
    """
    outputs = outputs.float()
    if task.loss is Loss.BINARY_CROSS_ENTROPY:
        smooth = y * (1 - smoothing) + smoothing / 2 if smoothing else y
        factor = weights if weights is None or weights.ndim == 2 else weights[:, None]
        return F.binary_cross_entropy_with_logits(outputs, smooth, factor)
    if not task.is_classification:
        if weights is None:
            return F.mse_loss(outputs, y)
        factor = weights.view(-1, *[1] * (y.ndim - 1))
        return (factor * (outputs - y).square()).mean()
    logits = classes_last(outputs).flatten(0, -2)
    answers = y if y.is_floating_point() else y.flatten()
    if weights is None:
        return F.cross_entropy(logits, answers, label_smoothing=smoothing)
    losses = F.cross_entropy(logits, answers, label_smoothing=smoothing, reduction="none")
    return (losses.view(len(weights), -1) * weights[:, None]).mean()


def classes_last(outputs: Tensor) -> Tensor:
    """(n, ..., classes) of answers; those of images have their classes on the second axis."""
    return outputs.movedim(1, -1) if outputs.ndim == 4 else outputs


def example_weights(task: Task, config: TrainingConfig, data: TensorSplit) -> Tensor | None:
    """How much each example of a split counts in training: (n,), or (n, labels) where an example
    may have several labels and classes are balanced; their mean is 1. None where all count alike.
    """
    weights = data.weights
    if config.class_weights == "balanced":
        each = torch.ones(len(data), device=data.x.device) if weights is None else weights
        balance = _balanced_labels if task.loss is Loss.BINARY_CROSS_ENTROPY else _balanced
        weights = balance(data.y, each)
    return None if weights is None else weights / weights.mean()


def _balanced(y: Tensor, weights: Tensor) -> Tensor:
    """Every class that occurs counts the same in all."""
    totals = torch.bincount(y, weights)
    return weights / totals[y].clamp(min=torch.finfo(weights.dtype).tiny)


def _balanced_labels(y: Tensor, weights: Tensor) -> Tensor:
    """Of every label, having it and not having it count the same in all; (n, labels)."""
    each = weights[:, None]
    has = (each * y).sum(0)
    lacks = (each * (1 - y)).sum(0)
    varies = (has > 0) & (lacks > 0)
    factors = torch.where(y > 0.5, each / has, each / lacks)
    return torch.where(varies, factors * weights.sum() / 2, each)
