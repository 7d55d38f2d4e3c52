"""Rebuilds derivations from recorded decisions, and architectures from text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from einsearch.derivation.choosing import Never
from einsearch.derivation.derivation import (
    Architecture,
    Derivation,
    architecture_from_machine,
    from_machine,
)
from einsearch.derivation.deriver import Deriver, settings_for
from einsearch.derivation.state import Cursor, DeadEnd
from einsearch.errors import ParseError, ShapeError
from einsearch.grammar import expressions as e
from einsearch.grammar.load import architecture_rule
from einsearch.grammar.model import Grammar
from einsearch.specs import TensorSpec


def values_of(decisions: Iterable[Any]) -> tuple[Any, ...]:
    """Decided values of recorded decisions: triples, as `Derivation.decisions` gives them."""
    return tuple(decision[2] for decision in decisions)


def replay(grammar: Grammar, spec: TensorSpec, decisions: Iterable[Any]) -> Derivation:
    """The derivation that recorded decisions fix.

    Args:
        decisions: triples (address, domain, value), as recorded.

    Raises:
        ParseError: they do not fit this grammar and input.
    """
    values = values_of(decisions)
    settings = settings_for(grammar, Never())
    try:
        machine = Deriver(grammar.start_rule, spec, settings)
        machine.source = Cursor(values, 0, len(values), is_copy=False)
        reason = machine.enter(grammar.start_rule, (), machine.context.path)
        if reason is not None:
            raise ParseError(f"the decisions do not fit {grammar.name}: {reason}")
        return from_machine(machine.run(), grammar)
    except DeadEnd as error:
        raise ParseError(
            f"the decisions do not fit {grammar.name}: {error}",
            hint="they were recorded with another version of the grammar, or for another input",
        ) from None


def architecture(text: str, spec: TensorSpec, grammar: Grammar | None = None) -> Architecture:
    """What an expression denotes: shapes are checked, derivability is not asked for.

    Args:
        text: an expression that chooses nothing.
        spec: the incoming tensor.
        grammar: whose macros may be used.

    Raises:
        ParseError: it cannot be read, with line and column.
        ShapeError: a primitive cannot take the tensors that reach it.
    """
    rule, scope = architecture_rule(text, grammar)
    return run_rule(rule, scope, spec)


def run_rule(rule: e.Rule, grammar: Grammar, spec: TensorSpec) -> Architecture:
    """What a rule without choices denotes. Raises ShapeError."""
    machine = Deriver(rule, spec, settings_for(grammar, Never()))
    reason = machine.enter(rule, (), machine.context.path)
    if reason is None:
        try:
            return architecture_from_machine(machine.run())
        except DeadEnd as error:
            reason = str(error)
    raise ShapeError(reason)
