"""Mamba-2's recurrence, against a loop in float64 and the Mamba-2 of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from einsearch.compile.module import build_module
from einsearch.derivation.replay import architecture
from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.base import Signal, cost, get_primitive, infer
from einsearch.primitives.kernels.ssd import state_space_dual
from einsearch.specs import TensorSpec, image, tokens
from tests.contracts.primitive_cases import Network
from tests.derivation.spaces import packaged
from tests.primitives.calling import assert_equal, call
from tests.primitives.recurrences import (
    assert_log_uniform,
    assert_same_gradients,
    export_everywhere,
    numbers_kept,
    selective_scan_loop,
)
from tests.support import program


def operands(batch: int, length: int, heads: int, width: int, state: int, seed: int = 0) -> Any:
    """x, dt, rate, write and read of one path, in float64."""
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g, dtype=torch.float64)

    steps = torch.rand((batch, length, 1, heads), generator=g, dtype=torch.float64)
    x, rate = normal(batch, length, 1, heads, width), -8 * normal(1, heads).abs()
    return [x, 0.2 * steps, rate, normal(batch, length, 1, state), normal(batch, length, 1, state)]


def loop(x: Tensor, dt: Tensor, rate: Tensor, write: Tensor, read: Tensor) -> Tensor:
    """Every feature of a head by itself: a selective scan with the head's rate and step."""
    width = x.shape[-1]
    flat = x.flatten(3)
    steps = dt.repeat_interleave(width, -1)
    rates = rate.repeat_interleave(width, -1).unsqueeze(-1).expand(-1, -1, write.shape[-1])
    return selective_scan_loop(flat, steps, rates, write, read).view_as(x)


def dual(
    direction: str = "forward", length: int = 12, state: int = 4, heads: int = 2
) -> tuple[Network, tuple[Tensor, Tensor]]:
    """A call on 8 features of two heads, with its two tensors."""
    specs = (tokens(length, 8 + 2 * state), tokens(length, heads))
    network = call("ssd", state, Symbol(direction), on=specs)
    return network, (torch.randn(2, *specs[0].shape), torch.randn(2, *specs[1].shape))


def relative(found: Tensor, exact: Tensor) -> float:
    return float((found.detach().double() - exact.detach()).norm() / exact.detach().norm())


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 200])
@pytest.mark.parametrize(("kind", "bound"), [(torch.float32, 2e-6), (torch.float64, 1e-12)])
def test_is_the_loop_with_its_gradients(length: int, kind: torch.dtype, bound: float) -> None:
    assert_is_the_loop(operands(2, length, 3, 4, 5), kind, bound)


@pytest.mark.parametrize("step", [1.0, 100.0, 1000.0])
@pytest.mark.parametrize("first", [0, 7])
def test_large_steps_between_small_ones_cost_no_precision(step: float, first: int) -> None:
    """A state that is forgotten at one token is kept as well as ever from the next one on."""
    given = operands(2, 200, 3, 4, 5)
    given[1][:, first::8] = step
    assert_is_the_loop(given, torch.float32, 1e-6)


def assert_is_the_loop(values: list[Tensor], kind: torch.dtype, bound: float) -> None:
    """Outcomes and gradients are those of a loop in float64, by their relative errors."""
    exact = [t.requires_grad_() for t in values]
    given = [t.detach().to(kind).requires_grad_() for t in exact]
    oracle, made = loop(*exact), state_space_dual(*given)
    assert relative(made, oracle) < bound
    weights = torch.randn(oracle.shape, generator=torch.Generator().manual_seed(7)).double()
    wanted = torch.autograd.grad((oracle * weights).sum(), exact)
    found = torch.autograd.grad((made * weights.to(kind)).sum(), given)
    for one, other in zip(found, wanted, strict=True):
        assert float((one - other).norm()) < bound * float(other.norm()) + 1e-12


def test_gradients_are_those_of_finite_differences() -> None:
    given = [t.requires_grad_() for t in operands(1, 13, 2, 2, 3)]
    assert torch.autograd.gradcheck(lambda *tensors: state_space_dual(*tensors, chunk=5), given)


@settings(max_examples=25)
@given(length=st.integers(1, 70), chunk=st.integers(1, 80), seed=st.integers(0, 99))
def test_the_size_of_chunks_does_not_matter(length: int, chunk: int, seed: int) -> None:
    given = operands(2, length, 2, 3, 4, seed)
    torch.testing.assert_close(
        state_space_dual(*given, chunk=chunk), loop(*given), rtol=1e-11, atol=1e-12
    )


@settings(max_examples=25)
@given(length=st.integers(2, 100), place=st.floats(0, 1), which=st.integers(0, 1))
def test_what_comes_later_does_not_change_what_came_before(
    length: int, place: float, which: int
) -> None:
    network, x = dual(length=length)
    network.double()
    x = tuple(t.double() for t in x)
    at = round(place * (length - 1))
    moved = [t.clone() for t in x]
    moved[which][:, at] += 1.0
    changed = (network(*moved)[0] - network(*x)[0]).abs().amax((0, 2)) > 0
    assert not changed[:at].any()
    assert changed[at]


@pytest.mark.parametrize("direction", ["backward", "bidirectional", "cross"])
def test_directions_turn_both_tensors(direction: str) -> None:
    packed, steps = torch.randn(2, 12, 16), torch.randn(2, 12, 2)
    specs = (tokens(12, 16, (3, 4)), tokens(12, 2, (3, 4)))
    network = call("ssd", 4, Symbol(direction), on=specs)
    columns = [row * 4 + column for column in range(4) for row in range(3)]
    orders = {
        "backward": [[*range(12)][::-1]],
        "bidirectional": [[*range(12)], [*range(12)][::-1]],
        "cross": [[*range(12)], columns, [*range(12)][::-1], columns[::-1]],
    }[direction]
    total = torch.zeros(2, 12, 8)
    for path, order in enumerate(orders):
        one, _ = dual()
        with torch.no_grad():
            one.inner.dynamics.copy_(network.inner.dynamics[path : path + 1])
        total[:, order] += one(packed[:, order], steps[:, order])[0].detach()
    assert_equal(network(packed, steps)[0], total)
    pixels = [t.transpose(1, 2).reshape(2, -1, 3, 4) for t in (packed, steps)]
    assert_equal(network(*pixels)[0], total.transpose(1, 2).reshape(2, 8, 3, 4))


def test_is_the_mixer_of_mamba_2() -> None:
    """The packaged block, with convolution, gate and norm (Dao and Gu, 2024, figure 6)."""
    from transformers import Mamba2Config
    from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer

    torch.manual_seed(0)
    config = Mamba2Config(
        hidden_size=32, num_heads=4, head_dim=16, state_size=8, n_groups=1, chunk_size=16
    )
    oracle = Mamba2Mixer(config, 0)
    rules = packaged("blocks/mamba")
    made = architecture("mamba2(32, 8, 4, forward)", tokens(70, 32), rules)
    network = build_module(made.program, 0)
    copied = copy_mamba_2(network, oracle)
    assert_same_gradients(network, oracle, torch.randn(2, 70, 32), copied)


def test_begins_as_mamba_2() -> None:
    """Rates uniform from 1 to 16, steps log-uniform, D = 1."""
    own = call("ssd", 4, on=(tokens(3, 8 + 4000), tokens(3, 4000))).inner
    log_rate, skip, offset = own.dynamics.detach().unbind(-1)
    rates = log_rate.exp()
    assert 1 <= float(rates.min()) < 1.1
    assert 15.9 < float(rates.max()) < 16.001
    assert float(rates.mean()) == pytest.approx(8.5, abs=0.3)
    assert float(rates.std()) == pytest.approx(15 / 12**0.5, abs=0.2)
    assert (skip == 1).all()
    assert_log_uniform(torch.nn.functional.softplus(offset))


def test_keeps_memory_in_proportion_to_the_length() -> None:
    def kept(length: int) -> int:
        network, x = dual(length=length)
        return numbers_kept(network, [t.requires_grad_() for t in x])

    short, long = kept(512), kept(4096)
    assert 7.5 * short < long < 8.1 * short


def copy_mamba_2(network: torch.nn.Module, oracle: torch.nn.Module) -> dict[str, Tensor]:
    """Weights of transformers' mixer, by what they are; its input projection is ours in three.

    Gives those of ours that stand for one alone.
    """
    given = dict(oracle.named_parameters())
    modules: dict[str, Any] = {type(m).__name__: m for m in network.modules()}
    gate, value, step, out = (m for m in network.children() if isinstance(m, torch.nn.Linear))
    parts = given["in_proj.weight"].split((64, 80, 4))
    copied = {
        "out_proj.weight": out.weight,
        "conv1d.weight": modules["CausalConv1d"].weight,
        "conv1d.bias": modules["CausalConv1d"].bias,
        "norm.weight": modules["RMSNorm"].weight,
    }
    with torch.no_grad():
        for linear, weight in zip((gate, value, step), parts, strict=True):
            linear.weight.copy_(weight)
        for name, own in copied.items():
            own.copy_(given[name].view_as(own))
        dynamics = [given["A_log"], given["D"], given["dt_bias"]]
        modules["StateSpaceDual"].dynamics.copy_(torch.stack(dynamics, -1).unsqueeze(0))
    return copied


@pytest.mark.parametrize("length", [5, 32, 100])
def test_flops_are_those_of_whole_chunks(length: int) -> None:
    network, x = dual("bidirectional", length)
    with FlopCounterMode(display=False) as counter:
        network(*x)
    primitive = get_primitive("ssd")
    specs = (tokens(length, 16), tokens(length, 2))
    told = cost(primitive, primitive.bind(4, Symbol("bidirectional")), specs).flops
    assert counter.get_total_flops() == 2 * told


@pytest.mark.parametrize("incoming", [Signal(0.0, 1.0), Signal(0.8, 0.5)])
def test_moments_of_many_features(incoming: Signal) -> None:
    specs = (tokens(64, 32 + 16), tokens(64, 4))
    primitive = get_primitive("ssd")
    made = []
    for seed in range(12):
        network = call("ssd", 8, on=specs, seed=seed)
        given = [incoming.mean + incoming.variance**0.5 * torch.randn(8, *s.shape) for s in specs]
        made.append(network(*given)[0].detach())
    (signal,) = primitive.signal(specs, primitive.bind(8), (incoming, incoming))
    samples = torch.stack(made)
    assert abs(signal.mean - float(samples.mean())) < 0.3 * signal.second_moment**0.5
    assert float(samples.var()) / 3 < signal.variance < 3 * float(samples.var())


@pytest.mark.parametrize("direction", ["cross"])
def test_is_exported(direction: str, tmp_path: Path) -> None:
    spec = image(6, 6, 7)
    calls = [
        ("linear", (16,), [-1]),
        ("linear", (2,), [-1]),
        ("ssd", (4, Symbol(direction)), [0, 1]),
    ]
    export_everywhere(program(spec, calls), tmp_path)


def refusal(first: TensorSpec, second: TensorSpec, state: int = 4) -> str:
    primitive = get_primitive("ssd")
    with pytest.raises(ShapeError) as caught:
        infer(primitive, primitive.bind(state), (first, second))
    return str(caught.value).split(": ")[-1]


def test_runs_without_data() -> None:
    network, x = dual("bidirectional", 70)
    assert network.to("meta")(*(t.to("meta") for t in x))[0].shape == (2, 70, 8)


def test_says_why_it_rejects() -> None:
    assert refusal(tokens(9, 16), tokens(8, 2)) == "both tensors must have the same positions"
    assert refusal(image(16, 3, 4), image(2, 4, 3)) == "both tensors must have the same positions"
    assert refusal(tokens(9, 8), tokens(9, 2)) == "of 8 features 8 are B and C, which leaves none"
    assert refusal(tokens(9, 16), tokens(9, 3)) == "8 features cannot be shared by 3 heads"
