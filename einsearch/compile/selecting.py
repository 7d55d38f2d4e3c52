"""Activation spaces of a trained network: from a soft mixture of bases to one for each output.

The stages of S-KAN, for every `kan` and `kan_conv2d` with `basis=select`: train; `choose_bases`
(perhaps after a while at a lower temperature); `prune_bases`; train a little more.
"""

from __future__ import annotations

import copy
from collections import Counter

from torch import nn

from einsearch.primitives.kernels.bases import basis_names
from einsearch.primitives.kernels.selectable import Selectable


def selectable_layers(model: nn.Module) -> dict[str, Selectable]:
    """Layers whose bases are not chosen for good, by their names in the model."""
    return {name: m for name, m in model.named_modules() if isinstance(m, Selectable)}


def set_temperature(model: nn.Module, temperature: float) -> None:
    """Makes all mixtures sharper the lower it is; 1 at first.

    Raises:
        ValueError: it is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"the temperature is {temperature}, expected a positive number")
    for layer in selectable_layers(model).values():
        layer.temperature = temperature


def choose_bases(model: nn.Module) -> dict[str, dict[str, int]]:
    """Every output uses the one basis that it gives most weight to, from here on.

    The others are kept, but do not count any more; `is_hard = False` on a layer undoes it.

    Returns:
        how many outputs of each layer chose each basis.
    """
    chosen = {}
    for name, layer in selectable_layers(model).items():
        layer.is_hard = True
        best = Counter(layer.choice.detach().argmax(dim=-1).tolist())
        chosen[name] = {basis: best[n] for n, basis in enumerate(basis_names()) if best[n]}
    return chosen


def prune_bases(model: nn.Module) -> nn.Module:
    """A copy of the model without what no output chose; its answers are those after `choose_bases`.

    Weights, time and memory of the bases that were not chosen are gone. The model stays as it is.
    """
    pruned = copy.deepcopy(model)
    for name, layer in selectable_layers(pruned).items():
        if not name:
            return layer.pruned()
        pruned.set_submodule(name, layer.pruned())
    return pruned
