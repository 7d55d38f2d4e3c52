"""Texts that leave calls of their block out: what is not tried could not have been better."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import einsearch as es
from einsearch.derivation import recognize
from einsearch.derivation.padding import Padding
from einsearch.derivation.parse import attempts, parse
from einsearch.derivation.recognize import Recognizer
from einsearch.derivation.replay import architecture, replay
from einsearch.derivation.sample import sample
from einsearch.derivation.target import Freedom, same_architecture, target
from einsearch.grammar.load import load_grammar_text
from einsearch.grammar.model import Grammar
from einsearch.graph.simplify import drop_unread

SPEC = es.image(2, 3, 3)


def grammar(nodes: str) -> Grammar:
    return load_grammar_text(f"language 1\nstart x\n{nodes}\n", "g.ein")


BLOCK = "x = { c = constant(1) n1 = node n2 = node n3 = node n4 = node out = n4 >> relu }"
ALIKE = grammar(
    f"{BLOCK}\nnode = any(unused) >> (neg [0.6] | tanh) [0.5] | (any, any(unused)) >> (add | mul)"
)
NAMED = grammar(
    "x = { n1 = node n2 = any(n1, in) >> sigmoid n3 = node n4 = (n1, any(unused)) >> add"
    " n5 = node out = n5 >> relu }\n"
    "node = any(unused) >> (neg | tanh) | (any, any(unused)) >> (mul | add)"
)
SHAPES = grammar(
    "x = { n1 = node n2 = node n3 = node out = n3 >> relu }\n"
    "node = any(unused) >> (conv2d({2, 3}, 1) | neg | avg_pool(3)) | (any, any) >> add"
)
ORDERED = grammar(
    "x = { n1 = node n2 = node n3 = node out = n3 >> relu }\n"
    "node = any(unused) >> (neg | tanh) | any(2) >> safe_div"
)


def left_out(rules: Grammar, seed: int) -> str:
    """A sample, and of it what its outcome needs."""
    drawn = sample(rules, SPEC, np.random.default_rng(seed))
    return str(drop_unread(drawn.program))


def best(rules: Grammar, text: str, freedom: Freedom, unread: int, alike: bool) -> float | None:
    """Probability of the derivation that is found when everything is looked at."""
    read = architecture(text, SPEC)
    recognizer = Recognizer(rules, target(read, freedom), unread)
    if not alike:
        recognizer._symmetry = None
    values = next(recognizer.parses(), None)
    if values is None:
        return None
    found = replay(rules, SPEC, [("", "", value) for value in values])
    assert same_architecture(found, read, freedom)
    return found.log_probability


@pytest.mark.parametrize("rules", [ALIKE, NAMED, SHAPES], ids=["alike", "named", "shapes"])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=12)
def test_the_most_probable_derivation_is_found_all_the_same(rules: Grammar, seed: int) -> None:
    text = left_out(rules, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognize, "MOST_MORE_STEPS", 10**7)
        patch.setattr(recognize, "MOST_MORE_STEPS_OF_SYMMETRIC", 10**7)
        for freedom, unread in attempts(rules, architecture(text, SPEC)):
            expected = best(rules, text, freedom, unread, alike=False)
            assert best(rules, text, freedom, unread, alike=True) == pytest.approx(expected)


def test_less_is_tried() -> None:
    read = architecture("neg >> relu", SPEC)
    steps = []
    for alike in (True, False):
        recognizer = Recognizer(ALIKE, target(read, Freedom.UNREAD), 4)
        if not alike:
            recognizer._symmetry = None
        assert next(recognizer.parses())
        steps.append(recognizer.steps)
    assert 2 * steps[0] < steps[1]


def test_names_in_order_are_told_apart() -> None:
    assert not Padding(ORDERED).is_symmetric
    assert Padding(ALIKE).is_symmetric
    for seed in range(12):
        text = left_out(ORDERED, seed)
        found = parse(ORDERED, text, SPEC)
        assert same_architecture(found, architecture(text, SPEC), Freedom.UNREAD)


@pytest.mark.parametrize("name", ["evonorm_s1", "bn_relu"])
def test_layers_of_evonorm(name: str) -> None:
    rules = es.load_grammar("evonorm")
    found = parse(rules, rules.seeds[name].text, es.image(32, 8, 8))
    assert found.log_probability > {"evonorm_s1": -50.8, "bn_relu": -55.8}[name]
