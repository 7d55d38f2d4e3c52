"""Sparse modular activation: a module on the tokens that a router activates."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


class SparseActivation(nn.Module):
    """x + p * module(active tokens of x), where p is the probability of being active.

    Args:
        expression: makes the module, which maps (B, n, D) to (B, n, D) for any n.
        features: of a token.
    """

    def __init__(self, expression: Callable[[], nn.Module], features: int) -> None:
        super().__init__()
        self.expression = expression()
        self.router = nn.Linear(features, 2)
        self.log_temperature = nn.Parameter(torch.tensor(0.5 * math.log(features)))

    def decide(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, L, D) -> whether each token is active (B, L), and the probability of it (B, L)."""
        logits: Tensor = self.router(x) / self.log_temperature.exp()
        active: Tensor = logits[..., 1] > logits[..., 0]
        return active, logits.softmax(-1)[..., 1]

    def forward(self, x: Tensor) -> Tensor:
        """x (B, L, D) -> (B, L, D)."""
        if torch.compiler.is_exporting():
            raise RuntimeError(
                "sparse_modular_activation runs on as many tokens as the input activates, "
                "which a fixed graph cannot; its Python source can"
            )
        active, probability = self.decide(x)
        if x.is_meta:
            whole: Tensor = x + probability.unsqueeze(-1) * self.expression(x)
            return whole
        flat = x.reshape(-1, x.shape[-1])
        made, places = [], []
        counts = active.sum(1)
        for count in sorted(set(counts.tolist())):
            if count:
                # Examples with as many active tokens are one batch; no padding enters the module.
                place = torch.nonzero((active & (counts == count).unsqueeze(1)).view(-1)).view(-1)
                gathered = flat[place].view(-1, count, x.shape[-1])
                made.append(self.expression(gathered).reshape(-1, x.shape[-1]))
                places.append(place)
        if not made:
            return x
        place = torch.cat(places)
        scaled = torch.cat(made) * probability.reshape(-1)[place].unsqueeze(-1)
        return flat.index_add(0, place, scaled.to(x.dtype)).view_as(x)
