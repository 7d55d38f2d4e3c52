"""Optimisers: which parameters decay, and the learning rate at each step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import nn

from einsearch.evaluate.config import TrainingConfig
from einsearch.primitives.kernels.sources import PositionalEncoding

DEFAULT_MOMENTUM: Final = 0.9

_SPARED: Final = (
    PositionalEncoding,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.GroupNorm,
    nn.modules.batchnorm._NormBase,
    nn.LocalResponseNorm,
)


def decays(module: nn.Module, parameter: nn.Parameter) -> bool:
    """Whether weight decay applies to a parameter that `module` owns.

    It does to matrices and kernels. It does not to biases and other vectors, norms and positional
    encodings, nor to a module of another package that says `no_weight_decay = True`.
    """
    if isinstance(module, _SPARED) or getattr(module, "no_weight_decay", False):
        return False
    return parameter.ndim >= 2


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The trainable parameters in two groups, with and without decay; each parameter once."""
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    seen: set[nn.Parameter] = set()
    for module in network.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad and parameter not in seen:
                seen.add(parameter)
                groups[decays(module, parameter)].append(parameter)
    return [
        {"params": parameters, "weight_decay": weight_decay if decayed else 0.0}
        for decayed, parameters in groups.items()
        if parameters
    ]


def make_optimizer(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimiser of a training. Its step is one fused kernel, on a CPU too."""
    groups = parameter_groups(network, config.weight_decay)
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.rate, fused=True)
    momentum = DEFAULT_MOMENTUM if config.momentum is None else config.momentum
    return torch.optim.SGD(
        groups, lr=config.rate, momentum=momentum, nesterov=momentum > 0, fused=True
    )


def clip_gradients(parameters: Sequence[nn.Parameter], norm: float) -> None:
    """Shrinks all gradients together so that their norm is at most `norm`; as
    `nn.utils.clip_grad_norm_`, with fewer calls where there are many small ones.

    Args:
        parameters: those without a gradient are left alone; all of one type and device.
        norm: of the vector of all gradients.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if gradients:
        total = nn.utils.get_total_norm(gradients, foreach=True)
        nn.utils.clip_grads_with_norm_(parameters, norm, total, foreach=True)


def rate_at(config: TrainingConfig, step: int, steps: int) -> float:
    """Learning rate of step number `step` of `steps`, counted from 0.

    It rises linearly over the warm-up; then it stays, or falls as half a cosine to almost 0.
    """
    warmup = round(config.warmup * steps)
    if step < warmup:
        return config.rate * (step + 1) / (warmup + 1)
    if config.schedule == "constant":
        return config.rate
    progress = (step - warmup) / max(steps - warmup, 1)
    return config.rate * 0.5 * (1.0 + math.cos(math.pi * progress))
