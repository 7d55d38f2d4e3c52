"""Which basis can best take over what a soft layer has learned, and with which weights.

Between an input and an output the mixture of bases is one function of one variable. Each basis,
with silu and a constant, is fitted to it by least squares over inputs that the layer sees; an
output chooses the basis with the least error, summed over its inputs. So nothing that was learned
in the other bases is lost, and the choice does not depend on how large their functions are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from einsearch.primitives.kernels.bases import basis_names, expand
from einsearch.primitives.kernels.selectable import Selectable

_RIDGE: Final = 1e-6
"""Part of the average moment, for functions that no input reaches."""

_ELEMENTS: Final = 2**22
"""Of functions made at a time, and of their moments: 32 MB each."""


@dataclass(frozen=True, eq=False)
class Fit:
    """One basis in the place of all.

    Attributes:
        weight: (outputs, inputs * count, ...), of its functions.
        base: (outputs, inputs, ...), to add to the weight of silu.
        bias: (outputs,), to add.
        error: (outputs,), mean square, summed over the inputs.
    """

    weight: Tensor
    base: Tensor
    bias: Tensor
    error: Tensor


@torch.no_grad()
def take_over(layer: Selectable, x: Tensor) -> None:
    """Makes a soft layer hard, every output with the basis that changes it least.

    Args:
        layer: in place; `choice` is 1 for the chosen bases, 0 for others.
        x: an input of the layer, (B, ..., in, ...).
    """
    fits = fit_bases(layer, x)
    best = torch.stack([fit.error for fit in fits]).argmin(0)
    layer.choice.zero_()
    for number, fit in enumerate(fits):
        rows = (best == number).nonzero().flatten()
        layer.weight[number, rows] = fit.weight[rows].to(layer.weight)
        layer.base.weight[rows] += fit.base[rows].to(layer.weight)
        if layer.base.bias is not None:
            layer.base.bias[rows] += fit.bias[rows].to(layer.weight)
        layer.choice[rows, number] = 1.0
    layer.is_hard = True


def fit_bases(layer: Selectable, x: Tensor) -> list[Fit]:
    """How each basis would do in the place of the mixture, on inputs (B, ..., in, ...)."""
    rows = x.movedim(1 if layer.is_image else layer.axis, -1).flatten(0, -2).double()
    count, (outputs, inputs, *kernel) = layer.count, layer.base.weight.shape
    # (bases, outputs, inputs * count, ...) -> (inputs, bases * count, outputs * positions)
    mixed = layer.mixed().double().view(len(basis_names()), outputs, inputs, count, -1)
    mixed = mixed.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)
    # No input knows of another: few at a time, so that memory does not grow with their number.
    few = max(_ELEMENTS // _width(count) ** 2, 1)
    gather = _along_mixture if 2 * mixed.shape[2] < _width(count) else _along_all
    parts = [
        _solve(gather(some, functions, count), count)
        for some, functions in zip(torch.split(rows, few, 1), torch.split(mixed, few), strict=True)
    ]
    fits = []
    for number in range(len(basis_names())):
        # (inputs, count + 2, outputs * positions) -> (outputs, inputs, count + 2, positions)
        found = torch.cat([part[number][0] for part in parts])
        found = found.view(inputs, count + 2, outputs, -1).permute(2, 0, 1, 3)
        error = torch.stack([part[number][1] for part in parts]).sum(0)
        fits.append(
            Fit(
                weight=found[:, :, :count].reshape(outputs, inputs * count, *kernel),
                base=found[:, :, count].reshape(outputs, inputs, *kernel),
                bias=found[:, :, count + 1].sum((1, 2)),
                error=error.view(outputs, -1).sum(1),
            )
        )
    return fits


@dataclass(frozen=True, eq=False)
class _Moments:
    """Averages over rows, of f: functions of all bases, silu and 1 of an input; g: the mixture.

    Attributes:
        own: of each basis E[f f^T] of its functions, silu and 1, (inputs, count + 2, count + 2).
        along: E[f g], (inputs, functions, outputs * positions).
        power: E[g^2], summed over inputs, (outputs * positions,).
    """

    own: list[Tensor]
    along: Tensor
    power: Tensor


def _solve(moments: _Moments, count: int) -> list[tuple[Tensor, Tensor]]:
    """For each basis its fit (inputs, count + 2, outputs * positions), and the error of that
    (outputs * positions,), summed over the inputs."""
    made = []
    for number, own in enumerate(moments.own):
        ridge = _RIDGE * own.diagonal(dim1=1, dim2=2).mean(-1).view(-1, 1, 1)
        wanted = moments.along[:, _mine(number, count)]
        found = torch.linalg.solve(own + ridge * torch.eye(count + 2).to(own), wanted)
        explained = 2 * (found * wanted).sum((0, 1)) - (found * (own @ found)).sum((0, 1))
        made.append((found, moments.power - explained))
    return made


def _along_mixture(rows: Tensor, mixed: Tensor, count: int) -> _Moments:
    """The mixture is made for every row: less work where it has few outputs.

    Args:
        rows: (n, inputs).
        mixed: weights of the mixture, (inputs, bases * count, outputs * positions).
        count: functions of a basis.
    """
    own: list[Tensor] = [rows.new_zeros(())] * len(basis_names())
    along, power = rows.new_zeros(()), rows.new_zeros(())
    for functions in _functions(rows, count):
        mixture = functions[:, :, : mixed.shape[1]] @ mixed
        along = along + functions.mT @ mixture
        power = power + mixture.square().sum((0, 1))
        for number in range(len(own)):
            part = functions[:, :, _mine(number, count)]
            own[number] = own[number] + part.mT @ part
    return _Moments([each / len(rows) for each in own], along / len(rows), power / len(rows))


def _along_all(rows: Tensor, mixed: Tensor, count: int) -> _Moments:
    """The same by moments of all functions with each other: less work where outputs are many."""
    moments, every = rows.new_zeros(()), mixed.shape[1]
    for functions in _functions(rows, count):
        moments = moments + functions.mT @ functions
    moments = moments / len(rows)
    along = moments[:, :, :every] @ mixed
    mine = [_mine(number, count) for number in range(len(basis_names()))]
    own = [moments[:, places][:, :, places] for places in mine]
    return _Moments(own, along, (mixed * along[:, :every]).sum((0, 1)))


def _functions(rows: Tensor, count: int) -> Iterator[Tensor]:
    """Functions of all bases, silu and 1 of (n, inputs), as (inputs, a part of n, functions)."""
    for part in torch.split(rows, max(_ELEMENTS // (_width(count) * rows.shape[1]), 1)):
        made = [expand(part.T, name, count) for name in basis_names()]
        silu = F.silu(part.T).unsqueeze(-1)
        yield torch.cat([*made, silu, torch.ones_like(silu)], dim=-1)


def _mine(number: int, count: int) -> list[int]:
    """Places of the functions of a basis, of silu and 1."""
    every = count * len(basis_names())
    return [*range(number * count, (number + 1) * count), every, every + 1]


def _width(count: int) -> int:
    """Functions of an input: those of all bases, silu and 1."""
    return count * len(basis_names()) + 2
