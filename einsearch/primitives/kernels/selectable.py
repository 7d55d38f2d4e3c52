"""Layers that learn which basis each of their outputs uses (S-KAN), in three stages.

Soft: all bases, mixed for every output by softmax(choice / temperature). Hard: for every output
the basis of its largest choice. Pruned: the same without the weights of all others.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from einsearch.primitives.kernels.bases import basis_names, expand
from einsearch.primitives.kernels.kan import as_channels


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

    def mapped(self, x: Tensor) -> Tensor:
        """Sum over the bases; `x` has its features where the map wants them."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """x (B, ..., in, ...) -> (B, ..., out, ...)."""
        x = x if self.is_image else x.movedim(self.axis, -1)
        made: Tensor = self.base(F.silu(x)) + self.mapped(x)
        return made if self.is_image else made.movedim(-1, self.axis)


class Selectable(Functions):
    """All bases at once, mixed for every output; soft at first.

    Attributes:
        choice: (outputs, bases); the larger, the more of that basis.
        temperature: divides `choice`.
        is_hard: whether every output uses the basis of its largest choice alone.
    """

    def __init__(self, base: nn.Linear | nn.Conv2d, count: int, axis: int = -1) -> None:
        super().__init__(base, count, axis)
        outputs, inputs, *kernel = base.weight.shape
        shape = (len(basis_names()), outputs, inputs * count, *kernel)
        fan_in = base.weight[0].numel() * count
        self.weight = nn.Parameter(torch.randn(shape) * fan_in**-0.5)
        self.choice = nn.Parameter(torch.zeros(outputs, len(basis_names())))
        self.temperature = 1.0
        self.is_hard = False

    def mapped(self, x: Tensor) -> Tensor:
        if self.is_hard:
            names, order, weights = self.chosen()
            return gather(
                [self.map(x, n, w) for n, w in zip(names, weights, strict=True)],
                order,
                self.outputs,
            )
        shares = torch.softmax(self.choice / self.temperature, dim=-1)
        parts = []
        for number, name in enumerate(basis_names()):
            share = shares[:, number].view(-1, *[1] * (self.weight.dim() - 2))
            parts.append(self.map(x, name, share * self.weight[number]))
        return sum(parts[1:], start=parts[0])

    def chosen(self) -> tuple[list[str], Tensor, list[Tensor]]:
        """Bases in use, where each output is among what these make, and the weights of each."""
        best = self.choice.detach().argmax(dim=-1)
        names, rows, weights = [], [], []
        for number, name in enumerate(basis_names()):
            mine = (best == number).nonzero().flatten()
            if len(mine):
                names.append(name)
                rows.append(mine)
                weights.append(self.weight[number, mine])
        return names, torch.cat(rows).argsort(), weights

    def pruned(self) -> Chosen:
        """The layer with the chosen weights alone; its outcome is that of the hard stage."""
        names, order, weights = self.chosen()
        return Chosen(self.base, self.count, self.axis, names, order, weights)


class Chosen(Functions):
    """One basis for every output.

    Args:
        names: bases in use.
        order: (outputs,), where among the maps' rows, one basis after the other, each output is.
        weights: for each basis (its outputs, inputs * count, ...).
    """

    def __init__(
        self,
        base: nn.Linear | nn.Conv2d,
        count: int,
        axis: int,
        names: list[str],
        order: Tensor,
        weights: list[Tensor],
    ) -> None:
        super().__init__(base, count, axis)
        self.names = names
        self.order: Tensor
        self.register_buffer("order", order.clone())
        self.weights = nn.ParameterList([nn.Parameter(w.detach().clone()) for w in weights])

    def mapped(self, x: Tensor) -> Tensor:
        pairs = zip(self.names, self.weights, strict=True)
        return gather([self.map(x, n, w) for n, w in pairs], self.order, self.outputs)


def gather(parts: list[Tensor], order: Tensor, axis: int) -> Tensor:
    """Outputs made basis after basis, put in their order."""
    return torch.cat(parts, dim=axis).index_select(axis, order)


class SelectableKan(Selectable):
    """`KolmogorovArnold` with a basis to select for every output; the same arguments without it."""

    def __init__(self, in_features: int, out_features: int, count: int, axis: int = -1) -> None:
        super().__init__(nn.Linear(in_features, out_features), count, axis)


class SelectableKanConv2d(Selectable):
    """`KolmogorovArnoldConv2d` with a basis to select for every output."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, count: int, stride: int = 1
    ) -> None:
        padding = (kernel - 1) // 2
        super().__init__(nn.Conv2d(in_channels, out_channels, kernel, stride, padding), count)
