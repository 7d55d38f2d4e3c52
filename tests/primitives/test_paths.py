"""Orders of tokens and the gate over paths, against RSMamba's mixer written down by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from einsearch.compile.module import build_module
from einsearch.derivation.replay import architecture
from einsearch.errors import ShapeError
from einsearch.primitives.base import get_primitive, infer
from einsearch.primitives.kernels.paths import shuffle, shuffled_order
from einsearch.primitives.program import Program
from einsearch.specs import image, tokens, vector
from tests.derivation.spaces import packaged
from tests.primitives.calling import assert_equal, call, outcome
from tests.primitives.recurrences import export_everywhere

BLOCKS = packaged("blocks/mamba")
MIXER, PATHS = "mamba(8, 4, forward)", "multipath_mamba(8, 4)"


def program_of(text: str, grid: tuple[int, int] | None = None) -> Program:
    """What an expression makes of the packaged blocks."""
    return architecture(text, tokens(12, 8, grid), BLOCKS).program


def gate_of(network: nn.Module) -> Any:
    (gate,) = [m for m in network.modules() if type(m).__name__ == "GatedSum"]
    return gate


def test_reverse_begins_at_the_end() -> None:
    x = torch.randn(2, 5, 3)
    assert_equal(outcome("reverse", of=x, on=tokens(5, 3)), x[:, [4, 3, 2, 1, 0]])


@settings(max_examples=60)
@given(length=st.integers(1, 600), seed=st.integers(0, 1_000_000))
def test_shuffling_keeps_every_token_and_is_undone(length: int, seed: int) -> None:
    x = torch.randn(1, length, 2)
    order = shuffled_order(length, seed, x.device)
    assert sorted(order.tolist()) == [*range(length)]
    assert torch.equal(shuffle(x, seed), x[:, order])
    assert torch.equal(shuffle(shuffle(x, seed), seed, inverse=True), x)


@settings(max_examples=30)
@given(seed=st.integers(0, 1_000_000))
def test_a_shuffled_token_may_come_from_anywhere(seed: int) -> None:
    order = shuffled_order(1000, seed, torch.device("cpu")).double()
    places = torch.arange(1000).double()
    # Of uniform orders: a mean distance of a third, and correlations of 1/sqrt(1000).
    assert 290 < (order - places).abs().mean() < 376
    assert torch.corrcoef(torch.stack([order, places]))[0, 1].abs() < 0.16
    assert torch.corrcoef(torch.stack([order[1:], order[:-1]]))[0, 1].abs() < 0.16


def test_the_order_is_the_same_on_every_machine() -> None:
    prime = 2**31 - 1
    keys = [pow(place * 48_271 + 3 * 69_621 + 1, 5, prime) for place in range(40)]
    expected = sorted(range(40), key=lambda place: keys[place])
    assert shuffled_order(40, 3, torch.device("cpu")).tolist() == expected


def test_a_gate_weighs_tensors_by_the_averages_of_all() -> None:
    spec = image(4, 3, 2)
    network, x = call("gated_sum", on=(spec,) * 3), torch.randn(3, 2, 4, 3, 2)
    averages = torch.cat([t.mean((2, 3)) for t in x], 1)
    shares = (averages @ network.inner.rate.weight.T).exp()
    shares = shares / shares.sum(1, keepdim=True)
    total = sum(shares[:, n].view(2, 1, 1, 1) * x[n] for n in range(3))
    assert_equal(network(*x)[0], total)
    features = torch.randn(3, 2, 4)
    alone = call("gated_sum", on=(vector(4),) * 3)
    rated = (features.transpose(0, 1).flatten(1) @ alone.inner.rate.weight.T).softmax(1)
    assert_equal(alone(*features)[0], (rated.T.unsqueeze(2) * features).sum(0))


def test_is_the_mixer_of_rsmamba() -> None:
    """One mixer on the sequence, the turned and the shuffled one, as one batch, then the gate."""
    network = build_module(program_of(PATHS), 0)
    mixer = build_module(program_of(MIXER), 1)
    ours = [(k, v) for k, v in network.state_dict().items() if not k.endswith("rate.weight")]
    assert len(ours) == len(mixer.state_dict()), "paths share one set of weights"
    given = dict(zip(mixer.state_dict(), (tensor for _, tensor in ours), strict=True))
    mixer.load_state_dict(given)
    x, order = torch.randn(3, 12, 8), shuffled_order(12, 0, torch.device("cpu"))
    made = mixer(torch.cat([x, x.flip(1), x[:, order]])).chunk(3)
    back = torch.empty_like(x)
    back[:, order] = made[2].detach()
    paths = [made[0], made[1].flip(1), back]
    gate = gate_of(network).rate.weight
    shares = (torch.cat([p.mean(1) for p in paths], -1) @ gate.T).softmax(-1)
    expected = sum(shares[:, n].view(-1, 1, 1) * paths[n] for n in range(3))
    assert_equal(network(x), expected)


def test_answers_do_not_change_from_run_to_run() -> None:
    program, x = program_of(PATHS), torch.randn(3, 12, 8)
    network, again = build_module(program, 0), build_module(program, 7)
    again.load_state_dict(network.state_dict())
    assert torch.equal(network.eval()(x), again.eval()(x))
    assert torch.equal(network(x), network(x))


def test_turning_the_sequence_turns_the_outcome_where_the_gate_is_even() -> None:
    text = f"(m, reverse >> m >> reverse) >> gated_sum where m = tied({MIXER})"
    network = build_module(program_of(text), 0)
    x = torch.randn(2, 12, 8)
    assert not torch.allclose(network(x.flip(1)), network(x).flip(1), atol=1e-5)
    rate = gate_of(network).rate.weight
    with torch.no_grad():
        # Each row rates its own path as the other row rates the other one.
        rate[1].copy_(rate[0].view(2, 8).flip(0).flatten())
    assert_equal(network(x.flip(1)), network(x).flip(1))
    palindrome = x + x.flip(1)
    made = network(palindrome)
    assert_equal(made, made.flip(1))


def test_is_exported(tmp_path: Path) -> None:
    export_everywhere(program_of(PATHS), tmp_path)


def test_says_why_it_rejects() -> None:
    for name in ("reverse", "shuffle"):
        with pytest.raises(ShapeError, match=f"{name} cannot take vector:8: it needs tokens"):
            infer(get_primitive(name), get_primitive(name).bind(), (vector(8),))
    primitive = get_primitive("gated_sum")
    with pytest.raises(ShapeError, match="they must have one shape"):
        infer(primitive, primitive.bind(), (tokens(4, 8), tokens(8, 4)))


def test_what_comes_back_is_an_image_again() -> None:
    program = program_of(PATHS, (3, 4))
    assert program.output == (tokens(12, 8, (3, 4)),)
