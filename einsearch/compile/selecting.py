"""Activation spaces of a network: from a soft mixture of bases to one for each output.

The stages of S-KAN, for every `kan` and `kan_conv2d` with `basis=select`: train; `choose_bases`;
train on; `prune_bases`. Training in a search and in full goes through them by itself.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor, nn

from einsearch.compile.taking_over import take_over
from einsearch.primitives.base import Layer
from einsearch.primitives.kernels.bases import basis_names
from einsearch.primitives.kernels.selectable import Chosen, Selectable

SOFT: Final = 0.25
"""Share of a training in which all bases are mixed, before every output chooses one."""


def selectable_layers(model: nn.Module) -> dict[str, Selectable]:
    """Layers whose bases are not chosen for good, by their names in the model."""
    return {name: m for name, m in model.named_modules() if isinstance(m, Selectable)}


def soft_epochs(epochs: int) -> int:
    """How many of some epochs, at least one, come before the choice."""
    return max(round(SOFT * epochs), 1)


def set_temperature(model: nn.Module, temperature: float) -> None:
    """Makes all mixtures sharper the lower it is; 1 at first.

    Raises:
        ValueError: it is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"the temperature is {temperature}, expected a positive number")
    for layer in selectable_layers(model).values():
        layer.temperature = temperature


def choose_bases(model: nn.Module, x: Tensor | None = None) -> dict[str, dict[str, int]]:
    """Every output uses one basis from here on.

    With `x`, it is the basis that can best take over the whole mixture, and its weights become
    those that do (`compile.taking_over`); layers that `x` does not reach, and all without `x`,
    keep their weights, and the basis that an output gives most weight to. Layers that have chosen
    before keep their choice.

    Args:
        model: in place.
        x: a few hundred examples (n, *input shape), on the device of the model.

    Returns:
        how many outputs of each layer chose each basis.
    """
    layers = selectable_layers(model)
    if x is not None:
        _take_over_all(model, [layer for layer in layers.values() if not layer.is_hard], x)
    chosen = {}
    for name, layer in layers.items():
        layer.is_hard = True
        best = Counter(layer.best().tolist())
        chosen[name] = {basis: best[n] for n, basis in enumerate(basis_names()) if best[n]}
    return chosen


def _take_over_all(model: nn.Module, layers: list[Selectable], x: Tensor) -> None:
    """Each layer chooses when its input comes, so that later ones see what it made of that."""

    def choose(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        if isinstance(layer, Selectable) and not layer.is_hard:
            take_over(layer, inputs[0])

    hooks = [layer.register_forward_pre_hook(choose) for layer in layers]
    was_training = model.training
    try:
        with torch.no_grad():
            model.eval()(x)
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()


def prune_bases(model: nn.Module) -> nn.Module:
    """A copy of the model without what no output chose; its answers are those after `choose_bases`.

    Weights, time and memory of the bases that were not chosen are gone. The model stays as it is.
    """
    return _replace(copy.deepcopy(model), lambda name: True)


def prune_chosen(model: nn.Module) -> nn.Module:
    """`prune_bases` where all layers have chosen, else the model itself."""
    layers = selectable_layers(model).values()
    return prune_bases(model) if layers and all(layer.is_hard for layer in layers) else model


def prune_like(model: nn.Module, names: Container[str]) -> None:
    """Makes a fresh network fit weights: layers are pruned, in place, that were when saved.

    Args:
        model: inside of which layers are replaced.
        names: of the weights.
    """
    _replace(model, lambda name: f"{name}.chosen" in names)


def _replace(model: nn.Module, wanted: Callable[[str], bool]) -> nn.Module:
    for name, layer in selectable_layers(model).items():
        if not name:
            return layer.pruned()
        if wanted(name):
            model.set_submodule(name, layer.pruned())
    return model


def is_pruned(model: nn.Module) -> bool:
    """Whether the model has layers that were pruned, and none left to prune."""
    return any(isinstance(m, Chosen) for m in model.modules()) and not selectable_layers(model)


def pruned_layer(layer: Layer) -> Layer:
    """A layer of a plan as it is after pruning; its arguments are the same."""
    target = layer.target
    if isinstance(target, type) and issubclass(target, Selectable):
        return replace(layer, target=target.pruned_class)
    return layer
