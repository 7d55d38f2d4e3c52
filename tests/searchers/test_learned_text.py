"""Learned grammars as text: they load, and mean what was learned."""

from __future__ import annotations

import math

import pytest

from einsearch.derivation.check import Severity, check
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.limits import Limits
from einsearch.derivation.replay import replay
from einsearch.grammar.load import load_grammar_text
from einsearch.grammar.model import Grammar
from einsearch.searchers.learned import Distribution
from einsearch.searchers.learned_text import learned_text
from tests.derivation.spaces import IMAGE, WITH_EVERYTHING, draw, grammar, packaged

RECURSIVE = grammar(
    """
start network
network = module >> norm
module = op | module >> module | (module, identity) >> add
op = conv2d(channels, {1, 3, 5}) | conv2d(4..7, 1) | relu | tanh
"""
)
NO_GUARDS = WITH_EVERYTHING.replace(" when channels < 64", "").replace(" when depth < 3", "")
SPACES = {
    "recursive": RECURSIVE,
    "everything": grammar(NO_GUARDS.replace("stage(2 * c)", "stage(c)")),
    "nasbench201": packaged("nasbench201"),
}
LIMITS = Limits(nodes=300)


def distribution(rules: Grammar, order: int, seeds: range = range(8)) -> Distribution:
    found = Distribution(rules, order, 1.0, 0.05)
    for seed in seeds:
        found.count(found.choices(draw(rules, seed, limits=LIMITS)), 1.0)
    return found


def log_probability(found: Distribution, derivation: Derivation) -> float:
    """Of the learned decisions, by the table."""
    return sum(
        math.log(found.probabilities(place, slot)[position])
        for place, slot, position in found.choices(derivation)
    )


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("name", SPACES)
def test_probabilities_of_whole_networks_are_those_that_were_learned(name: str, order: int) -> None:
    """What else is drawn, tensors and reals, has the same probability in both grammars."""
    rules = SPACES[name]
    found = distribution(rules, order)
    written = load_grammar_text(learned_text(rules, found, 8), "learned.ein")
    for seed in range(12):
        drawn = draw(written, seed, limits=LIMITS)
        before = replay(rules, IMAGE, drawn.decisions)
        assert before.text == drawn.text
        own = log_probability(Distribution(rules, 0, 1.0, 0.0), before)
        rest = before.log_probability - own
        assert drawn.log_probability == pytest.approx(
            log_probability(found, before) + rest, rel=1e-3, abs=1e-3
        )


@pytest.mark.parametrize("order", [1, 2])
def test_einspace_learned_in_contexts_has_no_errors(order: int) -> None:
    """Joins of four and of eight branches become rules of their own."""
    rules = packaged("einspace")
    text = learned_text(rules, distribution(rules, order), 8)
    assert text.count("matmul") > 2
    found = check(load_grammar_text(text, "learned.ein"))
    assert [p for p in found if p.severity is Severity.ERROR] == []


def test_rules_are_written_where_they_differ_and_named_after_it() -> None:
    rules = grammar("start x\nx = a >> a >> b\nb = a\na = relu | tanh")
    found = Distribution(rules, 1, 1.0, 0.0)
    texts = learned_text(rules, found, 0)
    assert [line for line in texts.splitlines() if line.startswith("a")] == ["a = relu | tanh"]
    *_, choice = found.choices(replay(rules, IMAGE, [("", "", 0)] * 3))
    found.count([choice] * 3, 1.0)
    text = learned_text(rules, found, 3)
    names = [line.split(" ")[0] for line in text.splitlines() if line.startswith("a")]
    assert names == ["a_in_x", "a_in_b"]
    assert "x = a_in_x >> a_in_x >> b" in " ".join(text.split()).replace("b = ", "b= ")


def test_the_first_line_says_how_it_came_about() -> None:
    text = learned_text(RECURSIVE, distribution(RECURSIVE, 1), 123)
    assert text.startswith("# Learned in 123 trials.\n")


def test_seeds_and_requirements_are_kept() -> None:
    rules = packaged("digits")
    found = distribution(rules, 1)
    written = load_grammar_text(learned_text(rules, found, 8), "learned.ein")
    assert written.require == rules.require
    assert list(written.seeds) == list(rules.seeds)
