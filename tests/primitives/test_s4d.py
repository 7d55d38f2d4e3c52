"""S4D, against its recurrence in complex float64, and a filter of scipy."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from torch import Tensor
from torch.func import functional_call

from einsearch.compile.module import build_module
from einsearch.derivation.replay import architecture
from einsearch.errors import ShapeError
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.base import get_primitive, infer
from einsearch.specs import image, tokens
from tests.contracts.primitive_cases import Network
from tests.derivation.spaces import packaged
from tests.primitives.calling import assert_equal, call
from tests.primitives.recurrences import assert_log_uniform, export_everywhere, numbers_kept
from tests.support import series


def s4d(length: int = 20, state: int = 8, direction: str = "forward") -> Network:
    return call("s4d", state, Symbol(direction), on=tokens(length, 6)).double()


def tokens_of(length: int, batch: int = 2) -> Tensor:
    return torch.randn(batch, length, 6, dtype=torch.float64)


def discrete(network: Network, path: int = 0) -> tuple[Tensor, Tensor]:
    """exp(dt A) and C (exp(dt A) - 1) / A of every feature and pair, complex (D, N / 2)."""
    own = network.inner
    rate = torch.complex(-own.log_rate[path].exp(), own.frequency[path]).detach()
    ratio = torch.exp(own.log_step[path].detach().exp().unsqueeze(-1) * rate)
    return ratio, torch.view_as_complex(own.read[path].detach()) * (ratio - 1) / rate


def loop(network: Network, x: Tensor) -> Tensor:
    """The recurrence token by token."""
    ratio, weight = discrete(network)
    state, made = torch.zeros(len(x), *ratio.shape, dtype=torch.complex128), []
    for t in range(x.shape[1]):
        state = ratio * state + x[:, t].unsqueeze(-1)
        made.append(2 * (weight * state).sum(-1).real + network.inner.skip[0].detach() * x[:, t])
    return torch.stack(made, 1)


@pytest.mark.parametrize("length", [1, 2, 63, 200])
def test_is_the_recurrence(length: int) -> None:
    network, x = s4d(length), tokens_of(length)
    torch.testing.assert_close(network(x)[0], loop(network, x), rtol=1e-10, atol=1e-11)


def test_gradients_are_those_of_finite_differences() -> None:
    network = call("s4d", 4, on=tokens(13, 2)).double()
    names, weights = zip(*network.named_parameters(), strict=True)

    def outcome(x: Tensor, *values: Tensor) -> Tensor:
        made = functional_call(network, dict(zip(names, values, strict=True)), (x,))[0]
        assert isinstance(made, Tensor)
        return made

    x = torch.randn(1, 13, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(outcome, (x, *weights))


def test_is_a_sum_of_filters() -> None:
    network, x = s4d(), tokens_of(20, 1)
    ratio, weight = discrete(network)
    for feature in range(6):
        signal = x[0, :, feature].numpy()
        parts = zip(ratio[feature].tolist(), weight[feature].tolist(), strict=True)
        total = sum(2 * lfilter([w], [1, -r], signal).real for r, w in parts)
        total = total + network.inner.skip[0, feature].item() * signal
        assert_equal(network(x)[0][0, :, feature].detach(), torch.from_numpy(total))


@settings(max_examples=25)
@given(length=st.integers(2, 100), place=st.floats(0, 1))
def test_what_comes_later_does_not_change_what_came_before(length: int, place: float) -> None:
    network, x = s4d(length), tokens_of(length, 1)
    at = round(place * (length - 1))
    moved = x.clone()
    moved[:, at] += 1.0
    change = (network(moved)[0] - network(x)[0]).abs().amax((0, 2))
    assert change[:at].sum() < 1e-10
    assert change[at] > 1e-4


def test_begins_as_s4d_lin() -> None:
    """A_n = -1/2 + i pi n, C and D normal, steps log-uniform (Gu et al., 2022, section 4)."""
    own = call("s4d", 8, on=tokens(3, 4000)).inner
    rate = torch.complex(-own.log_rate.exp(), own.frequency).detach()
    expected = -0.5 + 1j * torch.pi * torch.arange(4)
    torch.testing.assert_close(rate, expected.expand_as(rate), rtol=1e-6, atol=0)
    parts = own.read.detach(), own.skip.detach()
    assert all(abs(float(part.mean())) < 0.08 for part in parts)
    squares = [float(part.square().mean()) for part in parts]
    assert squares == pytest.approx([0.5, 1.0], rel=0.1)
    assert_log_uniform(own.log_step.exp())


def test_a_later_token_reaches_earlier_ones_by_rounding_alone() -> None:
    """By a part of what it adds to those after it, as the primitive says."""
    network, x = call("s4d", 16, on=tokens(512, 6)), torch.randn(2, 512, 6)
    moved = x.clone()
    moved[:, 300:] += 1e4
    change = (network(moved)[0] - network(x)[0]).abs()
    assert change[:, :300].max() < 1e-6 * change[:, 300:].max()


@pytest.mark.parametrize("state", [16, 32, 64])
def test_phases_of_late_tokens_keep_their_digits(state: int) -> None:
    """In single precision, against powers in double precision."""
    network = call("s4d", state, on=tokens(4096, 6))
    with torch.no_grad():
        network.inner.log_rate -= 6.0
    made = network.inner.kernel(4096).double()
    ratio, weight = discrete(network.double())
    powers = ratio.unsqueeze(-1) ** torch.arange(4096)
    exact = 2 * (weight.unsqueeze(-1) * powers).sum(1).real
    assert (made - exact).norm() < 1e-6 * exact.norm()


@pytest.mark.parametrize("direction", ["backward", "bidirectional", "cross"])
def test_directions_add_up(direction: str) -> None:
    spec = tokens(20, 6, (4, 5))
    network = call("s4d", 8, Symbol(direction), on=spec).double()
    one, x, total = s4d(), tokens_of(20), torch.zeros(2, 20, 6, dtype=torch.float64)
    columns = [row * 5 + column for column in range(5) for row in range(4)]
    orders = {
        "backward": [[*range(20)][::-1]],
        "bidirectional": [[*range(20)], [*range(20)][::-1]],
        "cross": [[*range(20)], columns, [*range(20)][::-1], columns[::-1]],
    }[direction]
    for path, order in enumerate(orders):
        with torch.no_grad():
            for name, own in one.inner.named_parameters():
                own.copy_(getattr(network.inner, name)[path : path + 1])
        total[:, order] += one(x[:, order])[0].detach()
    assert_equal(network(x)[0], total)


def test_keeps_memory_in_proportion_to_the_length() -> None:
    def kept(length: int, state: int = 8) -> int:
        network = s4d(length, state)
        return numbers_kept(network, [tokens_of(length, 1).requires_grad_()])

    few, many = kept(1024) - kept(512), kept(8192) - kept(4096)
    assert 7.9 * few < many < 8.1 * few
    assert kept(4096, 64) < 2 * kept(4096), "states are not kept"


def test_a_block_mixes_features_behind_it() -> None:
    text = "s4d_block(6, 8, forward)"
    block = build_module(architecture(text, tokens(20, 6), packaged("blocks/mamba")).program, 0)
    network, x, block = s4d(), tokens_of(20), block.double()
    inner, linear = block.children()
    network.inner.load_state_dict(inner.state_dict())
    y = loop(network, x)
    bent = y * 0.5 * (1 + torch.erf(y / 2**0.5))
    torch.testing.assert_close(block(x), linear(bent))


@pytest.mark.parametrize("direction", ["cross"])
def test_is_exported(direction: str, tmp_path: Path) -> None:
    spec = image(3, 5, 6)
    export_everywhere(series(spec, ("s4d", 8, Symbol(direction))), tmp_path)


def test_needs_an_even_state() -> None:
    primitive = get_primitive("s4d")
    with pytest.raises(ShapeError, match="state is 3, conjugate pairs need an even number"):
        infer(primitive, primitive.bind(3), (tokens(5, 4),))
