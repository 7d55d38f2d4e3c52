"""Mutation and crossover: valid, different, and nothing else touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.derivation.derivation import Derivation
from einsearch.derivation.edit import crossover, mutate, recombine
from einsearch.derivation.limits import Limits
from einsearch.derivation.parse import parse
from einsearch.derivation.replay import replay
from einsearch.errors import NoCommonSymbol, NoNeighbour
from einsearch.grammar.model import Grammar
from einsearch.graph.canonical import canonical_hash
from tests.derivation.spaces import IMAGE, WITH_EVERYTHING, draw, grammar, packaged

EINSPACE = packaged("einspace")
EVERYTHING = grammar(WITH_EVERYTHING)
LIMITS = Limits(nodes=80, depth=10)


def common_ends(left: tuple[object, ...], right: tuple[object, ...]) -> int:
    """How many decisions at the start and at the end are the same."""
    shorter = min(len(left), len(right))
    start = next((i for i in range(shorter) if left[i] != right[i]), shorter)
    room = shorter - start
    end = next((i for i in range(room) if left[-1 - i] != right[-1 - i]), room)
    return start + end


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40)
@pytest.mark.parametrize("rules", [EINSPACE, EVERYTHING], ids=["einspace", "everything"])
def test_a_mutant_is_valid_and_different(rules: object, seed: int) -> None:
    parent = draw(rules, seed, limits=LIMITS)  # type: ignore[arg-type]
    child = mutate(parent, np.random.default_rng(seed), LIMITS, None, canonical_hash)
    assert canonical_hash(child.program) != canonical_hash(parent.program)
    assert len(child.program.calls) <= 80
    assert replay(parent.grammar, IMAGE, child.decisions).text == child.text
    changed = [
        a
        for a in parent.activations
        if common_ends(parent.values, child.values)
        >= len(parent.values) - (a.decisions[1] - a.decisions[0])
    ]
    assert changed, "the change is not inside one subtree"


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_children_of_a_crossover_exchange_one_subtree(seed: int) -> None:
    left = draw(EINSPACE, seed, limits=LIMITS)
    right = draw(EINSPACE, seed + 1, limits=LIMITS)
    try:
        first, second = crossover(
            left, right, np.random.default_rng(seed), LIMITS, None, canonical_hash
        )
    except NoCommonSymbol:
        return
    parents = {canonical_hash(p.program) for p in (left, right)}
    for child in (first, second):
        assert canonical_hash(child.program) not in parents
        assert len(child.program.calls) <= 80
    assert len(first.values) + len(second.values) == len(left.values) + len(right.values)


def test_a_space_of_one_has_no_neighbour() -> None:
    only = draw(grammar("start x\nx = relu >> (identity | identity >> identity)"))
    with pytest.raises(NoNeighbour):
        mutate(only, np.random.default_rng(0), None, None, canonical_hash)


def test_nothing_in_common() -> None:
    rules = grammar("start x\nx = a | b\na = relu | gelu\nb = silu | tanh")
    drawn = {draw(rules, seed).text: draw(rules, seed) for seed in range(40)}
    with pytest.raises(NoCommonSymbol):
        crossover(
            drawn["relu"], drawn["tanh"], np.random.default_rng(0), None, None, canonical_hash
        )


def test_shapes_behind_a_mutation_are_inferred_again() -> None:
    rules = grammar(
        "start x\nx = c >> repeat(2, conv2d(channels, 3)) >> norm\nc = conv2d({4, 8, 16}, 1)"
    )
    parent = draw(rules, 0)
    for seed in range(10):
        child = mutate(parent, np.random.default_rng(seed), None, None, canonical_hash)
        channels = child.program.calls[0].outputs[0].features
        assert channels != parent.program.calls[0].outputs[0].features
        assert all(call.outputs[0].features == channels for call in child.program.calls)


class TestRecombine:
    def child(self, left: Derivation, right: Derivation, seed: int) -> Derivation:
        return recombine(left, right, np.random.default_rng(seed), LIMITS, None, canonical_hash)

    @given(seed=st.integers(0, 2**32))
    @settings(max_examples=25)
    @pytest.mark.parametrize("rules", [EINSPACE, EVERYTHING], ids=["einspace", "everything"])
    def test_children_are_valid_and_differ_from_both(self, rules: Grammar, seed: int) -> None:
        left, right = draw(rules, seed, limits=LIMITS), draw(rules, seed + 1, limits=LIMITS)
        try:
            child = self.child(left, right, seed)
        except NoCommonSymbol:
            return
        hashes = {canonical_hash(found.program) for found in (left, right, child)}
        assert len(hashes) == 3
        assert len(child.program.calls) <= 80
        assert replay(rules, IMAGE, child.decisions).text == child.text

    def test_every_place_is_of_one_parent(self) -> None:
        rules = grammar("start x\nx = a >> a >> a >> a >> a\na = conv2d({1, 2, 3, 4, 5, 6}, 1)")
        left, right = draw(rules, 1), draw(rules, 2)
        for seed in range(40):
            child = self.child(left, right, seed)
            pairs = zip(child.values, left.values, right.values, strict=True)
            assert all(value in both for value, *both in pairs)

    def test_all_of_a_subtree_comes_from_the_parent_that_has_it(self) -> None:
        rules = grammar("start x\nx = a >> a\na = b | c\nb = relu | tanh\nc = conv2d({1, 2}, 1)")
        left, right = (
            parse(rules, "tanh >> tanh", IMAGE),
            parse(rules, "conv2d(2, 1) >> conv2d(1, 1)", IMAGE),
        )
        found = {self.child(left, right, seed).text for seed in range(20)}
        assert found == {"tanh >> conv2d(1, 1)", "conv2d(2, 1) >> tanh"}

    def test_equal_parents_have_no_child(self) -> None:
        only = draw(EINSPACE, 3, limits=LIMITS)
        with pytest.raises(NoCommonSymbol):
            self.child(only, only, 0)
