"""The machine that makes what it derives: calls, decisions, and the structure of the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from einsearch.derivation.bounds import Bounds
from einsearch.derivation.calls import emit
from einsearch.derivation.decisions import Draw, Path
from einsearch.derivation.known import known_of
from einsearch.derivation.limits import NO_LIMITS, Limits
from einsearch.derivation.lookahead import fitting_alternatives, fitting_values
from einsearch.derivation.machine import Chooser, Judge, Machine, Settings
from einsearch.derivation.nested import call_with
from einsearch.derivation.rules import activate, enter_rule
from einsearch.derivation.sharing import use
from einsearch.derivation.state import Cursor, Opening, Retarget, Scope
from einsearch.derivation.steps import STEPS
from einsearch.derivation.values import Environment, Shared
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar
from einsearch.primitives.program import INPUT, MOST_LEVELS, Call, Program, Ref
from einsearch.specs import Bundle


class Deriver(Machine):
    """Makes every call that it comes to."""

    splices: ClassVar[bool] = True

    def narrow(self, node: Any, drawn: tuple[Any, ...], draw: Draw) -> Draw | str:
        is_last = len(drawn) + 1 == len(node.draws)
        if not (is_last and isinstance(node, e.PrimitiveCall)):
            return draw
        return fitting_values(self, node, drawn, draw)

    def fitting(
        self, node: e.Choice, numbers: Sequence[int], allowed: Sequence[int]
    ) -> Sequence[int] | str:
        return fitting_alternatives(node, numbers, allowed, self.specs)

    def recall(self) -> bool:
        known = self.settings.known
        if not self.splices or known is None or not self._has_read_all():
            return False
        self.recalled = known.find(self)
        if self.recalled is not None:
            self.frames, self.source = None, None
        return self.recalled is not None

    def _has_read_all(self) -> bool:
        """Whether no decision is left over that has still to be read."""
        source, retarget = self.source, self.settings.retarget
        if source is not None and source.position < source.end:
            return False
        if retarget is None or retarget.after.position == retarget.after.end:
            return True
        after = retarget.after
        return source is not None and source.values is after.values and source.end == after.end

    def next_key(self) -> str:
        tie, number = self.context.tie, len(self.calls)
        return str(number) if tie is None else f"{tie.key}.{number - tie.first_call}"

    def emit(self, call: Call, node: e.PrimitiveCall, drawn: tuple[Any, ...]) -> str | None:
        return emit(self, call, node, drawn)

    def clone(self, number: int) -> str | None:
        self.events.append(("clone", number, self.refs[0]))
        return None

    def enter(self, rule: e.Rule, slots: Environment, path: Path) -> str | None:
        activate(self, rule, path)
        return enter_rule(self, rule, slots, path)

    def use(self, shared: Shared) -> None:
        use(self, shared)

    def open(self, opening: Opening, entering: Bundle) -> str | None:
        level = 1 if self.scope is None else self.scope.level + 1
        if level > MOST_LEVELS:
            return f"{opening.name}: expressions of primitives nest at most {MOST_LEVELS} deep"
        self.events.append(("expression", opening))
        self.scope = Scope(self.calls, len(self.calls), self.input, self.tied, self.scope, level)
        self.calls, self.input, self.tied = [], entering, {}
        self.refs = tuple(Ref(INPUT, port) for port in range(len(entering)))
        return None

    def close(self, opening: Opening) -> Program:
        made, outer = self.program.with_own_keys(), self.scope
        assert outer is not None
        self.events.append(("derived", self.refs))
        self.calls, self.input, self.tied, self.scope = outer[0], outer[2], outer[3], outer.outer
        # What an abandoned draw made after the expression is still there.
        del self.calls[outer.length :]
        return made

    def complete(self, opening: Opening) -> str | None:
        return call_with(self, opening)

    def copy(self, start: Any, end: Any) -> None:
        self.source = Cursor(self.decisions, start, end, is_copy=True)


def settings_for(
    grammar: Grammar,
    chooser: Chooser,
    limits: Limits = NO_LIMITS,
    bounds: Bounds | None = None,
    accept: Judge | None = None,
    retarget: Retarget | None = None,
) -> Settings:
    """Settings of a machine that derives with a grammar's rules."""
    known = known_of(grammar)
    return Settings(grammar.rules, chooser, STEPS, limits, bounds, accept, retarget, known)
