"""Expressions that primitives take: drawn, printed, read, edited, and counted."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.derivation.analysis import analyse
from einsearch.derivation.arity import find_mismatches
from einsearch.derivation.bounds import Bounds
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.edit import crossover, mutate
from einsearch.derivation.limits import Limits
from einsearch.derivation.operators import OPERATORS
from einsearch.derivation.parse import parse
from einsearch.derivation.replay import architecture, replay
from einsearch.derivation.sites import ways_back
from einsearch.derivation.target import same_architecture
from einsearch.errors import GrammarError, InfeasibleSpace, NoNeighbour, ParseError, ShapeError
from einsearch.graph.canonical import canonical_hash
from einsearch.primitives.base import infer
from einsearch.primitives.program import INPUT, MOST_LEVELS, Program
from einsearch.specs import image, tokens, vector
from tests.derivation.spaces import WITH_EXPRESSIONS, draw, grammar

SPACE = grammar(WITH_EXPRESSIONS)
INPUT_SPEC = tokens(5, 6)
LIMITS = Limits(nodes=120, depth=8)
SEEDS = st.integers(0, 2**32)


def found(seed: int, limits: Limits = LIMITS) -> Derivation:
    return draw(SPACE, seed, INPUT_SPEC, limits)


def programs(program: Program) -> Iterator[Program]:
    """A program, and all those of expressions inside it."""
    pending = [program]
    while pending:
        item = pending.pop()
        yield item
        pending += [inner.program for call in item.calls for inner in call.inner]


def nodes_as_built(program: Program) -> int:
    """Counted from the text of the definition: a copy of an expression for each expert."""
    count = 0
    for call in program.calls:
        copies = call.args["count"] if call.primitive.name == "experts" else 1
        inner = call.args.get("expression")
        count += 1 + (0 if inner is None else copies * nodes_as_built(inner))
    return count


@given(seed=SEEDS)
@settings(max_examples=60)
def test_text_decisions_and_derivation_give_each_other(seed: int) -> None:
    derived = found(seed)
    read = architecture(derived.text, INPUT_SPEC)
    assert read.text == derived.text
    assert same_architecture(read, derived)
    assert canonical_hash(read.program) == canonical_hash(derived.program)
    again = replay(SPACE, INPUT_SPEC, json.loads(json.dumps(derived.decisions)))
    assert (again.program, again.decisions) == (derived.program, derived.decisions)
    assert again.log_probability == derived.log_probability
    parsed = parse(SPACE, derived.text, INPUT_SPEC)
    assert same_architecture(parsed, derived)
    assert parsed.log_probability >= derived.log_probability - 1e-9


@given(seed=SEEDS, nodes=st.integers(24, 80), depth=st.integers(3, 7))
@settings(max_examples=60)
def test_limits_count_every_copy_and_level(seed: int, nodes: int, depth: int) -> None:
    derived = found(seed, Limits(nodes=nodes, depth=depth, parameters=6000))
    assert derived.nodes == derived.counted == nodes_as_built(derived.program) <= nodes
    assert derived.depth <= depth
    assert derived.program.cost.parameters <= 6000


@given(seed=SEEDS)
@settings(max_examples=40)
def test_specs_inside_are_those_inferred(seed: int) -> None:
    for program in programs(found(seed).program):
        for number, call in enumerate(program.calls):
            assert all(INPUT <= ref.call < number for ref in call.inputs)
            assert tuple(map(program.spec, call.inputs)) == call.specs
            assert infer(call.primitive, call.args, call.specs) == call.outputs


@given(seed=SEEDS)
@settings(max_examples=40)
def test_addresses_are_unique(seed: int) -> None:
    addresses = [decision.address for decision in found(seed).decisions]
    assert len(set(addresses)) == len(addresses)


class TestMeaning:
    def test_an_expression_is_a_network_of_its_own(self) -> None:
        read = architecture("linear(6) >> experts(linear(4) >> gelu, 3, 2) >> tanh", vector(5))
        call = read.program.calls[1]
        (inner,) = call.inner
        assert (inner.name, inner.copies) == ("expression", 3)
        assert [c.primitive.name for c in inner.program.calls] == ["linear", "gelu"]
        assert inner.program.input == (vector(6),)
        assert call.outputs == (vector(4),)
        assert read.nodes == 3 + 3 * 2

    def test_it_is_one_level_deeper(self) -> None:
        text = "experts((linear(4), gelu) >> add, 2, 1)"
        assert architecture(text, vector(4)).depth == 2
        rules = grammar("start x\nx = experts(linear(4) when depth == 1 | relu, 2, 1)")
        assert "linear" in draw(rules, 0, vector(4)).text

    def test_attributes_are_those_of_what_enters_it(self) -> None:
        rules = grammar(
            "start x\nx = experts(y, 2, 2)\ny = linear(2 * features) when vector | linear(3)"
        )
        texts = {draw(rules, seed, image(5, 4, 4)).text for seed in range(20)}
        assert texts == {"experts(linear(10), 2, 2)", "experts(linear(3), 2, 2)"}

    def test_weights_tied_inside_are_shared_in_each_copy_alone(self) -> None:
        # One matrix outside, one in each of two experts, and the router.
        text = "{ u = in >> c >> c  out = u >> experts(c >> c, 2, 1) } where c = tied(linear(8))"
        program = architecture(text, vector(8)).program
        assert program.cost.parameters == 72 + 2 * 72 + 16
        inner = program.calls[2].inner[0].program
        assert [call.weights for call in inner.calls] == ["0", "0"]

    def test_tied_calls_share_all_that_is_inside(self) -> None:
        text = "c >> c where c = tied(experts(linear(8), 2, 1))"
        assert architecture(text, vector(8)).program.cost.parameters == 2 * 72 + 16

    def test_tied_weights_have_one_shape_inside(self) -> None:
        with pytest.raises(ShapeError, match="tied weights are used at different shapes"):
            architecture("experts(c >> linear(4) >> c, 1, 1) where c = tied(linear(8))", vector(8))

    def test_what_is_tied_outside_is_still_known_behind_an_expression(self) -> None:
        text = "c >> experts(gelu >> c, 1, 1) >> linear(4) >> c where c = tied(linear(8))"
        with pytest.raises(ShapeError, match="tied weights are used at different shapes"):
            architecture(text, vector(8))

    def test_copies_in_a_repeat_have_the_same_structure(self) -> None:
        rules = grammar("start x\nx = repeat(3, experts(linear({4, 8}) >> (relu | gelu), 2, 1))")
        derived = draw(rules, 3, vector(4))
        first, second, _ = derived.program.calls
        names = [[c.text for c in call.inner[0].program.calls] for call in (first, second)]
        assert names[0] == names[1]
        assert len(derived.decisions) == 2

    def test_attributes_stay_open_where_copies_differ_inside(self) -> None:
        rules = grammar("start x\nx = repeat(2, experts(linear(2 * features) >> gelu, 2, 1))")
        derived = draw(rules, 0, tokens(3, 4))
        assert derived.output == tokens(3, 16)
        assert derived.text == "repeat(2, experts(linear(2 * features) >> gelu, 2, 1))"
        assert architecture(derived.text, tokens(3, 4)).program == derived.program

    def test_expressions_nest_so_deep_and_no_deeper(self) -> None:
        def text(levels: int) -> str:
            return "sparse_modular_activation(" * levels + "linear(3)" + ")" * levels

        assert architecture(text(MOST_LEVELS), tokens(2, 3)).program.levels == MOST_LEVELS
        with pytest.raises(ShapeError, match=f"nest at most {MOST_LEVELS} deep"):
            architecture(text(MOST_LEVELS + 1), tokens(2, 3))


class TestDeadEnds:
    def test_a_dead_end_inside_is_left(self) -> None:
        rules = grammar(
            "start x\nx = sparse_modular_activation(linear({2, 3, 4, 5}) >> (split(2, 0) | gelu))"
        )
        texts = {draw(rules, seed, tokens(4, 3)).text for seed in range(30)}
        assert texts == {"sparse_modular_activation(linear(3) >> gelu)"}

    def test_a_space_without_a_way_names_it(self) -> None:
        with pytest.raises(InfeasibleSpace, match="vector:4"):
            draw(grammar("start x\nx = experts(relu | gelu, 2, 1)"), 0, vector(4))
        with pytest.raises(ShapeError, match=r"experts cannot take vector:4: .* has no weights"):
            architecture("experts(relu, 2, 1)", vector(4))

    def test_everything_inside_is_tried_before_a_space_is_given_up(self) -> None:
        text = """
        start x
        x = linear(8) >> (experts(y, {2, 4}, 1), identity) >> add >> sparse_modular_activation(z)
        y = linear({2, 3, WIDTH}) >> (o | experts(y, 2, 1) [0.3]) >> linear({4, 5, 6, 7, WIDTH})
        z = chain(3, linear({2, 3, 5, 7, 11, 13, 17, WIDTH}) >> o)
        o = relu | gelu | { u = in >> tanh  out = any >> silu }
        """
        one = draw(grammar(text.replace("WIDTH", "8")), 0, tokens(3, 5), Limits(nodes=40, depth=5))
        assert one.output == tokens(3, 8)
        none = grammar(text.replace("WIDTH", "9"))
        with pytest.raises(InfeasibleSpace):
            draw(none, 0, tokens(3, 5), Limits(nodes=40, depth=5))

    def test_what_an_abandoned_draw_made_is_gone(self) -> None:
        """A draw inside is taken again after calls behind the expression were made."""
        rules = grammar(
            "start x\nx = sparse_modular_activation(linear(4) >> o) >> linear(8) "
            ">> experts(o >> linear({2, 3, 4, 5, 6}), 2, 1) >> last\no = relu | gelu | silu\n"
            "last = tanh when features == 5 | sigmoid >> linear(7) >> split(5, 0)"
        )
        for seed in range(40):
            derived = draw(rules, seed, tokens(4, 4))
            again = replay(rules, tokens(4, 4), derived.decisions)
            assert again.program == derived.program

    def test_bounds_count_copies(self) -> None:
        rules = grammar(
            "start x\nx = linear(4) >> experts(y, {3, 9}, 1)\ny = linear(4) | y >> gelu"
        )
        assert Bounds(rules.rules, None).least_of_rule("x") == 2 + 3
        for seed in range(10):
            assert draw(rules, seed, vector(4), Limits(nodes=5)).nodes == 5

    def test_a_limit_on_depth_counts_the_expression(self) -> None:
        rules = grammar("start x\nx = linear(4) | experts(x, 2, 1) [0.99]")
        assert draw(rules, 1, vector(4), Limits(depth=0)).text == "linear(4)"
        deepest = max(draw(rules, s, vector(4), Limits(depth=3)).depth for s in range(10))
        assert deepest == 3


class TestReading:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("experts(linear(8) >> identity >> gelu, 2, 1)", "experts(linear(8) >> gelu, 2, 1)"),
            ("experts(linear(8, axis=last), active=1, count=2)", "experts(linear(8), 2, 1)"),
            (
                "experts({ a = in >> linear(8)  b = in >> linear(4)  out = a >> gelu }, 2, 1)",
                "experts(linear(8) >> gelu, 2, 1)",
            ),
            (
                "experts((gelu, relu) >> add, 2, 1)",
                "experts(clone(2) >> (gelu, relu) >> add, 2, 1)",
            ),
        ],
    )
    def test_equivalences_hold_inside(self, written: str, meant: str) -> None:
        rules = grammar(
            """
            start x
            x = experts(y, {1, 2}, 1)
            y = linear(8) >> z | { a = in >> linear({4, 8})  b = in >> linear(4)
                                   out = any(1, a, b) >> z } | linear(8) | f >> (gelu, relu) >> add
            f = identity | clone(2)
            z = gelu | relu | identity
            """
        )
        spec = vector(8)
        if "add" in written:
            written, meant = (
                t.replace("experts(", "experts(linear(8) >> ") for t in (written, meant)
            )
            rules = grammar(
                "start x\nx = experts(linear(8) >> f >> (gelu, relu) >> add, {1, 2}, 1)\n"
                "f = identity | clone(2)"
            )
        left, right = parse(rules, written, spec), parse(rules, meant, spec)
        assert canonical_hash(left.program) == canonical_hash(right.program)

    def test_the_call_at_fault_is_named(self) -> None:
        rules = grammar("start x\nx = experts(linear(4) >> (gelu | silu), {2, 4}, 1) >> tanh")
        with pytest.raises(ParseError) as caught:
            parse(rules, "experts(linear(4) >> relu, 4, 1) >> tanh", vector(4))
        assert str(caught.value) == (
            "<text>:1:22: test.ein cannot derive this text: relu cannot stand here\n"
            "    experts(linear(4) >> relu, 4, 1) >> tanh\n"
            "                         ^\n"
            "  expected gelu, silu"
        )
        with pytest.raises(ParseError, match=r"1:1: .* experts cannot stand here"):
            parse(rules, "experts(linear(4) >> gelu, 3, 1) >> tanh", vector(4))

    def test_tensors_outside_cannot_be_read(self) -> None:
        with pytest.raises(GrammarError) as caught:
            grammar("x = { u = in >> relu  out = in >> experts({ out = u >> gelu }, 2, 1) }")
        assert str(caught.value) == (
            "test.ein:1:51: the tensor u cannot be read inside the expression of a primitive\n"
            "    x = { u = in >> relu  out = in >> experts({ out = u >> gelu }, 2, 1) }\n"
            "                                                      ^\n"
            "  it is a network of its own: what it reads must enter the primitive"
        )

    def test_any_sees_what_enters_the_expression(self) -> None:
        rules = grammar(
            "start x\nx = { u = in >> linear(4)  out = u >> experts(y, 2, 1) }\n"
            "y = any >> linear(4)"
        )
        derived = draw(rules, 0, vector(3))
        assert derived.decisions[-1].domain == "any: in"
        assert architecture(derived.text, vector(3)).text == derived.text

    def test_a_value_is_no_expression(self) -> None:
        with pytest.raises(GrammarError, match="8 is a value, but an operation is expected"):
            grammar("x = experts(8, 2, 1)")


def outside(program: Program) -> list[str]:
    """The calls of a program without what their expressions hold."""
    blank = {"expression": None}
    return [
        f"{c.primitive.name} {dict(c.args) | blank if c.inner else dict(c.args)} {c.inputs}"
        for c in program.calls
    ]


class TestEdits:
    @given(seed=SEEDS)
    @settings(max_examples=40)
    def test_mutants_are_valid_and_different(self, seed: int) -> None:
        parent = found(seed)
        child = mutate(parent, np.random.default_rng(seed), LIMITS, None, canonical_hash)
        assert canonical_hash(child.program) != canonical_hash(parent.program)
        assert child.nodes <= (LIMITS.nodes or 0)
        assert replay(SPACE, INPUT_SPEC, child.decisions).text == child.text

    def test_a_mutation_inside_leaves_everything_outside(self) -> None:
        rules = grammar(
            "start x\nx = linear(4) >> experts(e, 2, 1) >> o\n"
            "e = linear(4) >> o >> linear({4, 8})\no = relu | gelu | silu | tanh"
        )
        parent = draw(rules, 0, vector(3))
        inside = 0
        for seed in range(30):
            child = mutate(parent, np.random.default_rng(seed), None, None, canonical_hash)
            if child.values[-1] == parent.values[-1] and child.values[0] != parent.values[0]:
                assert outside(child.program) == outside(parent.program)
                inside += 1
        assert inside > 3

    def test_subtrees_move_in_and_out(self) -> None:
        rules = grammar(
            "start x\nx = y >> experts(y, 2, 1)\ny = linear({4, 5, 6}) >> o\no = relu | gelu"
        )
        # What keeps the shapes is exchanged first: one inside, and one outside.
        left, right = (
            parse(rules, text, vector(3))
            for text in (
                "linear(6) >> relu >> experts(linear(4) >> relu, 2, 1)",
                "linear(5) >> gelu >> experts(linear(6) >> gelu, 2, 1)",
            )
        )
        rng = np.random.default_rng(0)
        first, second = crossover(left, right, rng, None, None, canonical_hash)
        assert first.text == "linear(6) >> gelu >> experts(linear(4) >> relu, 2, 1)"
        assert second.text == "linear(5) >> gelu >> experts(linear(6) >> relu, 2, 1)"

    @pytest.mark.parametrize("name", OPERATORS)
    def test_every_operator_reaches_inside(self, name: str) -> None:
        rules = grammar(
            """
            start x
            x = linear(8) >> experts(y >> linear({8, 16, 32}), 2, 1)
            y = o | (y, y) >> concat(0) [0.4]
            o = relu | gelu | silu
            """
        )
        changed = 0
        for seed in range(12):
            parent = draw(rules, seed, vector(4), Limits(nodes=60))
            try:
                child = OPERATORS[name](
                    parent, np.random.default_rng(seed), Limits(nodes=80), None, canonical_hash
                )
            except NoNeighbour:
                continue
            assert outside(child.program) == outside(parent.program)
            changed += 1
        assert changed

    def test_ways_back_lead_through_expressions(self) -> None:
        rules = grammar("start x\nx = linear(4) >> o\no = relu | experts(x, 2, 1)")
        (way,) = ways_back(rules, "x")
        assert (way.path, way.rule) == (("o", "x"), "x")


class TestWithoutDrawing:
    def test_expected_sizes_count_copies_as_built(self) -> None:
        rules = grammar(
            "start x\nx = linear(4) >> experts(y, {2, 4}, 1)\ny = linear(4) | y >> relu [0.25]"
        )
        found = analyse(rules, 4)
        assert found.drawn_nodes == pytest.approx(2 + 4 / 3)
        assert found.built_nodes == pytest.approx(2 + 3 * 4 / 3)
        sizes = [draw(rules, seed, vector(4)).nodes for seed in range(600)]
        assert np.mean(sizes) == pytest.approx(found.built_nodes, rel=0.1)

    def test_an_endless_expression_is_found(self) -> None:
        rules = grammar("start x\nx = experts(y, 2, 1)\ny = y >> relu")
        assert Bounds(rules.rules, None).least_of_rule("x") >= Bounds.UNBOUNDED
        assert analyse(
            grammar("start x\nx = experts(y, 2, 1)\ny = y >> y [0.8] | relu"), 3
        ).termination == pytest.approx(0.25)

    def test_what_leaves_an_expression_is_one_tensor(self) -> None:
        (wrong,) = find_mismatches(grammar("start x\nx = experts(linear(4) >> split(2, 0), 2, 1)"))
        assert wrong.message == (
            "the expression of a primitive makes one tensor, but 2 leave this one"
        )
        (wrong,) = find_mismatches(
            grammar("start x\nx = experts(clone(2) >> matmul >> matmul, 2, 1)")
        )
        assert wrong.message == "matmul takes 2 tensors, but 1 arrive"
        assert not find_mismatches(SPACE)
