"""`why`: how a grammar derives a text or a seed; or the least part that it cannot, and why not.

Where the grammar fails, small changes of it are tried (`why_nearest`), the likeliest first: one
with which it derives the text is the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from einsearch.derivation.derivation import Derivation
from einsearch.derivation.parse import attempts, derived, first_verified
from einsearch.derivation.recognize import Recognizer
from einsearch.derivation.settings import Settings, taken_off, with_drawn
from einsearch.derivation.target import Freedom, Target, target
from einsearch.derivation.why_edits import Edit, Index, Kind
from einsearch.derivation.why_fragment import (
    Fragment,
    Locate,
    Reading,
    Span,
    Unfit,
    spans_of,
)
from einsearch.derivation.why_nearest import COPIES, proposals
from einsearch.derivation.why_steps import Source, Step, steps_of
from einsearch.derivation.why_trace import MOST_STEPS, MOST_UNREAD_STEPS, Tracer
from einsearch.errors import Location, ParseError
from einsearch.grammar import expressions as e
from einsearch.grammar.load import architecture_rule
from einsearch.grammar.model import Grammar
from einsearch.grammar.modules import nearest
from einsearch.grammar.read import locate
from einsearch.grammar.values import fold
from einsearch.specs import TensorSpec

MOST_EDITS: Final = 80
"""Changes of the grammar that are tried."""
MOST_STEPS_OF_EDIT: Final = 200_000
"""Work spent on one of them."""
MOST_STEPS_OF_EDITS: Final = 1_500_000
"""Work spent on all of them."""


@dataclass(frozen=True)
class Failure:
    """Why a grammar cannot derive a text.

    Attributes:
        fragment: the least part of the text that it cannot derive where it stands.
        location: where that begins.
        reason: what stands in the way.
        rule: the rule that came nearest; empty where none did.
        alternative: its right-hand side, or the alternative of it, as written.
        place: where that was written.
        is_enough: whether the grammar derives the text once that is changed.
        is_certain: whether all derivations were looked at; false where there were too many.
    """

    fragment: str
    location: Location | None
    reason: str
    rule: str = ""
    alternative: str = ""
    place: Location | None = None
    is_enough: bool = False
    is_certain: bool = True


@dataclass(frozen=True)
class Why:
    """What `why` found: a derivation, or a failure.

    Attributes:
        grammar: its name.
        text: what was asked for, as the grammar prints it; a seed as written.
        spec: the incoming tensor.
        derivation: the most probable one, or None.
        failure: the reason where there is none.
    """

    grammar: str
    text: str
    spec: TensorSpec
    derivation: Derivation | None
    failure: Failure | None

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every step of the derivation, in order."""
        return () if self.derivation is None else steps_of(self.derivation)

    def __str__(self) -> str:
        from einsearch.derivation.why_print import print_why

        return print_why(self)


def why(grammar: Grammar, text: str, spec: TensorSpec) -> Why:
    """How a grammar derives a text, or why it cannot.

    Args:
        grammar: with a start rule.
        text: an expression that chooses nothing, or the name of a seed.
        spec: the incoming tensor.

    Raises:
        ParseError: the text cannot be read, or is too ambiguous under the grammar.
    """
    if text in grammar.seeds:
        seed = grammar.seeds[text]
        source = Source(grammar)
        file = seed.rule.file

        def in_file(at: e.At) -> Location:
            return source.place(file, at) or Location(file, *at)

        return _why(grammar, seed.rule, grammar, spec, seed.text, in_file)
    try:
        rule, scope = architecture_rule(text, grammar)
    except ParseError as error:
        hint = nearest(text, grammar.seeds) if text.isidentifier() else ""
        raise ParseError(error.message, error.location, hint or error.hint) from None
    return _why(grammar, rule, scope, spec, text, lambda at: locate("<text>", text, at))


def _why(
    grammar: Grammar, rule: e.Rule, scope: Grammar, spec: TensorSpec, text: str, place: Locate
) -> Why:
    """`why` of a rule; settings of training at its head are looked at by themselves."""
    plain = grammar.plain or grammar
    settings: Settings = {}
    if not plain.setting_names:
        rule, settings = taken_off(rule)
    found = _why_network(plain, rule, scope, spec, text, place)
    if found.derivation is None or plain is grammar:
        return found
    try:
        whole = with_drawn(grammar, found.derivation, settings, {}, is_strict=True)
    except ParseError as error:
        return replace(found, derivation=None, failure=Failure(text, place((1, 1)), error.message))
    return replace(found, derivation=whole)


def _why_network(
    grammar: Grammar, rule: e.Rule, scope: Grammar, spec: TensorSpec, text: str, place: Locate
) -> Why:
    try:
        reading = Reading(rule, scope, spec, place)
    except Unfit as error:
        failure = Failure(error.call or text, place(error.at), error.reason)
        return Why(grammar.name, text, spec, None, failure)
    tracers: list[Tracer] = []
    for freedom, unread in attempts(grammar, reading.read):
        goal = target(reading.read, freedom)
        recognizer = Recognizer(grammar, goal, unread)
        recognizer.most_steps = MOST_UNREAD_STEPS if unread else MOST_STEPS
        tracers.append(Tracer(grammar, goal, unread))
        found = _derived(grammar, reading, recognizer) or _verified(grammar, reading, tracers[-1])
        if found is not None:
            return Why(grammar.name, text, spec, found, None)
    failure = _Search(grammar, reading, tracers).failure()
    if any(tracer.steps >= tracer.most_steps for tracer in tracers):
        failure = replace(failure, is_certain=False)
    return Why(grammar.name, text, spec, None, failure)


def _derived(grammar: Grammar, reading: Reading, recognizer: Recognizer) -> Derivation | None:
    try:
        return derived(grammar, reading.read, recognizer)
    except ParseError:
        return None


def _verified(grammar: Grammar, reading: Reading, recognizer: Recognizer) -> Derivation | None:
    try:
        return first_verified(grammar, reading.read, recognizer)
    except ParseError:
        # Too ambiguous: what was not looked at is taken for not being there.
        return None


class _Search:
    """Tries changes of the grammar, and says what the first one that helps means."""

    def __init__(self, grammar: Grammar, reading: Reading, tracers: Sequence[Tracer]) -> None:
        complete = [tracer for tracer in tracers if tracer.is_complete]
        self.grammar = grammar
        self.reading = reading
        # Of equals the strictest: it says most clearly what does not match.
        self.tracer = complete[0] if complete else max(tracers, key=lambda t: t.furthest)
        self.goal = self.tracer.goal
        self.index = Index(grammar)
        self.left = MOST_STEPS_OF_EDITS
        self.source = Source(grammar)

    def failure(self) -> Failure:
        edits = proposals(self.index, self.tracer)
        for edit in edits[:MOST_EDITS]:
            if self.left <= 0:
                break
            found = self._derived(edit)
            if found is not None:
                return self._explained(edit, *found)
        return self._unexplained(edits)

    def _derived(self, edit: Edit) -> tuple[Derivation, Freedom] | None:
        grammar = self.index.edited(edit)
        for freedom, unread in attempts(grammar, self.reading.read):
            if freedom is Freedom.UNREAD and self.goal.freedom is not Freedom.UNREAD:
                break
            recognizer = Recognizer(grammar, target(self.reading.read, freedom), unread)
            recognizer.most_steps = min(MOST_STEPS_OF_EDIT, self.left)
            found = _verified(grammar, self.reading, recognizer)
            self.left -= recognizer.steps
            if found is not None:
                return found, freedom
        return None

    def _explained(self, edit: Edit, found: Derivation, freedom: Freedom) -> Failure:
        reason, fragment = edit.reason, self._at_furthest()
        goal = target(self.reading.read, freedom)
        spans = spans_of(found, freedom)
        span = self._span(edit, spans)
        if span is not None and span.last > span.first:
            last = span.last - 1
            if edit.kind is Kind.MISSING:
                last = max(span.first, min(last, self.tracer.furthest))
            fragment = self.reading.of_tokens(goal, span.first, last)
        if edit.kind is Kind.COUNT and span is not None:
            reason = f"{reason}, not {span.value}"
        elif edit.kind is Kind.SHARED:
            different = self._structures(edit, spans, goal)
            if len(different) > 1:
                fragment = different[1]
                reason += f"; the text has `{different[0].text}` first"
        elif edit.kind in (Kind.OTHER, Kind.SURPLUS):
            reason += self._unknown_name()
        return self._failure(fragment, reason, edit.node, is_enough=True)

    def _structures(self, edit: Edit, spans: Sequence[Span], goal: Target) -> list[Fragment]:
        """What the uses of an expression that is derived once came to, different ones only."""
        body: Any = edit.node.body
        keys: set[Any] = set()
        if isinstance(body, e.Choice):
            keys = {(taken.file, taken.at) for taken in body.alternatives}
        elif isinstance(body, e.RuleCall):
            keys = {body.rule}
        found = [
            self.reading.of_tokens(goal, span.first, span.last - 1)
            for span in sorted(spans, key=lambda span: span.first)
            if span.key in keys and span.last > span.first
        ]
        return list({fragment.text: fragment for fragment in reversed(found)}.values())[::-1]

    def _span(self, edit: Edit, spans: Sequence[Span]) -> Span | None:
        """What the changed part of the grammar came to."""
        position = self.tracer.furthest
        where = self.index.where[id(edit.node)]
        if edit.kind not in (Kind.GUARD, Kind.MISSING, Kind.COUNT, Kind.SHARED):
            return None
        if edit.kind is Kind.COUNT:
            allowed = _allowed(edit.node.count)
            counts = [span for span in spans if span.key == COPIES]
            return next((s for s in counts if s.value not in allowed), counts[0])
        key: Any = where.rule.key
        if edit.kind is Kind.GUARD:
            key = (edit.node.file, edit.node.at)
        elif edit.kind is Kind.MISSING and where.alternative is not None:
            key = (where.alternative.file, where.alternative.at)
        own = [span for span in spans if span.key == key]
        around = [span for span in own if span.first <= position <= span.last]
        return min(around or own, key=lambda s: s.last - s.first, default=None)

    def _at_furthest(self) -> Fragment:
        """The call at which the recognition ended."""
        tokens = self.goal.tokens
        if not tokens:
            return Fragment("", None)
        position = min(self.tracer.furthest, len(tokens) - 1)
        return self.reading.of_tokens(self.goal, position, position)

    def _failure(self, fragment: Fragment, reason: str, node: Any, *, is_enough: bool) -> Failure:
        where = self.index.where.get(id(node))
        if where is None:
            return Failure(fragment.text, fragment.location, reason, is_enough=is_enough)
        rule, alternative = where
        name = f"{rule.name}({', '.join(rule.parameters)})" if rule.parameters else rule.name
        if isinstance(node, e.Alternative):
            alternative = node
        if alternative is None:
            text, place = self.source.body(rule), self.source.place(rule.file, rule.at)
        else:
            text = self.source.alternative(alternative)
            place = self.source.place(alternative.file, alternative.at)
        return Failure(fragment.text, fragment.location, reason, name, text, place, is_enough)

    def _unexplained(self, edits: Sequence[Edit]) -> Failure:
        """No single change helps: what came nearest where the recognition ended."""
        fragment = self._at_furthest()
        if self.tracer.is_complete:
            text = self.reading.read.text
            return Failure(text, None, _SHARING)
        near = [edit for edit in edits if edit.kind not in (Kind.COUNT, Kind.GUARD)]
        if not near:
            reason = f"{self._wanted()} could stand here{self._unknown_name()}"
            return Failure(fragment.text, fragment.location, reason)
        reason = f"{near[0].reason}{self._unknown_name()}; that is not all that differs"
        return self._failure(fragment, reason, near[0].node, is_enough=False)

    def _unknown_name(self) -> str:
        """A remark where nothing in the grammar makes the call at fault."""
        tokens, position = self.goal.tokens, self.tracer.furthest
        if position == len(tokens):
            return ""
        name = self.goal.nodes[tokens[position].call].primitive.name
        if name in self.index.makers:
            return ""
        return f" (nothing in {self.grammar.name} makes {name})"

    def _wanted(self) -> str:
        return ", ".join(sorted(self.tracer.wanted)) or "the end of the text"


_SHARING: Final = (
    "every call can be derived, but not so that what is derived once is the same wherever it is "
    "used, and exactly the same weights are shared"
)


def _allowed(count: Any) -> range | list[Any]:
    constants = fold(count)
    if isinstance(count, e.IntegerRange) and len(constants) == 2:
        return range(constants[0], constants[1] + 1)
    return constants
