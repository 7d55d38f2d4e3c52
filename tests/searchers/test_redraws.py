"""What is found without deriving is what would have been derived."""

from __future__ import annotations

from random import Random

import pytest

from einsearch.derivation.derivation import Derivation
from einsearch.derivation.limits import Limits
from einsearch.derivation.machine import Chooser
from einsearch.derivation.sample import guided
from einsearch.derivation.state import DeadEnd
from einsearch.grammar.model import Grammar
from einsearch.searchers.learned import Distribution, Tilted
from einsearch.searchers.redraws import Listening, Redraws
from tests.derivation.spaces import IMAGE, WITH_EVERYTHING, draw, grammar

LIMITS = Limits(nodes=60)
SPACES = {
    "everything": WITH_EVERYTHING,
    "values": "start x\nx = relu | dropout({0.1, 0.2}) | conv2d(2..4, {1, 3}, groups={1, 2})",
    "dead ends": """
start x
x = (a, a) >> add
a = (identity | max_pool(2, stride=2)) >> (relu | tanh)
""",
    "copies": """
start x
x = b >> repeat({1, 2, 3}, b) >> tied(b) where b = conv2d({2, 4}, 1) | relu
""",
}


def learned(space: Grammar) -> Distribution:
    """Probabilities that have two derivations come up again and again."""
    distribution = Distribution(space, 1, 0.2, 0.0)
    for seed in range(2):
        distribution.count(distribution.choices(draw(space, seed, limits=LIMITS)), 1.0)
    return distribution


def derived(space: Grammar, chooser: Chooser) -> Derivation | None:
    try:
        return guided(space, IMAGE, LIMITS, None, chooser)
    except DeadEnd:
        return None


@pytest.mark.parametrize("name", SPACES)
def test_what_is_found_is_what_would_be_derived(name: str) -> None:
    space = grammar(SPACES[name])
    distribution, redraws = learned(space), Redraws()
    found = dead = 0
    for seed in range(300):
        listening = Listening(Tilted(distribution, Random(seed)))
        expected = derived(space, listening)
        known = redraws.find(Tilted(distribution, Random(seed)))
        dead += expected is None or len(listening.asked) > len(expected.taken)
        if known is not None:
            assert expected is not None
            assert known.decisions == expected.decisions
            assert known.text == expected.text
            found += 1
        elif expected is not None:
            redraws.note(listening.asked, expected)
    assert found > 50
    assert dead > 0 or name != "dead ends"


def test_nothing_is_known_at_first() -> None:
    space = grammar(SPACES["values"])
    assert Redraws().find(Tilted(learned(space), Random(0))) is None


def test_a_derivation_with_dead_ends_in_between_is_not_kept() -> None:
    space = grammar(SPACES["copies"])
    listening = Listening(Tilted(learned(space), Random(0)))
    derivation = derived(space, listening)
    assert derivation is not None
    redraws = Redraws()
    redraws.note([listening.asked[0], *listening.asked], derivation)
    assert redraws.find(Tilted(learned(space), Random(0))) is None
    redraws.note(listening.asked, derivation)
    assert redraws.find(Tilted(learned(space), Random(0))) is derivation
