"""Selection of bases: soft, hard, pruned."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from einsearch.compile.module import build_module
from einsearch.compile.selecting import (
    choose_bases,
    prune_bases,
    selectable_layers,
    set_temperature,
)
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.kernels.selectable import Selectable, SelectableKan
from einsearch.specs import image
from tests.support import series


def network(seed: int = 0) -> nn.Module:
    """A convolution and a map of channels, whose outputs prefer different bases."""
    select = Symbol("select")
    calls = (("kan_conv2d", 6, 3, select), ("kan", 7, select, 4))
    model = build_module(series(image(3, 5, 6), *calls), seed)
    torch.manual_seed(seed)
    for layer in selectable_layers(model).values():
        nn.init.normal_(layer.choice)
    return model


def weights_of(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("seed", range(3))
def test_pruning_changes_nothing(seed: int) -> None:
    model, x = network(seed), torch.randn(4, 3, 5, 6)
    counted = choose_bases(model)
    assert [sum(c.values()) for c in counted.values()] == [6, 7]
    pruned = prune_bases(model)
    assert (model(x) - pruned(x)).abs().max() == 0
    assert not selectable_layers(pruned)
    assert weights_of(pruned) < 0.3 * weights_of(model)


def test_hard_is_the_limit_of_soft() -> None:
    model, x = network(), torch.randn(4, 3, 5, 6)
    soft = model(x)
    set_temperature(model, 1e-3)
    sharp = model(x)
    choose_bases(model)
    torch.testing.assert_close(model(x), sharp, rtol=1e-5, atol=1e-5)
    assert (soft - sharp).abs().max() > 0.1


def test_what_was_not_chosen_does_not_count() -> None:
    layer, x = SelectableKan(3, 4, 6), torch.randn(5, 3)
    nn.init.normal_(layer.choice)
    choose_bases(layer)
    before, best = layer(x), layer.choice.argmax(-1)
    with torch.no_grad():
        for output, basis in enumerate(best.tolist()):
            kept = layer.weight[basis, output].clone()
            layer.weight[:, output] = torch.nan
            layer.weight[basis, output] = kept
    assert torch.equal(layer(x), before)
    assert torch.equal(prune_bases(layer)(x), before)
    assert isinstance(layer, Selectable)


def test_what_is_pruned_trains_on_and_leaves_the_first_model_alone() -> None:
    model, x = network(), torch.randn(4, 3, 5, 6)
    before, pruned = model(x), prune_bases(model)
    pruned(x).square().mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in pruned.parameters())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(model(x), before)


def test_temperature_must_be_positive() -> None:
    with pytest.raises(ValueError, match="the temperature is 0, expected a positive number"):
        set_temperature(network(), 0)
