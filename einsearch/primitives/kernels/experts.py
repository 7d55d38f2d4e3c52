"""Mixtures of experts: a router sends every row to a few of many networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Experts(nn.Module):
    """Base: the `active` highest rated of several experts, weighted by a softmax of their ratings.

    Args:
        expression: makes an expert, with weights of its own each time.
        features: that the router rates by.
        count: number of experts.
        active: how many of them run.
    """

    def __init__(
        self, expression: Callable[[], nn.Module], features: int, count: int, active: int
    ) -> None:
        super().__init__()
        self.experts = nn.ModuleList(expression() for _ in range(count))
        self.router = nn.Linear(features, count, bias=False) if count > 1 else None
        # What is saved. Read in `forward`, it would make the graph of an export depend on data.
        self.number_active: Tensor
        self.register_buffer("number_active", torch.tensor(active))
        self.active = active

    @property
    def active(self) -> int:
        """How many experts run; may be changed at any time, also after training.

        It is saved with the weights; weights that were saved without it leave it as it is.
        """
        return self._active

    @active.setter
    def active(self, active: int) -> None:
        if not 1 <= active <= len(self.experts):
            raise ValueError(f"{active} of {len(self.experts)} experts cannot be active")
        self._active = active
        self.number_active.fill_(active)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        active = state_dict.setdefault(f"{prefix}number_active", torch.tensor(self.active))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        try:
            self.active = int(active)
        except ValueError as error:
            args[-1].append(str(error))  # torch raises all that it collects here together

    def mix(self, x: Tensor, rated_by: Tensor) -> Tensor:
        """x (N, ...) and what the router rates its rows by (N, D) -> (N, ...)."""
        if self.router is None:
            alone: Tensor = self.experts[0](x)
            return alone
        ratings = self.router(rated_by)
        best, chosen = ratings.topk(self.active, dim=-1)
        weights = best.softmax(-1)
        if self.active == 1:
            # A softmax over one is 1 and would teach the router nothing. The value stays 1, the
            # gradient is that of the softmax over all (Fedus et al., JMLR 2022, equation 2).
            share = ratings.softmax(-1).gather(-1, chosen)
            weights = share / share.detach()
        if torch.compiler.is_exporting() or x.is_meta or not len(x):
            return self.all_of(x, torch.zeros_like(ratings).scatter(-1, chosen, weights))
        return self.some_of(x, chosen, weights)

    def some_of(self, x: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """Runs each expert on the rows that chose it; chosen and weights (N, active)."""
        rows, made = [], []
        for number, expert in enumerate(self.experts):
            row, place = torch.where(chosen == number)
            if len(row):
                rows.append(row)
                made.append(_times(expert(x[row]), weights[row, place]))
        together = torch.cat(made)
        empty = together.new_zeros(len(x), *together.shape[1:])
        return empty.index_add(0, torch.cat(rows), together)

    def all_of(self, x: Tensor, weights: Tensor) -> Tensor:
        """Runs all experts on all rows, which graphs without control flow need.

        Weights (N, count) are 0 where an expert was not chosen.
        """
        made = [_times(e(x), weights[:, n]) for n, e in enumerate(self.experts)]
        return torch.stack(made).sum(0)


class PositionExperts(Experts):
    """Every position chooses: experts map vectors (N, D) to vectors (N, E).

    Args:
        feature_axis: of the features, the batch counted.
    """

    def __init__(
        self,
        expression: Callable[[], nn.Module],
        features: int,
        count: int,
        active: int,
        feature_axis: int,
    ) -> None:
        super().__init__(expression, features, count, active)
        self.feature_axis = feature_axis

    def forward(self, x: Tensor) -> Tensor:
        """x (B, ..., D) -> (B, ..., E), features on their axis."""
        moved = x.movedim(self.feature_axis, -1)
        rows = moved.reshape(-1, moved.shape[-1])
        made = self.mix(rows, rows)
        return made.reshape(*moved.shape[:-1], made.shape[-1]).movedim(-1, self.feature_axis)


class ExampleExperts(Experts):
    """Every example chooses, by the average of its positions; experts map whole tensors.

    Args:
        position_axes: axes to average over, the batch counted.
    """

    def __init__(
        self,
        expression: Callable[[], nn.Module],
        features: int,
        count: int,
        active: int,
        position_axes: tuple[int, ...],
    ) -> None:
        super().__init__(expression, features, count, active)
        self.position_axes = position_axes

    def forward(self, x: Tensor) -> Tensor:
        """x (B, ...) -> what the experts make of it."""
        return self.mix(x, x.mean(self.position_axes) if self.position_axes else x)


def _times(made: Tensor, weights: Tensor) -> Tensor:
    """made (N, ...) times weights (N)."""
    return made * weights.view(-1, *([1] * (made.dim() - 1)))
