"""Causality of whole networks, against what other tokens at the end change."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from einsearch.compile.module import build_module
from einsearch.derivation.replay import architecture
from einsearch.errors import ShapeError
from einsearch.graph.requirements import violation
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.base import get_primitive, infer
from einsearch.primitives.causality import first_acausal
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.specs import TensorSpec, image, tokens
from tests.support import Line, program, series

SPEC = tokens(6, 4)
KEEPING: tuple[tuple[Any, ...], ...] = (
    ("linear", 4),
    ("conv1d", 4, 1),
    ("attention", 2, True),
    ("attention", 2, True, 1, 3, True),
    ("linear_attention", 2, True),
    ("depthwise_conv1d", 3),
    ("selective_scan", 2),
    ("s4d", 2),
    ("norm",),
    ("softmax",),
    ("dropout", 0.5),
    ("positional_encoding",),
    ("concat", 1),
    ("split", 2, 1),
    ("add",),
    ("mul",),
    ("parameter", 1.0),
)
MIXING: tuple[tuple[Any, ...], ...] = (
    ("linear", 6, 0),
    ("linear", 4, 0),
    ("conv1d", 4, 3),
    ("attention", 2),
    ("linear_attention", 2),
    ("selective_scan", 2, Symbol("backward")),
    ("s4d", 2, Symbol("bidirectional")),
    ("batch_norm",),
    ("group_norm", 2),
    ("mean", Symbol("instance")),
    ("permute", "ba"),
    ("concat", 0),
    ("split", 2, 0),
    ("matmul",),
    ("upsample", 2),
)


@st.composite
def networks(draw: st.DrawFn) -> Program:
    """Calls of all kinds on tokens, wherever they fit."""
    lines: list[Line] = []
    known: dict[Ref, TensorSpec] = {Ref(INPUT, 0): SPEC}
    for _ in range(draw(st.integers(1, 7))):
        is_mixing = draw(st.integers(0, 3)) == 0
        name, *args = draw(st.sampled_from(MIXING if is_mixing else KEEPING))
        primitive = get_primitive(name)
        few, most = primitive.arity
        refs = [draw(st.sampled_from([*known])) for _ in range(max(few, min(most, 2)))]
        try:
            made = infer(primitive, primitive.bind(*args), tuple(known[r] for r in refs))
        except ShapeError:
            continue
        known |= {Ref(len(lines), port): spec for port, spec in enumerate(made)}
        lines.append((name, args, refs))
    assume(lines)
    return program(SPEC, lines, [draw(st.sampled_from([*known][1:]))])


def is_causal(network: nn.Module, spec: TensorSpec) -> bool:
    """Whether tokens at the end, in training or not, leave what is made before them."""
    torch.manual_seed(0)
    x = torch.randn(3, *spec.shape, dtype=torch.float64)
    for place in range(1, spec.shape[0]):
        moved = torch.cat([x[:, :place], 3 * torch.randn_like(x[:, place:])], 1)
        for training in (True, False):
            network.train(training)
            before, after = (seeded(network, given)[:, :place] for given in (x, moved))
            if not torch.allclose(before, after, atol=1e-9):
                return False
    return True


def is_constant(network: nn.Module, spec: TensorSpec) -> bool:
    """Whether no answer depends on what enters."""
    one, other = (torch.randn(2, *spec.shape, dtype=torch.float64) for _ in range(2))
    network.eval()
    return torch.allclose(seeded(network, one), seeded(network, other), atol=1e-9)


def seeded(network: nn.Module, x: Tensor) -> Tensor:
    torch.manual_seed(1)
    with torch.no_grad():
        made: Tensor = network(x)
        return made


@settings(max_examples=150)
@given(networks())
def test_what_is_said_to_be_causal_is(written: Program) -> None:
    if first_acausal(written) is None:
        (spec,) = written.output
        network = build_module(written, 0).double()
        if spec.shape[0] == SPEC.shape[0]:
            assert is_causal(network, SPEC)
        else:
            assert is_constant(network, SPEC)


@pytest.mark.parametrize("step", KEEPING[:-5])
def test_series_of_what_keeps_the_order_keep_it(step: tuple[Any, ...]) -> None:
    assert first_acausal(series(SPEC, step, ("relu",), step)) is None


@pytest.mark.parametrize("step", MIXING)
def test_one_call_that_mixes_tokens_is_named(step: tuple[Any, ...]) -> None:
    arity = get_primitive(step[0]).arity[0]
    entering = tokens(4, 4) if step[0] == "matmul" else SPEC
    reads = [0] * max(arity, 2 if step[0] == "concat" else 1)
    written = program(entering, [("relu", (), [INPUT]), (step[0], step[1:], reads)])
    assert first_acausal(written) == 1
    reason = str(violation(written, ("causal",)))
    assert reason.startswith(f"a token may depend on later ones: {step[0]}")
    assert reason.endswith("(call 2 of 2) mixes them")


def test_what_is_not_read_does_not_matter() -> None:
    lines: list[Line] = [("relu", (), [INPUT]), ("attention", (), [INPUT])]
    assert first_acausal(program(SPEC, lines, [0])) is None
    assert first_acausal(program(SPEC, lines, [1])) == 1
    assert first_acausal(program(SPEC, [*lines, ("constant", (1.0,), [1])], [2])) is None


def test_the_order_is_not_got_back() -> None:
    written = series(SPEC, ("permute", "ba"), ("relu",), ("permute", "ba"))
    assert is_causal(build_module(written, 0).double(), SPEC)
    assert "permute" in str(violation(written, ("causal",)))


@pytest.mark.parametrize(
    ("text", "causal"),
    [
        ("sparse_modular_activation(attention(2, causal=true))", True),
        ("sparse_modular_activation(attention(2))", False),
        ("experts(linear(4) >> gelu, 3, 2)", True),
        ("experts(depthwise_conv1d(2), 3, 2, route=example)", False),
        ("experts(depthwise_conv1d(2), 1, 1, route=example)", True),
        ("experts(conv1d(4, 3), 1, 1, route=example)", False),
    ],
)
def test_expressions_are_looked_into(text: str, causal: bool) -> None:
    written = architecture(text, SPEC).program
    assert (first_acausal(written) is None) is causal
    assert all(is_causal(build_module(written, n).double(), SPEC) for n in range(3)) is causal


def test_images_have_no_order() -> None:
    written = series(image(3, 4, 4), ("relu",))
    reason = violation(written, ("causal",))
    assert reason == "only tokens come in an order, and image:3x4x4 enters"
