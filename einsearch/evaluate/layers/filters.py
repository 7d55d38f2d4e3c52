"""How far the gradients of a network can be driven up: a layer that is to be used elsewhere must
not explode, however weights are set.

Protocol of Liu, Brock, Simonyan and Le, 2020, section 4.3: gradient ascent on the norm of the
gradients of convolutions' weights, over the weights of convolutions and of the layer together. The
head stays as it is: its weights are a factor of all gradients, and would grow without any bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from einsearch.compile.head import Network
from einsearch.errors import EinsearchError
from einsearch.evaluate.data import find_device, on_device
from einsearch.tasks.base import Task


def worst_gradient(
    network: nn.Module,
    task: Task,
    *,
    steps: int = 100,
    batch: int = 64,
    rate: float = 0.1,
    bound: float = math.inf,
    device: str = "auto",
) -> float:
    """The largest norm that the gradient of all convolutions reached during ascent on it.

    The weights of the network are lost.

    Args:
        network: maps (batch, *input shape) to logits; all weights but those of its head move.
        task: its first training examples are the batch.
        steps: of ascent.
        batch: examples.
        rate: of the ascent, which is plain gradient ascent.
        bound: ends the ascent where the norm is beyond.
        device: as in `TrainingConfig`.

    Returns:
        Infinity where a norm, or a gradient of it, is not finite.

    Raises:
        EinsearchError: the network has no convolution.
    """
    place = find_device(device)
    network = network.to(place).train()
    weights, moved = convolutions(network), moved_weights(network)
    split = on_device(task.train, place)
    x, y = split.x[:batch], split.y[:batch]
    optimizer = torch.optim.SGD(moved, lr=rate, maximize=True)
    worst = 0.0
    for _ in range(steps):
        # Fused attention has no second derivative.
        with sdpa_kernel(SDPBackend.MATH):
            norm = gradient_norm(network, weights, x, y)
            value = float(norm.detach())
            worst = max(worst, value) if math.isfinite(value) else math.inf
            if worst > bound or not norm.requires_grad:
                break
            network.zero_grad(set_to_none=True)
            # Not by `moved` alone: what has no second derivative would be left out without a word.
            norm.backward()  # type: ignore[no-untyped-call]
        if not all(torch.isfinite(p.grad).all() for p in moved if p.grad is not None):
            return math.inf
        optimizer.step()
    return worst


def moved_weights(network: nn.Module) -> list[nn.Parameter]:
    """What the ascent moves: weights of convolutions, the layer and all else before the head."""
    body = network.backbone if isinstance(network, Network) else network
    return [parameter for parameter in body.parameters() if parameter.requires_grad]


def convolutions(network: nn.Module) -> list[torch.Tensor]:
    """The kernels of all convolutions. Raises EinsearchError where there are none."""
    found = [
        module.weight
        for module in network.modules()
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d))
    ]
    if not found:
        raise EinsearchError(
            "the stability of a layer is that of convolutions around it: none here"
        )
    return found


def gradient_norm(
    network: nn.Module, weights: Sequence[torch.Tensor], x: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """Euclidean norm of the gradient of the cross-entropy by some weights; differentiable."""
    loss = F.cross_entropy(network(x), y)
    gradients = torch.autograd.grad(loss, list(weights), create_graph=True)
    return torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
