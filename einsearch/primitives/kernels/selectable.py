"""Layers that learn which basis each of their outputs uses (S-KAN), in three stages.

Soft: all bases, mixed for every output by softmax(choice / temperature). Hard: one basis for every
output. Pruned: the same without the weights of all others.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from einsearch.primitives.kernels.bases import basis_names, expand
from einsearch.primitives.kernels.kan import as_channels, small_weight


class Functions(nn.Module):
    """What all stages share: a map of silu(x), and maps of the functions of a basis.

    Args:
        base: a `Linear` along `axis`, or a `Conv2d`.
        count: functions of each basis for each input.
        axis: that of a `Linear`, counted with the batch.
    """

    def __init__(self, base: nn.Linear | nn.Conv2d, count: int, axis: int) -> None:
        super().__init__()
        self.base, self.count, self.axis = base, count, axis
        self.is_image = isinstance(base, nn.Conv2d)
        self.outputs = 1 if self.is_image else -1

    def map(self, x: Tensor, basis: str, weight: Tensor) -> Tensor:
        """The functions of one basis, mapped by a weight (outputs, inputs * count, ...)."""
        if isinstance(self.base, nn.Conv2d):
            functions = as_channels(x, basis, self.count)
            return F.conv2d(functions, weight, None, self.base.stride, self.base.padding)
        return F.linear(expand(x, basis, self.count).flatten(-2), weight)

    def map_chosen(self, x: Tensor, groups: list[tuple[int, list[int]]], weight: Tensor) -> Tensor:
        """Every output by the basis of its group, put in order.

        Args:
            groups: for each basis in use its number and its outputs.
            weight: (outputs, inputs * count, ...), or with all bases in front of that.
        """
        names, parts, made = basis_names(), [], []
        for basis, rows in groups:
            mine = weight[basis, rows] if weight.dim() > self.base.weight.dim() else weight[rows]
            parts.append(self.map(x, names[basis], mine))
            made += rows
        if len(parts) == 1:
            return parts[0]
        order = torch.tensor(sorted(range(len(made)), key=made.__getitem__), device=x.device)
        return torch.cat(parts, dim=self.outputs).index_select(self.outputs, order)

    def mapped(self, x: Tensor) -> Tensor:
        """Sum over the bases; `x` has its features where the map wants them."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """x (B, ..., in, ...) -> (B, ..., out, ...)."""
        x = x if self.is_image else x.movedim(self.axis, -1)
        made: Tensor = self.base(F.silu(x)) + self.mapped(x)
        return made if self.is_image else made.movedim(-1, self.axis)


class Chosen(Functions):
    """One basis for every output; which, comes with the weights.

    Attributes:
        weight: (outputs, inputs * count, ...), each row of the basis that its output chose.
        chosen: (outputs,), numbers of these bases.
    """

    def __init__(self, base: nn.Linear | nn.Conv2d, count: int, axis: int = -1) -> None:
        super().__init__(base, count, axis)
        outputs, inputs, *kernel = base.weight.shape
        self.weight = nn.Parameter(small_weight(outputs, inputs * count, *kernel))
        self.chosen: Tensor
        self.register_buffer("chosen", torch.zeros(outputs, dtype=torch.long))
        self.groups = grouped(self.chosen)

    def mapped(self, x: Tensor) -> Tensor:
        return self.map_chosen(x, self.groups, self.weight)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        # Reading it in `forward` would make the graph of an export depend on data.
        self.groups = grouped(self.chosen)


class ChosenKan(Chosen):
    """`SelectableKan` after its choice; the same arguments."""

    def __init__(self, in_features: int, out_features: int, count: int, axis: int = -1) -> None:
        super().__init__(nn.Linear(in_features, out_features), count, axis)


class ChosenKanConv2d(Chosen):
    """`SelectableKanConv2d` after its choice; the same arguments."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, count: int, stride: int = 1
    ) -> None:
        padding = (kernel - 1) // 2
        super().__init__(nn.Conv2d(in_channels, out_channels, kernel, stride, padding), count)


class Selectable(Functions):
    """All bases at once, mixed for every output; soft at first.

    Attributes:
        pruned_class: what a layer with the same arguments is after the choice.
        choice: (outputs, bases); the larger, the more of that basis.
        temperature: divides `choice`.
        is_hard: whether every output uses the basis of its largest choice alone.
    """

    pruned_class: ClassVar[type[Chosen]]

    def __init__(self, base: nn.Linear | nn.Conv2d, count: int, axis: int = -1) -> None:
        super().__init__(base, count, axis)
        outputs, inputs, *kernel = base.weight.shape
        rows = [small_weight(outputs, inputs * count, *kernel) for _ in basis_names()]
        self.weight = nn.Parameter(torch.stack(rows))
        self.choice = nn.Parameter(torch.zeros(outputs, len(basis_names())))
        self.temperature = 1.0
        self.is_hard = False

    def mapped(self, x: Tensor) -> Tensor:
        if self.is_hard:
            return self.map_chosen(x, grouped(self.best()), self.weight)
        mixed = self.mixed()
        parts = [self.map(x, name, mixed[number]) for number, name in enumerate(basis_names())]
        return sum(parts[1:], start=parts[0])

    def mixed(self) -> Tensor:
        """Weights times the shares of their bases, as `weight`."""
        shares = torch.softmax(self.choice / self.temperature, dim=-1).T
        return self.weight * shares.view(*shares.shape, *[1] * (self.weight.dim() - 2))

    def best(self) -> Tensor:
        """The basis of the largest choice of every output, (outputs,)."""
        return self.choice.detach().argmax(dim=-1)

    def pruned(self) -> Chosen:
        """The layer with the chosen weights alone; its outcome is that of the hard stage."""
        made = Chosen(self.base, self.count, self.axis).to(self.weight)
        best = self.best()
        with torch.no_grad():
            made.weight.copy_(self.weight[best, torch.arange(len(best), device=best.device)])
            made.chosen.copy_(best)
        made.groups = grouped(best)
        return made.train(self.training)


class SelectableKan(Selectable):
    """`KolmogorovArnold` with a basis to select for every output; the same arguments without it."""

    pruned_class = ChosenKan

    def __init__(self, in_features: int, out_features: int, count: int, axis: int = -1) -> None:
        super().__init__(nn.Linear(in_features, out_features), count, axis)


class SelectableKanConv2d(Selectable):
    """`KolmogorovArnoldConv2d` with a basis to select for every output."""

    pruned_class = ChosenKanConv2d

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, count: int, stride: int = 1
    ) -> None:
        padding = (kernel - 1) // 2
        super().__init__(nn.Conv2d(in_channels, out_channels, kernel, stride, padding), count)


def grouped(chosen: Tensor) -> list[tuple[int, list[int]]]:
    """Numbers of the bases in use and the outputs of each, from chosen (outputs,)."""
    numbers = chosen.tolist()
    return [(b, [o for o, n in enumerate(numbers) if n == b]) for b in sorted(set(numbers))]
