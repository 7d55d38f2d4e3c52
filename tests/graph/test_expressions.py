"""Programs inside of calls: simplified, hashed, counted, judged and drawn."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from einsearch.compile.module import build_module
from einsearch.derivation.replay import architecture
from einsearch.graph.canonical import canonical_hash
from einsearch.graph.draw import draw_text
from einsearch.graph.graph import ArchitectureGraph
from einsearch.graph.outline import caption
from einsearch.graph.requirements import REQUIREMENTS, violation
from einsearch.graph.simplify import simplify
from einsearch.graph.svg import draw_svg
from einsearch.primitives.base import Signal
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.specs import TensorSpec, tokens, vector
from tests.derivation.spaces import WITH_EXPRESSIONS, draw, grammar
from tests.support import program, series

SPEC = tokens(4, 8)
ALL = tuple(name for name in REQUIREMENTS if name != "causal")


def read(text: str, spec: TensorSpec = SPEC) -> Program:
    return architecture(text, spec).program


# --- the same, and not the same ------------------------------------------------------------------

EQUAL = [
    ("experts(linear(8) >> gelu, 4, 2)", "experts(linear(8) >> identity >> gelu, 4, 2)"),
    ("experts(linear(8), 2, 1)", "experts(linear(8, axis=last), 2, 1)"),
    (
        "experts((linear(8), gelu) >> add, 2, 1)",
        "experts({ a = in >> gelu  b = a >> relu  out = (a, in >> linear(8)) >> add }, 2, 1)",
    ),
    ("experts(repeat(2, linear(8)), 2, 1)", "experts(linear(8) >> linear(8), 2, 1)"),
    (
        "experts(experts(linear(8) >> add, 2, 1) >> relu, 2, 1)",
        "experts(experts(linear(8), 2, 1) >> relu, 2, 1)",
    ),
    (
        'sparse_modular_activation(linear(8) >> permute("ba") >> permute("ba"))',
        "sparse_modular_activation(linear(8))",
    ),
    ("experts(tied(linear(8)), 2, 1)", "experts(linear(8), 2, 1)"),
]
DIFFERENT = [
    ("experts(linear(8) >> gelu, 4, 2)", "experts(linear(8) >> relu, 4, 2)"),
    ("experts(linear(8), 4, 2)", "experts(linear(8), 4, 1)"),
    ("experts(linear(8), 4, 2)", "experts(linear(8), 5, 2)"),
    ("experts(linear(8), 2, 2)", "experts(linear(8), 2, 2, route=example)"),
    ("experts(linear(8), 1, 1)", "linear(8)"),
    ("experts(c >> c, 2, 1) where c = tied(linear(8))", "experts(linear(8) >> linear(8), 2, 1)"),
    ("experts(experts(linear(8), 2, 1), 3, 1)", "experts(experts(linear(8), 3, 1), 2, 1)"),
    (
        "c >> c where c = tied(experts(linear(8), 2, 1))",
        "c >> c where c = experts(linear(8), 2, 1)",
    ),
]


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_hash_sees_through_what_simplifies_inside(left: str, right: str) -> None:
    assert canonical_hash(read(left)) == canonical_hash(read(right))


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_hash_tells_what_differs_inside(left: str, right: str) -> None:
    assert canonical_hash(read(left)) != canonical_hash(read(right))


def test_hash_of_a_program_with_expressions_does_not_change_between_versions() -> None:
    text = "experts(linear(8) >> gelu, 4, 2) >> sparse_modular_activation(attention)"
    assert canonical_hash(read(text)) == "4-bbab7de5de0b776144ee9e84d4e9c3c2"


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_simplifying_twice_changes_nothing(seed: int) -> None:
    drawn = draw(grammar(WITH_EXPRESSIONS), seed, SPEC).program
    simple = simplify(drawn)
    assert simplify(simple) == simple
    assert simple.cost.parameters <= drawn.cost.parameters
    assert canonical_hash(simple) == canonical_hash(drawn)


def test_calls_inside_are_dropped() -> None:
    written = read("experts({ a = in >> linear(3)  out = in >> identity >> linear(8) }, 2, 1)")
    (call,) = simplify(written).calls
    assert str(call.inner[0].program) == "linear(8)"
    assert simplify(written).cost.parameters == 2 * 72 + 16


def test_what_the_primitive_could_not_take_stays() -> None:
    """Experts need weights; simplified, this expression has none."""
    written = series(SPEC, ("experts", series(vector(8), ("linear", 8), ("zero",)), 2, 1))
    (call,) = simplify(written).calls
    assert [c.primitive.name for c in call.inner[0].program.calls] == ["linear", "zero"]


def test_random_expressions_are_not_merged() -> None:
    inner = series(vector(8), ("dropout", 0.5))
    twice = program(
        vector(8), [("experts", (inner, 1, 1), [INPUT])] * 2 + [("add", (), [0, 1])], [2]
    )
    still = program(
        vector(8),
        [("experts", (series(vector(8), ("gelu",)), 1, 1), [INPUT])] * 2 + [("add", (), [0, 1])],
    )
    assert (len(simplify(twice).calls), len(simplify(still).calls)) == (3, 2)


# --- costs ---------------------------------------------------------------------------------------


def test_costs_are_those_of_the_copies() -> None:
    text = "experts(linear(16) >> gelu >> linear(8), 4, 2)"
    inner = 8 * 16 + 16 + 16 * 8 + 8
    graph = ArchitectureGraph(read(text))
    assert graph.parameters == 4 * inner + 4 * 8
    assert graph.flops == 4 * (2 * 2 * (8 * 16 + 16 * 8) + 2 * 4 * 8)
    module = build_module(graph.program)
    assert sum(p.numel() for p in module.parameters()) == graph.parameters
    with FlopCounterMode(display=False) as counter:
        module(torch.randn(3, 4, 8))
    assert counter.get_total_flops() == 3 * graph.flops
    assert graph.activation_memory > 2 * 4 * 4 * (16 + 16 + 8)


def test_nodes_of_the_networkx_graph_hold_the_program_inside() -> None:
    graph = ArchitectureGraph(read("relu >> experts(linear(8) >> identity, 4, 2)")).networkx
    inside = graph.nodes[1]["args"]["expression"]
    assert isinstance(inside, Program)
    assert ArchitectureGraph(inside).networkx.nodes[0]["primitive"] == "linear"


def test_moments_go_through_the_expression() -> None:
    written = read("experts(linear(8) >> square, 4, 4)")
    (call,) = written.calls
    (alone,) = read("linear(8) >> square", vector(8)).signals((Signal(),))
    (mixed,) = call.primitive.signal(call.specs, call.args, (Signal(),))
    assert mixed.mean == alone.mean
    assert mixed.variance == pytest.approx(alone.variance / 4)


# --- requirements --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "experts(linear(8) >> gelu >> linear(8), 4, 2)",
        "experts(linear(8), 4, 2)",
        "sparse_modular_activation(attention)",
        "experts(experts(linear(8) >> relu, 2, 1) >> tanh, 2, 1)",
    ],
)
def test_networks_that_learn_have_all(text: str) -> None:
    assert violation(read(text), ALL) is None


def test_experts_that_ignore_the_input_are_still_chosen_by_it() -> None:
    written = read("experts({ out = parameter(1.0) }, 4, 2) >> linear(3)")
    assert violation(written, ("input", "parameters", "nonlinearity")) is None


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ("experts(linear(8) >> zero, 2, 1)", "input", "does not depend on the input: experts"),
        ("experts(linear(8) >> zero, 2, 1)", "parameters", "nothing is trainable"),
        ("experts(linear(8), 1, 1)", "nonlinearity", "the outcome is affine in the input"),
        (
            "sparse_modular_activation(linear(8) >> zero) >> linear(8)",
            "gradient",
            "in the expression of sparse_modular_activation(linear(8) >> zero) (call 1 of 2): no ",
        ),
        (
            "sparse_modular_activation(zero) >> linear(8)",
            "gradient",
            "no gradient reaches sparse_modular_activation(zero) (call 1 of 2): its expression is",
        ),
        (
            "experts({ a = in >> linear(8)  b = a >> zero  out = (b, in) >> add >> square }, 1, 1)",
            "gradient",
            "no gradient reaches the parameters of linear",
        ),
        (
            "experts(linear(8) >> exp >> exp >> exp, 2, 1)",
            "gradient",
            "in the expression of experts(linear(8) >> exp >> exp >> exp, 2, 1) (call 1 of 1): ",
        ),
    ],
)
def test_what_is_wrong_inside_is_named(text: str, name: str, reason: str) -> None:
    assert reason in str(violation(read(text), (name,)))


# --- drawings ------------------------------------------------------------------------------------


def test_an_expression_is_drawn_above_its_call() -> None:
    text = "layer_norm >> experts(repeat(3, linear(8) >> gelu), 4, 2)"
    shown = "experts(linear(8) >> gelu >> linear(8) >> gelu >> linea…, 4, 2)"
    assert draw_text(read(text)) == (
        f"●  {'input':<63}  tokens:4x8\n"
        f"●  {'layer_norm':<63}  tokens:4x8          16\n"
        "│  ┌ expression x 4\n"
        f"│  {'│ ●  input':<63}  vector:8\n"
        "│  │ │  ┌ x 3\n"
        f"│  {'│ ●  │ linear(8)':<63}  vector:8            72\n"
        f"│  {'│ ●  │ gelu':<63}  vector:8\n"
        "│  │ │  └\n"
        f"│  {'│ ●  output':<63}  vector:8\n"
        "│  └\n"
        f"●  {shown:<63}  tokens:4x8         896\n"
        f"●  {'output':<63}  tokens:4x8"
    )


def test_long_expressions_are_shortened_in_captions() -> None:
    (call,) = read("experts(repeat(9, linear(8) >> gelu), 4, 2)").calls
    assert caption(call) == "experts(linear(8) >> gelu >> linear(8) >> gelu >> linea…, 4, 2)"
    assert "linea…, 4, 2)" in draw_svg(read("experts(repeat(9, linear(8) >> gelu), 4, 2)"))


def test_programs_print_as_expressions_that_read_back() -> None:
    texts = [
        "linear(3) >> experts(linear(4) >> gelu, 2, 1)",
        "{ a = in >> linear(3)  out = (a, a) >> add }",
        "split(2, 1) >> (relu, gelu) >> concat(1)",
        "{ a = parameter(1.0)  out = (in, a) >> mul }",
    ]
    for text in texts:
        written = read(text)
        again = read(str(written))
        assert canonical_hash(again) == canonical_hash(written)
    outputs = program(SPEC, [("split", (2, 1), [INPUT])], [Ref(0, 1), Ref(0, 0)])
    assert str(outputs) == "{ (x0_0, x0_1) = in >> split(2, 1)  out = (x0_1, x0_0) }"
