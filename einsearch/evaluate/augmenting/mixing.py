"""Mixup: Zhang, Cisse, Dauphin and Lopez-Paz, 2018, "mixup: Beyond Empirical Risk Minimization"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F


@dataclass(frozen=True, eq=False)
class Batch:
    """Examples of a step.

    Attributes:
        x: (n, *input shape).
        y: as of `Split`; or (n, classes), shares of the classes.
        weights: (n,) or (n, labels); None where all count alike.
    """

    x: torch.Tensor
    y: torch.Tensor
    weights: torch.Tensor | None

    def part(self, first: int, last: int) -> Batch:
        """Some of them: from number `first` up to and without `last`."""
        weights = None if self.weights is None else self.weights[first:last]
        return Batch(self.x[first:last], self.y[first:last], weights)


def mixed(batch: Batch, alpha: float, classes: int | None, generator: torch.Generator) -> Batch:
    """Every example mixed with another one of the batch: inputs, answers and weights.

    Args:
        batch: examples of numbers; answers that are class numbers become shares of the classes.
        alpha: shares are drawn from Beta(alpha, alpha); an example's own is the larger one.
        classes: how many, where answers are class numbers; else None.
        generator: on the CPU.
    """
    n = len(batch.x)
    partners = torch.randperm(n, generator=generator).to(batch.x.device)
    own = _shares(n, alpha, generator).to(batch.x)
    y = batch.y if classes is None else F.one_hot(batch.y, classes).to(batch.x)
    weights = None if batch.weights is None else _between(batch.weights, partners, own)
    return Batch(_between(batch.x, partners, own), _between(y, partners, own), weights)


def _between(values: torch.Tensor, partners: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    return torch.lerp(values[partners], values, own.view(-1, *[1] * (values.ndim - 1)))


def _shares(n: int, alpha: float, generator: torch.Generator) -> torch.Tensor:
    """From 0.5 to 1, (n,): the larger of a share from Beta(alpha, alpha) and its rest."""
    # PyTorch draws no beta from a generator; and of its gammas for small shapes both may be 0.
    seed = int(torch.randint(2**62, (), generator=generator))
    share = np.random.default_rng(seed).beta(alpha, alpha, n)
    return torch.from_numpy(np.maximum(share, 1 - share))
