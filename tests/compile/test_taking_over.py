"""How a basis takes over a mixture: in parts, in either order of sums, always the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from einsearch.compile import taking_over
from einsearch.compile.taking_over import Fit, fit_bases
from einsearch.primitives.kernels.selectable import Selectable, SelectableKan, SelectableKanConv2d


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that an operation made; views count as their storage."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor):
            size = made.untyped_storage().nbytes() // made.element_size()
            self.elements = max(self.elements, size)
        return made


def layers() -> dict[str, tuple[Selectable, torch.Tensor]]:
    """Layers with inputs: few outputs beside functions, many, and a convolution."""
    torch.manual_seed(0)
    made: dict[str, tuple[Selectable, torch.Tensor]] = {
        "few": (SelectableKan(5, 2, 9), torch.randn(40, 5)),
        "many": (SelectableKan(5, 60, 4), torch.randn(40, 5)),
        "image": (SelectableKanConv2d(3, 4, 3, 6), torch.randn(6, 3, 5, 5)),
    }
    for layer, _ in made.values():
        nn.init.normal_(layer.choice)
    return made


def assert_same(found: list[Fit], expected: list[Fit]) -> None:
    for one, other in zip(found, expected, strict=True):
        for name in ("weight", "base", "bias", "error"):
            left, right = getattr(one, name), getattr(other, name)
            assert left.dtype == torch.float64
            torch.testing.assert_close(left, right, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", layers())
@pytest.mark.parametrize("elements", [1, 2000])
def test_parts_do_not_matter(kind: str, elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One input and one row at a time, or a few."""
    layer, x = layers()[kind]
    expected = fit_bases(layer, x)
    monkeypatch.setattr(taking_over, "_ELEMENTS", elements)
    assert_same(fit_bases(layer, x), expected)


@pytest.mark.parametrize("kind", layers())
def test_both_ways_of_summing_are_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = layers()[kind]
    expected = fit_bases(layer, x)
    all_moments, by_mixture = taking_over._along_all, taking_over._along_mixture
    monkeypatch.setattr(taking_over, "_along_all", by_mixture)
    monkeypatch.setattr(taking_over, "_along_mixture", all_moments)
    assert_same(fit_bases(layer, x), expected)


@pytest.mark.parametrize("outputs", [2, 400])
def test_memory_does_not_grow_with_the_square_of_functions_times_inputs(outputs: int) -> None:
    """Moments of all inputs at once would be 11 million numbers."""
    layer, x = SelectableKan(30, outputs, 120), torch.randn(64, 30)
    with torch.no_grad(), Largest() as largest:
        fit_bases(layer, x)
    weights = layer.weight.numel()
    assert largest.elements <= max(taking_over._ELEMENTS, weights)
