"""Long series under `x = x >> x`: read in quadratic work, and only where bracketings are equal."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import einsearch as es
from einsearch.derivation.bracketing import first_parts
from einsearch.derivation.choosing import Never
from einsearch.derivation.derivation import architecture_from_machine
from einsearch.derivation.deriver import Deriver, settings_for
from einsearch.derivation.parse import parse
from einsearch.derivation.recognize import Recognizer
from einsearch.derivation.replay import architecture
from einsearch.derivation.target import Freedom, target
from einsearch.grammar.load import architecture_rule, load_grammar_text
from einsearch.grammar.model import Grammar
from einsearch.graph.graph import ArchitectureGraph

SPEC = es.tokens(4, 8)


def grammar(text: str) -> Grammar:
    return load_grammar_text(f"language 1\nstart x\n{text}\n", "g.ein")


SERIES = grammar("x = x >> x [0.4] | relu [0.3] | gelu [0.3]")


def steps(rules: Grammar, length: int) -> int:
    """Work of reading a text of so many parts."""
    text = " >> ".join(itertools.islice(itertools.cycle(["relu", "gelu"]), length))
    rule, scope = architecture_rule(text, rules)
    machine = Deriver(rule, SPEC, settings_for(scope, Never()))
    assert machine.enter(rule, (), machine.context.path) is None
    read = architecture_from_machine(machine.run())
    recognizer = Recognizer(rules, target(read, Freedom.NONE))
    assert next(recognizer.parses())
    return recognizer.steps


def test_twice_the_length_is_four_times_the_work() -> None:
    assert steps(SERIES, 160) < 4.5 * steps(SERIES, 80)


@given(st.lists(st.sampled_from(["relu", "gelu"]), min_size=1, max_size=60))
def test_any_series_is_read(parts: list[str]) -> None:
    text = " >> ".join(parts)
    found = parse(SERIES, text, SPEC)
    assert found.text == text
    assert len(found.decisions) == 2 * len(parts) - 1


@pytest.mark.parametrize(
    "rules",
    [
        "x = x >> x when depth < 2 | relu | gelu",
        "x = x >> x when channels < 9 | relu | gelu",
        "x = y(2)\ny(n) = y(n) >> y(n) | relu | gelu",
        "x = x >> x >> x | relu | gelu",
        "x = x >> gelu | relu",
    ],
)
def test_other_series_are_left_alone(rules: str) -> None:
    assert not first_parts(grammar(rules))


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ("x = x >> x >> x | x >> x | relu", "relu >> relu >> relu >> relu >> relu >> relu"),
        (
            "x = x >> x | (x, x) >> add | relu | (gelu | silu)",
            "relu >> (gelu >> relu, silu >> silu >> gelu) >> add >> (relu, relu) >> add >> silu",
        ),
        ("x = x >> x | repeat(2, x) | each(x) | relu", "repeat(2, relu >> relu >> relu) >> relu"),
        ("x = x >> x | y\ny = y >> y | relu", "relu >> relu >> relu >> relu"),
        ("x = (x >> x | relu) >> identity | gelu", "relu >> identity"),
    ],
)
def test_grammars_that_mix_series_with_others(rules: str, text: str) -> None:
    found = parse(grammar(rules), text, SPEC)
    expected = ArchitectureGraph(architecture(text, SPEC).program)
    assert ArchitectureGraph(found.program).canonical_hash == expected.canonical_hash
