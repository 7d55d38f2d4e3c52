"""The machine that makes what it derives: calls, decisions, and the structure of the text."""

from __future__ import annotations

from typing import Any

from einsearch.derivation.bounds import Bounds
from einsearch.derivation.calls import emit
from einsearch.derivation.decisions import Path
from einsearch.derivation.limits import NO_LIMITS, Limits
from einsearch.derivation.machine import Chooser, Judge, Machine, Settings
from einsearch.derivation.rules import activate, enter_rule, use
from einsearch.derivation.state import Cursor, Retarget
from einsearch.derivation.steps import STEPS
from einsearch.derivation.values import Environment, Shared
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar
from einsearch.primitives.program import Call


class Deriver(Machine):
    """Makes every call that it comes to."""

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

    def copy(self, start: int, end: int) -> None:
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
    return Settings(grammar.rules, chooser, STEPS, limits, bounds, accept, retarget)
