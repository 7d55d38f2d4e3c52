"""The selective scan, against a loop in float64 and the Mamba of transformers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from einsearch.compile.module import build_module
from einsearch.derivation.replay import architecture
from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.base import cost, get_primitive, infer
from einsearch.primitives.kernels import scan as kernel
from einsearch.primitives.kernels.scan import (
    chunk_length,
    linear_recurrence,
    selective_scan,
)
from einsearch.specs import TensorSpec, image, tokens, vector
from tests.contracts.primitive_cases import Network
from tests.derivation.spaces import packaged
from tests.primitives.calling import assert_equal, call
from tests.primitives.recurrences import (
    assert_log_uniform,
    assert_same_gradients,
    export_everywhere,
    numbers_kept,
    scan_operands,
    selective_scan_loop,
)
from tests.support import series

lengths = st.integers(1, 40)
DIRECTIONS = ("forward", "backward", "bidirectional", "cross")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def scan(direction: str = "forward", on: TensorSpec | None = None, seed: int = 0) -> Network:
    return call("selective_scan", 4, Symbol(direction), on=on or tokens(12, 8), seed=seed)


def relative(found: Tensor, exact: Tensor) -> float:
    exact = exact.detach()
    return float((found.detach().double() - exact).norm() / exact.norm().clamp_min(1e-30))


@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 200])
@pytest.mark.parametrize(("kind", "bound"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
def test_is_the_loop_with_its_gradients(length: int, kind: torch.dtype, bound: float) -> None:
    operands = scan_operands(2, length, 2, 3, 4)
    generator = torch.Generator().manual_seed(7)
    weights = torch.randn(2, length, 2, 3, dtype=torch.float64, generator=generator)
    exact = [t.clone().requires_grad_() for t in operands]
    given = [t.detach().to(kind).requires_grad_() for t in operands]
    oracle, made = selective_scan_loop(*exact), selective_scan(*given)
    assert relative(made, oracle) < bound
    wanted = torch.autograd.grad((oracle * weights).sum(), exact)
    found = torch.autograd.grad((made * weights.to(kind)).sum(), given)
    assert max(relative(f, w) for f, w in zip(found, wanted, strict=True)) < bound


def test_gradients_are_those_of_finite_differences() -> None:
    operands = [t.requires_grad_() for t in scan_operands(1, 13, 2, 2, 3)]
    assert torch.autograd.gradcheck(lambda *given: selective_scan(*given, chunk=5), operands)


@pytest.mark.parametrize("wanted", [[0, 1, 2, 3, 4], [1], [0, 4]])
def test_second_derivatives_are_those_of_finite_differences(wanted: list[int]) -> None:
    operands = scan_operands(1, 5, 1, 2, 2)
    for number in wanted:
        operands[number].requires_grad_()
    assert torch.autograd.gradgradcheck(lambda *given: selective_scan(*given, chunk=2), operands)


def test_gradients_are_the_same_where_they_are_differentiated_again() -> None:
    operands = [t.requires_grad_() for t in scan_operands(2, 33, 2, 3, 4)]
    made = selective_scan(*operands).square().sum()
    plain = torch.autograd.grad(made, operands, retain_graph=True)
    again = torch.autograd.grad(made, operands, create_graph=True)
    for found, expected in zip(again, plain, strict=True):
        assert found.requires_grad
        assert not expected.requires_grad
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-13)


@settings(max_examples=25)
@given(length=lengths, chunk=st.integers(1, 50), seed=st.integers(0, 99))
def test_the_size_of_chunks_does_not_matter(length: int, chunk: int, seed: int) -> None:
    operands = [t.requires_grad_() for t in scan_operands(2, length, 1, 2, 3, seed)]
    one, other = selective_scan(*operands, chunk=chunk), selective_scan(*operands)
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)
    for found, wanted in zip(
        torch.autograd.grad(one.square().sum(), operands),
        torch.autograd.grad(other.square().sum(), operands),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("length", [1, 13, 130])
def test_an_accelerator_gets_the_same_in_doubling_blocks(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    operands = [t.requires_grad_() for t in scan_operands(2, length, 2, 3, 4)]
    made = selective_scan(*operands)
    wanted = torch.autograd.grad(made.square().sum(), operands)
    monkeypatch.setattr(kernel, "goes_by_steps", lambda device: False)
    other = selective_scan(*operands)
    torch.testing.assert_close(other, made)
    for f, w in zip(torch.autograd.grad(other.square().sum(), operands), wanted, strict=True):
        torch.testing.assert_close(f, w)


def test_chunks_are_shorter_where_states_are_many() -> None:
    assert chunk_length(1) == chunk_length(2**13) == 64
    assert chunk_length(2**14) == 32
    assert chunk_length(2**15) == chunk_length(2**30) == 16


@settings(max_examples=25)
@given(length=lengths, seed=st.integers(0, 99))
def test_doubling_blocks_give_the_same_states(length: int, seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    decay, added = torch.rand(2, length, 3, generator=g, dtype=torch.float64)
    state, states = torch.zeros(3, dtype=torch.float64), []
    for factor, more in zip(decay, added, strict=True):
        state = factor * state + more
        states.append(state)
    torch.testing.assert_close(linear_recurrence(decay, added), torch.stack(states))


@settings(max_examples=25)
@given(length=st.integers(2, 150), place=st.floats(0, 1), data=st.sampled_from(DIRECTIONS[:3]))
def test_what_comes_later_does_not_change_what_came_before(
    length: int, place: float, data: str
) -> None:
    network = scan(data, tokens(length, 8)).double()
    x = torch.randn(1, length, 8, dtype=torch.float64)
    at = round(place * (length - 1))
    moved = x.clone()
    moved[:, at] += 1.0
    changed = (network(moved)[0] - network(x)[0]).abs().amax((0, 2)) > 0
    expected = torch.arange(length) >= at if data == "forward" else torch.arange(length) <= at
    if data == "bidirectional":
        expected = torch.ones(length, dtype=torch.bool)
    assert not changed[~expected].any()
    assert changed[at]
    assert data != "bidirectional" or changed.all() or length > 60


@pytest.mark.parametrize("dt", [0.0, 1e3])
def test_no_step_forgets_nothing_and_a_large_one_everything(dt: float) -> None:
    x, _, rate, write, read = scan_operands(2, 9, 1, 3, 4)
    made = selective_scan(x, torch.full_like(x, dt), rate - 1, write, read)
    by_itself = dt * x * (write * read).sum(-1, keepdim=True)
    torch.testing.assert_close(made, by_itself)


def test_backward_is_forward_on_the_turned_sequence() -> None:
    one, other, x = scan(), scan("backward"), torch.randn(2, 12, 8)
    assert_equal(other(x)[0], one(x.flip(1))[0].flip(1))


def test_bidirectional_adds_both_with_weights_of_their_own() -> None:
    network, x = scan("bidirectional"), torch.randn(2, 12, 8)
    assert_equal(network(x)[0], alone(network, 0)(x)[0] + alone(network, 1)(x.flip(1))[0].flip(1))


def alone(network: Network, path: int) -> Network:
    """A forward scan with the weights of one path."""
    one = scan()
    own = network.inner
    one.inner.select[0].load_state_dict(own.select[path].state_dict())
    one.inner.step[0].load_state_dict(own.step[path].state_dict())
    with torch.no_grad():
        one.inner.dynamics.copy_(own.dynamics[path : path + 1])
    return one


@pytest.mark.parametrize("layout", ["tokens", "image"])
def test_cross_adds_rows_and_columns_from_either_end(layout: str) -> None:
    height, width = 3, 4
    spec = tokens(12, 8, (3, 4)) if layout == "tokens" else image(8, 3, 4)
    network, x = scan("cross", spec), torch.randn(2, 12, 8)
    by_columns = [row * width + column for column in range(width) for row in range(height)]
    orders = [[*range(12)], by_columns]
    orders += [order[::-1] for order in orders]
    total = torch.zeros_like(x)
    for path, order in enumerate(orders):
        total[:, order] += alone(network, path)(x[:, order])[0].detach()
    if layout == "tokens":
        assert_equal(network(x)[0], total)
    else:
        made = network(x.transpose(1, 2).reshape(2, 8, 3, 4))[0]
        assert_equal(made, total.transpose(1, 2).reshape(2, 8, 3, 4))


def test_steps_and_states_stay_exact_under_autocast() -> None:
    network, x = scan(on=tokens(256, 8)), torch.randn(1, 256, 8)
    exact = network(x)[0]
    with torch.autocast("cpu", torch.bfloat16):
        made = network(x)[0]
    assert relative(made, exact.double()) < 2e-2


def test_keeps_memory_in_proportion_to_the_length() -> None:
    def kept(length: int) -> int:
        return numbers_kept(
            scan(on=tokens(length, 8)), [torch.randn(1, length, 8, requires_grad=True)]
        )

    short, long = kept(512), kept(4096)
    assert long < 8.1 * short
    assert long < 4096 * 8 * 16, "all states of all tokens would be 4 numbers a feature more"


def test_is_the_mixer_of_mamba() -> None:
    """The packaged block, with a convolution and a gate around it (Gu and Dao, 2023, figure 3)."""
    from transformers import MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    torch.manual_seed(0)
    oracle = MambaMixer(MambaConfig(hidden_size=32, state_size=8, num_hidden_layers=1), 0)
    rules = packaged("blocks/mamba")
    made = architecture("mamba(32, 8, forward)", tokens(70, 32), rules)
    network = build_module(made.program, 0)
    copied = copy_mamba(network, oracle)
    assert_same_gradients(network, oracle, torch.randn(2, 70, 32), copied)


def copy_mamba(network: torch.nn.Module, oracle: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights of transformers' mixer, by what they are; those of ours that stand for one alone."""
    given = dict(oracle.named_parameters())
    value, gate = given["in_proj.weight"].chunk(2)
    modules: dict[str, Any] = {type(m).__name__: m for m in network.modules()}
    linears = [m for m in network.children() if isinstance(m, torch.nn.Linear)]
    inner = modules["SelectiveScan"]
    copied = {
        "out_proj.weight": linears[2].weight,
        "conv1d.weight": modules["CausalConv1d"].weight,
        "conv1d.bias": modules["CausalConv1d"].bias,
        "x_proj.weight": inner.select[0].weight,
        "dt_proj.weight": inner.step[0].weight,
        "dt_proj.bias": inner.step[0].bias,
    }
    with torch.no_grad():
        linears[0].weight.copy_(gate)
        linears[1].weight.copy_(value)
        for name, own in copied.items():
            own.copy_(given[name].view_as(own))
        inner.dynamics[0, :, :-1].copy_(given["A_log"])
        inner.dynamics[0, :, -1].copy_(given["D"])
    return copied


@pytest.mark.parametrize("direction", ["bidirectional", "cross"])
def test_is_exported(direction: str, tmp_path: Path) -> None:
    spec = image(3, 4, 5) if direction == "cross" else tokens(20, 6)
    export_everywhere(series(spec, ("selective_scan", 4, Symbol(direction))), tmp_path)


def test_begins_as_mamba() -> None:
    """A_n = -n for all features, D = 1, steps log-uniform (Gu and Dao, 2023, section 3.6)."""
    own = call("selective_scan", 5, on=tokens(3, 4000)).inner
    numbers = own.dynamics.detach()
    rates = torch.arange(1.0, 6.0).expand(1, 4000, 5)
    torch.testing.assert_close(numbers[..., :-1].exp(), rates)
    assert (numbers[..., -1] == 1).all()
    assert_log_uniform(torch.nn.functional.softplus(own.step[0].bias))
    most, rank = float(own.step[0].weight.detach().abs().max()), own.step[0].in_features
    assert rank == 4000 / 2 / 16, "of the features before a block doubles them"
    assert 0.99 * rank**-0.5 < most <= rank**-0.5


def test_costs_of_a_long_sequence() -> None:
    primitive = get_primitive("selective_scan")
    short = cost(primitive, primitive.bind(16), (tokens(256, 64),))
    long = cost(primitive, primitive.bind(16), (tokens(4096, 64),))
    assert long.parameters == short.parameters
    assert long.flops == 16 * short.flops
    assert long.memory == 16 * short.memory


def test_runs_without_data() -> None:
    network = scan("bidirectional", tokens(70, 8)).to("meta")
    assert network(torch.empty(2, 70, 8, device="meta"))[0].shape == (2, 70, 8)


def test_says_why_it_rejects() -> None:
    primitive = get_primitive("selective_scan")
    with pytest.raises(ShapeError, match="it needs tokens or an image"):
        infer(primitive, primitive.bind(4), (vector(8),))
    with pytest.raises(ShapeError, match="cross needs an image, or tokens that come from one"):
        infer(primitive, primitive.bind(4, Symbol("cross")), (tokens(12, 8),))
