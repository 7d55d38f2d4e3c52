"""A derivation that is known is not derived again, and nothing else comes out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from einsearch.derivation import known
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.deriver import Deriver
from einsearch.derivation.edit import crossover
from einsearch.derivation.known import known_of
from einsearch.derivation.limits import Limits
from einsearch.derivation.operators import OPERATORS
from einsearch.derivation.replay import replay
from einsearch.derivation.sample import sample
from einsearch.errors import InfeasibleSpace, NoCommonSymbol, NoNeighbour, ParseError
from einsearch.grammar.model import Grammar
from einsearch.graph.canonical import canonical_hash
from einsearch.specs import image
from tests.derivation.spaces import IMAGE, draw, grammar

RECURSIVE = grammar(
    """
start net
net = part >> ends
part = op | part >> part [0.5] | (part, identity) >> add | repeat({1, 2}, part)
op = relu | tanh | conv2d({4, 8}, 1)
ends = relu | conv2d(4, {1, 3}) >> tanh
"""
)
TYPED = grammar("start x\nx = conv2d({4, 8}, 1) >> norm | dropout({0.25, 0.5}) | relu >> relu")
SPACES = {"recursive": RECURSIVE, "typed": TYPED}
LIMITS = Limits(nodes=9, depth=3, parameters=400)


def shown(found: Derivation) -> tuple[Any, ...]:
    sizes = found.nodes, found.depth, found.counted, found.log_probability
    return found.text, found.decisions, sizes, found.program


def history(space: Grammar) -> list[Any]:
    """Samples, mutations and crossovers, one after the other, of a space small enough that most
    come again."""
    known_of.cache_clear()
    rng = np.random.default_rng(5)
    parents = [sample(space, IMAGE, rng, LIMITS) for _ in range(12)]
    rows: list[Any] = [shown(parent) for parent in parents]
    for number in range(60):
        parent, other = parents[number % 12], parents[(7 * number + 1) % 12]
        for operator in OPERATORS.values():
            try:
                rows.append(shown(operator(parent, rng, LIMITS, None, canonical_hash)))
            except NoNeighbour as error:
                rows.append(str(error))
        try:
            rows += map(shown, crossover(parent, other, rng, LIMITS, None, canonical_hash))
        except NoCommonSymbol as error:
            rows.append(str(error))
    return rows


@pytest.mark.parametrize("name", SPACES)
def test_nothing_else_comes_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = history(SPACES[name])
    monkeypatch.setattr(Deriver, "splices", False)
    assert history(SPACES[name]) == found


def test_what_is_known_is_the_same_object() -> None:
    first = draw(TYPED)
    assert replay(TYPED, IMAGE, first.decisions) is first


def test_other_inputs_are_told_apart() -> None:
    first = draw(TYPED)
    other = replay(TYPED, image(3, 8, 8), first.decisions)
    assert other.input != first.input


def test_decisions_that_are_left_over_are_an_error() -> None:
    first = draw(TYPED)
    with pytest.raises(ParseError, match="left over"):
        replay(TYPED, IMAGE, [*first.decisions, ("", "", 0)])


def test_limits_hold_for_what_is_known() -> None:
    space = grammar("start x\nx = conv2d({4, 8}, 1) >> repeat({2, 3}, relu)")
    largest = replay(space, IMAGE, [("", "", 8), ("", "", 3)])
    for limits in (
        Limits(nodes=largest.counted - 1),
        Limits(parameters=largest.program.cost.parameters - 1),
        Limits(depth=0),
    ):
        for seed in range(8):
            try:
                assert draw(space, seed, limits=limits) is not largest
            except InfeasibleSpace:
                assert limits.depth == 0


def test_the_oldest_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST_CALLS", 4)
    space = grammar(
        "start x\nx = relu >> {relu_like}".replace("{relu_like}", "(tanh | silu | relu)")
    )
    one, two, three = (replay(space, IMAGE, [("", "", value)]) for value in range(3))
    assert replay(space, IMAGE, one.decisions) is not one
    assert replay(space, IMAGE, three.decisions) is three
    assert two.text == "relu >> silu"
