"""Mutation at several scales: valid, different, local, and what each operator says of itself."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.derivation.derivation import Derivation
from einsearch.derivation.limits import Limits
from einsearch.derivation.operators import OPERATORS, innermost
from einsearch.derivation.parse import parse
from einsearch.derivation.replay import replay
from einsearch.errors import NoNeighbour
from einsearch.grammar.model import Grammar
from einsearch.graph.canonical import canonical_hash
from einsearch.specs import image
from tests.derivation.spaces import IMAGE, WITH_EVERYTHING, draw, grammar, packaged

SPACES = {"einspace": packaged("einspace"), "everything": grammar(WITH_EVERYTHING)}
LIMITS = Limits(nodes=60, depth=8)

RECURSIVE = grammar(
    """
start net
net = norm >> part >> norm
part = op | part >> part | (part, part) >> add | (part, identity) >> mul
op = relu | gelu | tanh | silu
"""
)
VALUES = grammar(
    """
start net
net = conv2d({2, 3, 5, 7, 11}, 1) >> conv2d(1..40, 1) >> dropout(0.0..0.5) >> relu
"""
)


def edit(name: str, parent: Derivation, seed: int = 0, limits: Limits | None = None) -> Derivation:
    return OPERATORS[name](parent, np.random.default_rng(seed), limits, None, canonical_hash)


def edits(name: str, parent: Derivation, count: int = 60) -> list[str]:
    """Texts of many edits; none where there is no neighbour."""
    try:
        return [edit(name, parent, seed).text for seed in range(count)]
    except NoNeighbour:
        return []


def parsed(rules: Grammar, text: str) -> Derivation:
    return parse(rules, text, IMAGE)


def common_ends(left: tuple[object, ...], right: tuple[object, ...]) -> tuple[int, int]:
    """How many decisions at the start, and then at the end, are the same."""
    shorter = min(len(left), len(right))
    start = next((i for i in range(shorter) if left[i] != right[i]), shorter)
    room = shorter - start
    return start, next((i for i in range(room) if left[-1 - i] != right[-1 - i]), room)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", OPERATORS)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_children_are_valid_and_differ_inside_one_subtree(name: str, space: str, seed: int) -> None:
    parent = draw(SPACES[space], seed, limits=LIMITS)
    try:
        child = edit(name, parent, seed, LIMITS)
    except NoNeighbour:
        return
    assert canonical_hash(child.program) != canonical_hash(parent.program)
    assert len(child.program.calls) <= 60
    assert child.depth <= 8
    assert replay(parent.grammar, IMAGE, child.decisions).text == child.text
    start, end = common_ends(parent.values, child.values)
    last = len(parent.values) - end
    assert any(a.decisions[0] <= start and last <= a.decisions[1] for a in parent.activations)


@pytest.mark.parametrize("name", OPERATORS)
def test_equal_seeds_give_equal_children(name: str) -> None:
    parent = draw(RECURSIVE, 3, limits=LIMITS)
    assert edits(name, parent, 10) == edits(name, parent, 10)


@pytest.mark.parametrize("name", OPERATORS)
def test_a_space_of_one_has_no_neighbour(name: str) -> None:
    only = draw(grammar("start x\nx = relu >> (identity | identity >> identity)"))
    with pytest.raises(NoNeighbour):
        edit(name, only)


@pytest.mark.parametrize("name", ["production", "swap", "grow", "shrink"])
def test_what_is_turned_down_is_no_neighbour(name: str) -> None:
    parent = parsed(RECURSIVE, "norm >> (relu, tanh) >> add >> norm")
    with pytest.raises(NoNeighbour):
        OPERATORS[name](
            parent, np.random.default_rng(0), None, lambda program: "never", canonical_hash
        )


@pytest.mark.parametrize("name", OPERATORS)
def test_derivations_of_thousands_of_levels(name: str) -> None:
    rules = grammar("start x\nx = op >> op >> x | op\nop = dropout({0.1, 0.2, 0.3}) | tanh")
    values = [0, 0, 0.2, 1] * 2000 + [1, 1]
    deep = replay(rules, image(1, 4, 4), [("", "", value) for value in values])
    assert max(a.level for a in deep.activations) > 2000
    unlimited = Limits(nodes=None, depth=None)
    assert edit(name, deep, 1, unlimited).text != deep.text


def decisions_that_differ(parent: Derivation, child: Derivation) -> list[tuple[object, object]]:
    pairs = zip(parent.values, child.values, strict=True)
    return [(old, new) for old, new in pairs if old != new]


class TestValue:
    def test_one_value_changes_to_a_near_one(self) -> None:
        parent = draw(VALUES, 1)
        for seed in range(80):
            [(old, new)] = decisions_that_differ(parent, edit("value", parent, seed))
            assert abs(float(new) - float(old)) < 22  # type: ignore[arg-type]

    def test_neighbours_in_order_come_most_often(self) -> None:
        parent = parse(VALUES, "conv2d(5, 1) >> conv2d(9, 1) >> dropout(0.2) >> relu", IMAGE)
        changed = Counter(edit("value", parent, seed).values[0] for seed in range(600))
        del changed[5]
        assert changed.keys() == {2, 3, 7, 11}
        assert min(changed[3], changed[7]) > max(changed[2], changed[11])

    def test_productions_stay(self) -> None:
        assert edits("value", draw(RECURSIVE, 3, limits=LIMITS)) == []

    def test_what_follows_is_kept_where_a_number_of_parts_changes(self) -> None:
        rules = grammar("start x\nx = chain({2, 3, 4}, op) >> norm >> op\nop = relu | gelu | tanh")
        parent = parse(rules, "relu >> gelu >> tanh >> norm >> tanh", IMAGE)
        for text in edits("value", parent, 30):
            *links, middle, last = text.split(" >> ")
            assert links[:3] == ["relu", "gelu", "tanh"][: len(links)]
            assert (middle, last) == ("norm", "tanh")
            assert len(links) != 3

    def test_other_tensors_are_values_too(self) -> None:
        rules = grammar("start x\nx = { a = in >> relu  b = a >> tanh  out = any(2) >> add }")
        parent = draw(rules, 1)
        assert len(set(edits("value", parent, 30))) == 2


class TestProduction:
    def test_one_alternative_changes(self) -> None:
        parent = draw(packaged("nasbench201"), 2)
        for seed in range(20):
            assert len(decisions_that_differ(parent, edit("production", parent, seed))) == 1

    def test_parts_of_the_old_alternative_stay(self) -> None:
        parent = parsed(RECURSIVE, "norm >> (tanh, gelu) >> add >> norm")
        found = set(edits("production", parent))
        assert "norm >> (tanh, identity) >> mul >> norm" in found
        assert "norm >> tanh >> gelu >> norm" in found
        roots = [text for text in found if "mul" in text and "add" not in text]
        assert all("tanh" in text for text in roots)

    def test_the_improbable_is_tried(self) -> None:
        rules = grammar("start x\nx = relu [0.98] | tanh [0.01] | gelu [0.01]")
        parent = parse(rules, "relu", IMAGE)
        counts = Counter(edits("production", parent))
        assert min(counts["tanh"], counts["gelu"]) > 15

    def test_what_has_probability_zero_is_never_drawn(self) -> None:
        rules = grammar("start x\nx = relu [1] | tanh [0] | gelu [1]")
        assert set(edits("production", parse(rules, "relu", IMAGE))) == {"gelu"}


class TestSwap:
    def test_siblings_change_places(self) -> None:
        parent = parsed(RECURSIVE, "norm >> relu >> gelu >> norm")
        assert set(edits("swap", parent)) == {"norm >> gelu >> relu >> norm"}

    def test_the_parts_stay_the_same(self) -> None:
        parent = draw(packaged("nasbench201"), 5)
        for seed in range(10):
            child = edit("swap", parent, seed)
            assert sorted(child.values) == sorted(parent.values)
            assert len(decisions_that_differ(parent, child)) == 2

    def test_equal_siblings_are_no_neighbours(self) -> None:
        assert edits("swap", parsed(RECURSIVE, "norm >> (relu, relu) >> add >> norm")) == []

    def test_only_siblings(self) -> None:
        parent = parsed(RECURSIVE, "norm >> (relu, identity) >> mul >> norm")
        assert edits("swap", parent) == []


class TestGrowAndShrink:
    def test_a_subtree_becomes_a_part(self) -> None:
        parent = parsed(RECURSIVE, "norm >> tanh >> norm")
        for text in edits("grow", parent):
            assert "tanh" in text
            assert text.count(">>") > parent.text.count(">>")

    def test_it_is_kept_as_it_was(self) -> None:
        inner = "((relu, tanh) >> add, identity) >> mul"
        parent = parsed(RECURSIVE, f"norm >> {inner} >> norm")
        assert sum(inner in text for text in edits("grow", parent)) > 10

    def test_a_part_takes_the_place_of_the_whole(self) -> None:
        parent = parsed(RECURSIVE, "norm >> (relu, tanh) >> add >> norm")
        assert set(edits("shrink", parent)) == {"norm >> relu >> norm", "norm >> tanh >> norm"}

    def test_limits_hold(self) -> None:
        parent = parsed(RECURSIVE, "norm >> relu >> norm")
        with pytest.raises(NoNeighbour):
            edit("grow", parent, limits=Limits(nodes=3))

    @pytest.mark.parametrize("name", ["grow", "shrink"])
    def test_nothing_to_do_without_recursion(self, name: str) -> None:
        assert edits(name, draw(packaged("nasbench201"), 5), 1) == []


def test_the_innermost_activation_of_a_decision() -> None:
    derivation = draw(packaged("einspace"), 5, limits=LIMITS)
    for place, taken in enumerate(derivation.taken):
        found = innermost(derivation, place)
        assert found.decisions[0] <= place < found.decisions[1]
        assert str(taken.path) == str(found.path)
