"""Copies that are made from the copy before them are what step-by-step derivation gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.derivation import splicing
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.deriver import Deriver
from einsearch.derivation.edit import mutate
from einsearch.derivation.limits import Limits
from einsearch.derivation.sample import sample
from einsearch.derivation.values import Shared
from einsearch.errors import InfeasibleSpace, NoNeighbour
from einsearch.grammar.model import Grammar
from einsearch.graph.canonical import canonical_hash
from tests.derivation.spaces import (
    IMAGE,
    WITH_EVERYTHING,
    WITH_EXPRESSIONS,
    draw,
    grammar,
    packaged,
)

NESTED = grammar(
    """
start net
net = conv2d(8, 1) >> repeat({2, 3}, repeat(2, op) >> each(op, {2, 3}) >> add) >> ends
op = conv2d(channels, {1, 3}) | relu | (relu, op) >> mul | norm >> op | twice | tied(op)
twice = w >> w where w = conv2d(channels, {1, 3}) | tanh | op
ends = split(4, axis=0) >> each(op) >> concat(axis=0) >> repeat(2, { a = in >> op
       b = any >> op  out = (a, all(unused)) >> concat(axis=0) >> linear(8) })
     | (op, identity) >> each(op) >> add >> repeat(2, op >> conv2d(4, 1)) [0.5]
"""
)
SPACES = {
    "nested": NESTED,
    "everything": grammar(WITH_EVERYTHING),
    "expressions": grammar(WITH_EXPRESSIONS),
    "einspace": packaged("einspace"),
    "nasbench201": packaged("nasbench201"),
    "darts": packaged("darts"),
}
LIMITS = Limits(nodes=300, depth=9, parameters=30_000_000)


def shown(derivation: Derivation) -> tuple[Any, ...]:
    """Everything that a derivation is; shared expressions numbered as they come up."""
    shared: dict[Shared, int] = {}
    events = []
    for kind, *rest in derivation.events:
        if kind == "next":
            rest = []
        if kind == "use":
            rest = [shared.setdefault(rest[0], len(shared)), rest[0].name, rest[0].body]
        if kind == "call":
            rest[2] = [slot for slot in rest[2] if not isinstance(slot, Shared)]
        events.append((kind, *rest) if kind != "expression" else (kind, rest[0].node))
    activations = [
        (*activation[:-1], str(activation.path)) for activation in derivation.activations
    ]
    values = derivation.text, derivation.decisions, derivation.log_probability
    sizes = derivation.nodes, derivation.depth, derivation.counted
    return values, sizes, derivation.program, events, activations


def drawn(space: Grammar, seed: int) -> tuple[Any, ...]:
    """A sample and a mutation of it; what is said where there is none."""
    rng = np.random.default_rng(seed)
    try:
        found = sample(space, IMAGE, rng, LIMITS)
    except InfeasibleSpace as error:
        return (str(error),)
    try:
        changed = shown(mutate(found, rng, LIMITS, None, canonical_hash))
    except NoNeighbour as error:
        changed = (str(error),)
    return shown(found), changed


@pytest.mark.parametrize("name", SPACES)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=12)
def test_copies_are_what_step_by_step_derivation_gives(name: str, seed: int) -> None:
    space = SPACES[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Deriver, "splices", False)
        slow = drawn(space, seed)
    assert drawn(space, seed) == slow


def count_copies(monkeypatch: pytest.MonkeyPatch, text: str) -> list[bool]:
    """Whether each copy that was tried could be made, while a text without choices is derived."""
    made: list[bool] = []
    again = splicing.again

    def counting(*given: Any) -> bool:
        made.append(again(*given))
        return made[-1]

    monkeypatch.setattr(splicing, "again", counting)
    draw(grammar(f"start x\nx = {text}"))
    return made


def test_copies_on_the_same_specs_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_copies(monkeypatch, "repeat(4, conv2d(channels, 3) >> relu)") == [True] * 3


def test_copies_on_other_specs_are_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "conv2d(4, 1) >> repeat(3, conv2d(2 * channels, 3))"
    assert count_copies(monkeypatch, text) == [False, False]


@pytest.mark.parametrize(
    "text",
    [
        "repeat(3, tied(conv2d(channels, 3)))",
        "tied(repeat(3, conv2d(channels, 3)))",
        "{ a = in >> relu  out = in >> each(a >> conv2d(channels, 3), 3) >> add }",
        "tokens_of >> experts(repeat(3, linear(features)), 2, 1)\ntokens_of = im2col(4, stride=4)",
    ],
)
def test_copies_that_share_something_are_derived(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert not any(count_copies(monkeypatch, text))


def test_copies_that_break_a_limit_say_so() -> None:
    space = grammar("start x\nx = conv2d(4, 1) >> repeat(3, conv2d(4, 1))")
    whole = draw(space).program.cost.parameters
    assert draw(space, limits=Limits(parameters=whole)).nodes == 4
    with pytest.raises(InfeasibleSpace, match=f"needs at least {whole} parameters"):
        draw(space, limits=Limits(parameters=whole - 1))
