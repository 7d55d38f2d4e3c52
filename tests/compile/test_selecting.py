"""Selection of bases: soft, hard, pruned."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

import einsearch as es
from einsearch.compile.head import attach_head
from einsearch.compile.module import build_module
from einsearch.compile.selecting import (
    choose_bases,
    is_pruned,
    prune_bases,
    prune_like,
    selectable_layers,
    set_temperature,
)
from einsearch.derivation.replay import architecture
from einsearch.exporters.base import TrainedModel
from einsearch.exporters.registry import all_exporters, get_exporter
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.kernels.bases import BASES, expand
from einsearch.primitives.kernels.kan import KolmogorovArnold
from einsearch.primitives.kernels.selectable import Selectable, SelectableKan
from einsearch.specs import image, vector
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
    assert (soft - sharp).abs().max() > 0.03


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


def edge(layer: SelectableKan, x: torch.Tensor) -> NDArray[np.float64]:
    """What the mixture of a layer with one input and one output makes of x (n, 1)."""
    shares = torch.softmax(layer.choice[0] / layer.temperature, -1)
    parts = [
        shares[n] * expand(x[:, 0], name, layer.count) @ layer.weight[n, 0]
        for n, name in enumerate(BASES)
    ]
    return torch.stack(parts).sum(0).detach().numpy()


@pytest.mark.parametrize("seed", range(5))
def test_the_basis_closest_to_the_mixture_takes_over(seed: int) -> None:
    """The oracle fits every basis, silu and a constant to the mixture by NumPy."""
    torch.manual_seed(seed)
    layer, x = SelectableKan(1, 1, 6).double(), 1.5 * torch.randn(300, 1, dtype=torch.float64)
    nn.init.normal_(layer.choice, std=3.0)
    wanted, left, made = edge(layer, x), {}, {}
    for name in BASES:
        functions = expand(x[:, 0], name, 6)
        table = torch.cat([functions, torch.nn.functional.silu(x), torch.ones_like(x)], 1).numpy()
        made[name] = table @ np.linalg.lstsq(table, wanted, rcond=None)[0]
        left[name] = float(np.mean((wanted - made[name]) ** 2))
    best = min(left, key=left.__getitem__)
    base = layer.base(torch.nn.functional.silu(x)).detach().numpy()[:, 0]
    assert choose_bases(layer, x) == {"": {best: 1}}
    np.testing.assert_allclose(layer(x).detach().numpy()[:, 0], base + made[best], atol=2e-3)


@pytest.mark.parametrize("axis", [-1, 1])
def test_what_one_basis_learned_stays_with_it(axis: int) -> None:
    """Each output has weights in one basis alone, and the others would not do as well."""
    torch.manual_seed(0)
    layer = SelectableKan(3, len(BASES), 8, axis).double()
    with torch.no_grad():
        own = 20 * torch.randn_like(layer.weight)
        layer.weight.zero_()
        for number in range(len(BASES)):
            layer.weight[number, number] = own[number, number]
    x = torch.randn(200, 3, 3, dtype=torch.float64)
    before = layer(x)
    assert choose_bases(layer, x) == {"": dict.fromkeys(BASES, 1)}
    assert (layer(x) - before).square().mean() < 1e-5 * before.square().mean()
    assert torch.equal(prune_bases(layer)(x), layer(x))


def test_a_convolution_and_what_follows_take_over_in_turn() -> None:
    """All bases agree on a smooth function, so that little is lost whichever is chosen."""
    model, x = network(), torch.randn(64, 3, 5, 6)
    before = model(x)
    for layer in selectable_layers(model).values():
        assert not layer.is_hard
    model.train()
    choose_bases(model, x)
    assert model.training
    assert not any(layer._forward_pre_hooks for layer in selectable_layers(model).values())
    # The rows at the border see padding, which no function of x stands for.
    inside = (model(x) - before)[:, :, 1:-1, 1:-1]
    assert inside.square().mean() < 0.05 * before.var()
    again = model(x)
    choose_bases(model, torch.randn_like(x))
    assert torch.equal(model(x), again)


def test_each_output_finds_the_basis_of_its_function() -> None:
    """Five functions, each of which one basis alone can say exactly; all others do worse."""
    torch.manual_seed(0)
    x = 3 * torch.rand(300, 1) - 1.5
    y = torch.stack([expand(x[:, 0], name, 10) @ torch.randn(10) for name in BASES], 1)
    y = (y - y.mean(0)) / y.std(0)
    errors = [fitted(KolmogorovArnold(1, 5, name, 10), x, y, 200) for name in BASES]
    torch.manual_seed(0)
    layer = SelectableKan(1, 5, 10)
    fitted(layer, x, y, 100)
    choose_bases(layer, x)
    assert sum(n == own for own, n in enumerate(layer.best().tolist())) >= 3
    assert fitted(prune_bases(layer), x, y, 100) < min(errors) / 5


def fitted(model: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int) -> float:
    """Mean square error after so many steps of L-BFGS."""
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=steps, line_search_fn="strong_wolfe", tolerance_change=1e-12
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        error = (model(x) - y).square().mean()
        error.backward()
        return error

    optimizer.step(loss)
    return loss().item()


def test_pruned_weights_load_into_a_fresh_network() -> None:
    text = "experts(kan(6, basis=select), count=3, active=2) >> kan(4, basis=select)"
    program = architecture(text, vector(6)).program
    model, x = build_module(program, 0), torch.randn(40, 6)
    for layer in selectable_layers(model).values():
        nn.init.normal_(layer.choice)
    pruned, fresh = prune_bases(model), build_module(program, 1)
    prune_like(fresh, pruned.state_dict())
    fresh.load_state_dict(pruned.state_dict())
    assert torch.equal(fresh(x), pruned(x))
    assert is_pruned(fresh)
    untouched = build_module(program, 1)
    prune_like(untouched, model.state_dict())
    assert len(selectable_layers(untouched)) == 4


def test_is_exported_after_the_choice(tmp_path: Path) -> None:
    """Every format answers as the network does; a hard one is pruned on the way."""
    select = Symbol("select")
    written = series(image(3, 5, 6), ("kan_conv2d", 4, 3, select), ("kan", 5, select, 3))
    torch.manual_seed(0)
    module = attach_head(build_module(written, 0), written.output[0], vector(3))
    for layer in selectable_layers(module).values():
        nn.init.normal_(layer.choice)
    choose_bases(module)
    hard, pruned = (TrainedModel(written, vector(3), m) for m in (module, prune_bases(module)))
    get_exporter("python").export(hard, tmp_path / "hard")
    for name, exporter in all_exporters().items():
        if "int8" not in name and all(map(find_spec, exporter.needs)):
            assert exporter.export(pruned, tmp_path / name)
    source = (tmp_path / "python" / "model.py").read_text()
    assert source == (tmp_path / "hard" / "model.py").read_text()
    assert "self.kan_1 = ChosenKan(" in source
    stored = load_file(tmp_path / "python" / "weights.safetensors")
    assert sum(t.numel() for t in stored.values()) < 0.3 * weights_of(module)


def test_stages_by_hand_through_the_public_interface() -> None:
    graph = es.architecture("kan(5, basis=select)", vector(3)).graph()
    model, x = graph.module(seed=0), torch.randn(50, 3)
    soft = model(x)
    es.set_temperature(model, 0.5)
    chosen = es.choose_bases(model, x)
    assert [sum(counts.values()) for counts in chosen.values()] == [5]
    pruned = es.prune_bases(model)
    assert torch.equal(pruned(x), model(x))
    assert (pruned(x) - soft).square().mean() < 1e-3 * soft.var()


def test_temperature_must_be_positive() -> None:
    with pytest.raises(ValueError, match="the temperature is 0, expected a positive number"):
        set_temperature(network(), 0)
