"""What a network answers to a split, and its metrics there."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.data import find_device, on_device
from einsearch.evaluate.memory import EVALUATION, Pieces
from einsearch.evaluate.metrics import Scores, score
from einsearch.tasks.base import Split, Task


def whole_batches(config: TrainingConfig) -> Pieces:
    """What is computed at a time where memory is no matter."""
    return Pieces(config.batch, EVALUATION * config.batch)


def predict(network: nn.Module, x: torch.Tensor, batch: int) -> NDArray[Any]:
    """Outputs of a network in evaluation mode, (n, *output shape) in float32.

    Args:
        network: on the device of `x`; left in evaluation mode.
        x: (n, *input shape).
        batch: examples at a time.
    """
    network.eval()
    with torch.no_grad():
        outputs = [network(x[at : at + batch]).float() for at in range(0, len(x), batch)]
    array: NDArray[Any] = torch.cat(outputs).cpu().numpy()
    return array


def split_metrics(
    network: nn.Module,
    task: Task,
    split: Split,
    config: TrainingConfig,
    batch: int | None = None,
) -> Scores:
    """Metrics of a trained network on any split of its task, so many examples at a time."""
    return score(task, outputs_of(network, split, config, batch), split.y, split.weights)


def outputs_of(
    network: nn.Module, split: Split, config: TrainingConfig, batch: int | None = None
) -> NDArray[np.float32]:
    """What a network answers to a split, (n, *output shape); arguments as of `split_metrics`."""
    device = find_device(config.device)
    x = on_device(split, device).x
    with precision(config, device):
        return predict(network.to(device), x, batch or whole_batches(config).evaluation)


def precision(config: TrainingConfig, device: torch.device) -> AbstractContextManager[Any]:
    """The context in which networks run: one that computes in bfloat16, where that is wanted."""
    if config.precision == "auto":
        is_half = device.type == "cuda" and torch.cuda.is_bf16_supported()
    else:
        is_half = config.precision == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16) if is_half else nullcontext()
