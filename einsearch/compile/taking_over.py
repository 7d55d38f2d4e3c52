"""Which basis can best take over what a soft layer has learned, and with which weights.

Between an input and an output the mixture of bases is one function of one variable. Each basis,
with silu and a constant, is fitted to it by least squares over inputs that the layer sees; an
output chooses the basis with the least error, summed over its inputs. So nothing that was learned
in the other bases is lost, and the choice does not depend on how large their functions are.
"""

from __future__ import annotations

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
"""Of functions made at a time."""


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
    moments = _moments(rows, layer.count)
    outputs, inputs, *kernel = layer.base.weight.shape
    # (bases, outputs, inputs * count, ...) -> (inputs, bases * count, outputs * positions)
    mixed = layer.mixed().double().view(len(basis_names()), outputs, inputs, layer.count, -1)
    mixed = mixed.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)
    every = mixed.shape[1]
    power = (mixed * (moments[:, :every, :every] @ mixed)).sum((0, 1))
    fits = []
    for number in range(len(basis_names())):
        mine = [*range(number * layer.count, (number + 1) * layer.count), every, every + 1]
        own = moments[:, mine][:, :, mine]
        ridge = _RIDGE * own.diagonal(dim1=1, dim2=2).mean(-1).view(-1, 1, 1)
        wanted = moments[:, mine, :every] @ mixed
        found = torch.linalg.solve(own + ridge * torch.eye(len(mine)).to(own), wanted)
        error = power - 2 * (found * wanted).sum((0, 1)) + (found * (own @ found)).sum((0, 1))
        # (inputs, count + 2, outputs * positions) -> (outputs, inputs, count + 2, positions)
        found = found.view(inputs, len(mine), outputs, -1).permute(2, 0, 1, 3)
        shape = (outputs, inputs * layer.count, *kernel)
        fits.append(
            Fit(
                weight=found[:, :, : layer.count].reshape(shape),
                base=found[:, :, layer.count].reshape(outputs, inputs, *kernel),
                bias=found[:, :, layer.count + 1].sum((1, 2)),
                error=error.view(outputs, -1).sum(1),
            )
        )
    return fits


def _moments(rows: Tensor, count: int) -> Tensor:
    """E[f f^T] for every input of (n, inputs); f: functions of all bases, silu and 1."""
    width = count * len(basis_names()) + 2
    moments = rows.new_zeros(rows.shape[1], width, width)
    for part in torch.split(rows, max(_ELEMENTS // (width * rows.shape[1]), 1)):
        made = [expand(part, name, count) for name in basis_names()]
        silu = F.silu(part).unsqueeze(-1)
        functions = torch.cat([*made, silu, torch.ones_like(silu)], dim=-1)
        moments += torch.einsum("nik,nil->ikl", functions, functions)
    return moments / len(rows)
