"""Architecture text -> `Derivation`: how the grammar derives it, or where it cannot."""

from __future__ import annotations

from collections.abc import Iterator

from einsearch.derivation.bounds import bounds_of
from einsearch.derivation.choosing import Never
from einsearch.derivation.derivation import (
    Architecture,
    Derivation,
    architecture_from_machine,
)
from einsearch.derivation.deriver import Deriver, settings_for
from einsearch.derivation.leftopen import left_open
from einsearch.derivation.recognize import Recognizer
from einsearch.derivation.replay import replay
from einsearch.derivation.settings import Settings, taken_off, with_drawn
from einsearch.derivation.state import DeadEnd
from einsearch.derivation.target import Freedom, same_architecture, target
from einsearch.errors import Location, ParseError, ShapeError
from einsearch.grammar import expressions as e
from einsearch.grammar.load import architecture_rule
from einsearch.grammar.model import Grammar
from einsearch.grammar.read import locate
from einsearch.specs import TensorSpec

CHOOSES_NOTHING = "an architecture chooses nothing: write in its place what is meant"
MOST_CANDIDATES = 50
"""Derivations that are verified before a text is given up."""
MOST_MORE_UNREAD = 3
"""How many calls that nothing needs may be added beyond those that the grammar demands."""


def parse(grammar: Grammar, text: str, spec: TensorSpec) -> Derivation:
    """How a grammar derives an architecture text.

    Args:
        grammar: with a start rule.
        text: an expression that chooses nothing; the grammar's macros may be used.
        spec: the incoming tensor.

    Raises:
        ParseError: the text cannot be read, its shapes do not fit, or the grammar cannot derive
            it; names the place.
    """
    rule, scope = architecture_rule(text, grammar)
    return derive_rule(grammar, rule, scope, spec, text)


def derive_rule(
    grammar: Grammar,
    rule: e.Rule,
    scope: Grammar,
    spec: TensorSpec,
    text: str,
    usual: Settings | None = None,
) -> Derivation:
    """How a grammar derives a rule that chooses nothing: a text, or one of its seeds.

    Settings of training at its head that the grammar does not draw are passed over.

    Args:
        usual: of settings of training: for those that the text leaves open, or that cannot be
            drawn, the nearest to these are taken; None for an error, and the middle.
    """
    plain = grammar.plain or grammar
    settings: Settings = {}
    if not plain.setting_names:
        rule, settings = taken_off(rule)
    network = _derive(plain, rule, scope, spec, text)
    if plain is grammar:
        return network
    return with_drawn(grammar, network, settings, usual or {}, is_strict=usual is None)


def _derive(
    grammar: Grammar, rule: e.Rule, scope: Grammar, spec: TensorSpec, text: str
) -> Derivation:
    choice = left_open(scope.rules, rule)
    if choice is not None:
        raise ParseError(f"the architecture leaves a choice open: {choice}", None, CHOOSES_NOTHING)
    machine = Deriver(rule, spec, settings_for(scope, Never()))
    reason = machine.enter(rule, (), machine.context.path)
    try:
        if reason is not None:
            raise ShapeError(reason)
        read = architecture_from_machine(machine.run())
    except (DeadEnd, ShapeError) as error:
        raise ParseError(f"the architecture cannot stand on {spec}: {error}") from None
    recognizers: list[Recognizer] = []
    for freedom, unread in attempts(grammar, read):
        recognizers.append(Recognizer(grammar, target(read, freedom), unread))
        found = derived(grammar, read, recognizers[-1])
        if found is not None:
            return found
    # Of equals the strictest: it says most clearly what does not match.
    raise _underivable(grammar, max(recognizers, key=lambda r: r.furthest), text)


def attempts(grammar: Grammar, read: Architecture) -> Iterator[tuple[Freedom, int]]:
    """Ways in which the text and its derivation may differ, the strictest first."""
    yield Freedom.NONE, 0
    yield Freedom.IDENTITY, 0
    if grammar.has_blocks:
        tokens = target(read, Freedom.UNREAD).tokens
        made = sum(token.weights != "" and token.name != "clone" for token in tokens)
        least = bounds_of(grammar, None).least_of_rule(grammar.start_rule.key)
        missing = max(1, least - made)
        for unread in range(missing, missing + MOST_MORE_UNREAD):
            yield Freedom.UNREAD, unread


def derived(grammar: Grammar, read: Architecture, recognizer: Recognizer) -> Derivation | None:
    """The most probable derivation that comes to the same architecture, or None.

    Of derivations of a rule that make the same of the text, a recogniser takes the most probable.
    Where copies of that one do not fit (they have other specs, or tie other weights), the others
    are looked at, as far as that is not too much work.
    """
    found = first_verified(grammar, read, recognizer)
    freedom = recognizer.goal.freedom
    if found is not None or freedom is Freedom.UNREAD or not recognizer.has_repeated:
        return found
    apart = Recognizer(grammar, recognizer.goal, is_apart=True)
    try:
        return first_verified(grammar, read, apart)
    except ParseError:
        return None


def first_verified(
    grammar: Grammar, read: Architecture, recognizer: Recognizer
) -> Derivation | None:
    """The first derivation of a recogniser that comes to the same architecture, or None."""
    freedom = recognizer.goal.freedom
    for number, values in enumerate(recognizer.parses()):
        try:
            found = replay(grammar, read.input, [("", "", value) for value in values])
        except ParseError:
            found = None
        if found is not None and same_architecture(found, read, freedom):
            return found
        if number >= MOST_CANDIDATES:
            break
    return None


def _underivable(grammar: Grammar, recognizer: Recognizer, text: str) -> ParseError:
    """Names the first call that no derivation reaches, and what could stand there."""
    tokens = recognizer.goal.tokens
    wanted = ", ".join(sorted(recognizer.wanted)) or "the end of the text"
    if recognizer.furthest >= len(tokens):
        message = f"{grammar.name} cannot derive this text: it must go on behind its end"
        return ParseError(message, None, f"expected {wanted}")
    node = recognizer.goal.nodes[tokens[recognizer.furthest].call]
    name = node.primitive.name
    location: Location | None = locate("<text>", text, node.at)
    if name not in (location.source_line if location else ""):
        location = None
    return ParseError(
        f"{grammar.name} cannot derive this text: {name} cannot stand here",
        location,
        f"expected {wanted}",
    )
