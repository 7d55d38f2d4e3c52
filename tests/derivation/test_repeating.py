"""Copies and shared expressions are recognised by the decisions of their original."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.derivation.choosing import Never
from einsearch.derivation.derivation import architecture_from_machine
from einsearch.derivation.deriver import Deriver, settings_for
from einsearch.derivation.limits import Limits
from einsearch.derivation.parse import parse
from einsearch.derivation.recognize import Recognizer
from einsearch.derivation.replay import architecture
from einsearch.derivation.target import Freedom, same_architecture, target
from einsearch.errors import ParseError
from einsearch.grammar.load import architecture_rule
from einsearch.specs import tokens
from tests.derivation.spaces import draw, grammar

SPEC = tokens(4, 8)

CASES = {
    "copies of two branches": (
        "m = o | (m, identity) >> add | (m, m) >> add | each(m, 2) >> add\no = relu | gelu | silu",
        "each((gelu, silu) >> add, 2) >> add",
    ),
    "branches that are no copies": (
        "m = relu | gelu | (m, m) >> add [0.1] | each(m, 2) >> add",
        "((relu, gelu) >> add, (gelu, relu) >> add) >> add",
    ),
    "a part that is repeated": (
        "m = relu | gelu | m >> m [0.1] | repeat(2, m)",
        "relu >> gelu >> relu >> gelu",
    ),
    "parts that are no repeats": (
        "m = relu | gelu | m >> m [0.1] | repeat(2, m)",
        "relu >> gelu >> gelu >> relu",
    ),
    "copies in copies": (
        (
            "m = repeat(2, each(f >> o, 2) >> add >> repeat(2, f >> o)) where f = tanh | silu\n"
            "o = relu | gelu | (o, o) >> add"
        ),
        "repeat(2, each(silu >> gelu, 2) >> add >> repeat(2, silu >> (relu, gelu) >> add))",
    ),
    "an argument of every link of a chain": (
        "m = chain(2, r(relu | gelu))\nr(f) = f >> f",
        "relu >> relu >> gelu >> gelu",
    ),
    "a binding of every level": (
        "m = (f, m) >> add >> f | tanh where f = relu | gelu",
        "(relu, (gelu, tanh) >> add >> gelu) >> add >> relu",
    ),
    "a binding used first in an argument": (
        "m = r(g >> tanh) >> g where g = relu | gelu\nr(f) = f >> f",
        "gelu >> tanh >> gelu >> tanh >> gelu",
    ),
    "a binding used first in the original": (
        "m = repeat(2, f >> (relu | gelu) >> g >> f) where f = tanh | silu, g = abs | neg",
        "repeat(2, tanh >> gelu >> neg >> tanh)",
    ),
    "a binding used before the original": (
        "m = f >> repeat(2, f >> (relu | gelu) >> g >> f) where f = tanh | silu, g = abs | neg",
        "tanh >> repeat(2, tanh >> gelu >> neg >> tanh)",
    ),
    "a binding of every copy, on other specs": (
        "m = repeat(2, r)\nr = f >> linear(c) >> f where c = 2 * features, f = linear(c) | relu",
        "repeat(3, linear(16)) >> repeat(3, linear(32))",
    ),
    "a less probable original, on other specs": (
        "m = repeat(2, o)\no = linear(2 * features) [0.1] | linear({16, 32})",
        "linear(16) >> linear(32)",
    ),
    "a less probable original with tied weights": (
        "m = repeat(2, o)\no = linear(8) | tied(linear(8)) [0.1]",
        "repeat(2, tied(linear(8)))",
    ),
    "a less probable original without": (
        "m = repeat(2, o)\no = linear(8) [0.1] | tied(linear(8))",
        "repeat(2, linear(8))",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_derived(name: str) -> None:
    rules, text = CASES[name]
    space = grammar(f"start m\n{rules}")
    assert same_architecture(parse(space, text, SPEC), architecture(text, SPEC))


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ("m = each(relu | gelu, 2) >> add", "(relu, gelu) >> add"),
        ("m = f >> f where f = relu | gelu", "relu >> gelu"),
        ("m = repeat(2, o)\no = linear(2 * features) | linear(16)", "linear(16) >> linear(24)"),
    ],
)
def test_what_is_no_copy_is_none(rules: str, text: str) -> None:
    with pytest.raises(ParseError, match="cannot derive this text"):
        parse(grammar(f"start m\n{rules}"), text, SPEC)


MIXED = """
start m
m = o [0.6] | (m, identity) >> add | (m, m) >> add | each(m, {2, 3}) >> add | m >> m
  | repeat(2, m) | twice(m) | f >> g >> f where f = m, g = o
twice(f) = (f, f >> o) >> add
o = relu | gelu | silu
"""


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_samples_are_derived_at_least_as_probably(seed: int) -> None:
    space = grammar(MIXED)
    found = draw(space, seed, SPEC, Limits(nodes=24))
    derived = parse(space, found.text, SPEC)
    assert same_architecture(derived, found)
    assert derived.log_probability >= found.log_probability - 1e-9


def found_first(space: str, text: str) -> bool:
    """Whether the first derivation of a recogniser comes to the text."""
    rules = grammar(space)
    rule, scope = architecture_rule(text, rules)
    machine = Deriver(rule, SPEC, settings_for(scope, Never()))
    assert machine.enter(rule, (), machine.context.path) is None
    read = architecture_from_machine(machine.run())
    return next(Recognizer(rules, target(read, Freedom.NONE)).parses(), None) is not None


def test_only_copies_pass_for_copies() -> None:
    space = "start m\nm = each(o, 2) >> add\no = relu | gelu | silu"
    for one, other in product(("relu", "gelu", "silu"), repeat=2):
        assert found_first(space, f"({one}, {other}) >> add") == (one == other)
