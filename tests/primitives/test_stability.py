"""Recurrences stay accurate over 4096 tokens in single and half precision, in every direction."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from einsearch.primitives.arguments import Symbol
from einsearch.primitives.base import all_primitives, get_primitive
from einsearch.specs import TensorSpec, tokens
from tests.contracts.primitive_cases import Network
from tests.primitives.calling import call

LENGTH, FEATURES, HEADS = 4096, 8, 2
STATES = (4, 32)
"""A small one, and the largest of the packaged grammars."""
GRID = (64, 64)
SLOWER = 6.0
"""Subtracted from the logarithm of a rate."""
RATES = {**{state + 1: slice(state) for state in STATES}, 3: slice(1)}
"""Where the logarithms of the rates stand among the numbers of a scan's feature or a head."""
BOUNDS = {torch.float32: 1e-5, torch.bfloat16: 1e-2}


def direction_names(name: str) -> tuple[str, ...]:
    found = [p.symbols for p in get_primitive(name).parameters if p.name == "direction"]
    return found[0] if found else ()


# Whatever scans in a direction is a recurrence; causal linear attention is one without the choice.
RECURRENCES = [
    *(
        (name, way, state)
        for name in all_primitives()
        for way in direction_names(name)
        for state in STATES
    ),
    ("linear_attention", "forward", 0),
]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def recurrence(name: str, way: str, state: int) -> tuple[Network, list[Tensor]]:
    """A call on 4096 tokens, with tensors whose means are not 0, so that sums grow."""
    torch.manual_seed(0)
    spec = tokens(LENGTH, FEATURES, grid=GRID)
    specs: tuple[TensorSpec, ...] = (spec,)
    if name == "ssd":
        packed = tokens(LENGTH, FEATURES + 2 * state, grid=GRID)
        specs = (packed, tokens(LENGTH, HEADS, grid=GRID))
    args = (HEADS, True) if name == "linear_attention" else (state, Symbol(way))
    network = call(name, *args, on=specs)
    remember(network)
    return network, [1 + torch.randn(1, *s.shape) for s in specs]


def remember(network: Network) -> None:
    """Slows every decay down, so that states hold sums over all tokens."""
    with torch.no_grad():
        for name, weight in network.named_parameters():
            rates = {"inner.log_rate": slice(None), "inner.dynamics": RATES.get(weight.shape[-1])}
            if (place := rates.get(name)) is not None:
                weight[..., place] -= SLOWER


def error(made: Tensor, exact: Tensor) -> float:
    return float((made.detach().double() - exact).norm() / exact.norm())


def test_all_recurrences_are_here() -> None:
    names = {name for name, _, _ in RECURRENCES}
    assert names == {"selective_scan", "ssd", "s4d", "linear_attention"}
    assert len(RECURRENCES) == 3 * 4 * len(STATES) + 1


@pytest.mark.parametrize("kind", BOUNDS)
@pytest.mark.parametrize(("name", "way", "state"), RECURRENCES)
def test_is_stable_over_4096_tokens(name: str, way: str, state: int, kind: torch.dtype) -> None:
    network, x = recurrence(name, way, state)
    network.to(kind)
    given = [t.to(kind).requires_grad_() for t in x]
    made = network(*given)[0]
    exact = deepcopy(network).double()(*(t.detach().double() for t in given))[0].detach()
    made.square().mean().backward()
    assert made.dtype is kind
    assert error(made, exact) < BOUNDS[kind]
    for tensor in (*given, *network.parameters()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()


@pytest.mark.parametrize(("name", "way", "state"), RECURRENCES)
def test_is_stable_under_autocast(name: str, way: str, state: int) -> None:
    """As training in bfloat16 runs it: weights in float32, products of matrices in bfloat16."""
    network, x = recurrence(name, way, state)
    exact = network(*x)[0].detach().double()
    with torch.autocast("cpu", torch.bfloat16):
        made = network(*x)[0]
    assert error(made, exact) < BOUNDS[torch.bfloat16]
