"""Rules as railroad diagrams: what may follow what, with probabilities, domains and conditions.

A line that branches is a choice; a frame holds what is not one: branches side by side, copies, a
block's tensors, an expression that a primitive takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any, Final

import railroad

from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar
from einsearch.grammar.show import Writer
from einsearch.grammar.write import calls_of, reached

WIDEST: Final = 760.0
"""Pixels; a longer series goes on in another row."""
DEEPEST: Final = 40
"""Deeper expressions are written as text."""


@dataclass(frozen=True)
class Row:
    """A diagram with a line of text above it.

    Attributes:
        caption: the rule with its parameters, or a binding of its `where`.
        diagram: None where the caption says everything, as of a value.
    """

    caption: str
    diagram: railroad.Diagram | None


@dataclass(frozen=True)
class RuleDiagram:
    """What is drawn of one rule: itself, and then what its `where` names.

    Attributes:
        anchor: name of the place in a page or picture that links lead to.
    """

    anchor: str
    rule: e.Rule
    rows: tuple[Row, ...]


def rules_to_draw(grammar: Grammar, *, with_unreached: bool = False) -> list[e.Rule]:
    """The start rule, what it leads to as written, and then, if wanted, all others."""
    files = list(grammar.sources)
    written = sorted(grammar.rules.values(), key=lambda rule: (files.index(rule.file), rule.at))
    if grammar.start is None:
        return written
    keys = reached(grammar, [grammar.start_rule])
    used = [rule for rule in written if rule.key in keys and rule.key != grammar.start]
    others = [rule for rule in written if rule.key not in keys and rule.key != grammar.start]
    return [grammar.start_rule, *used, *(others if with_unreached else [])]


def diagrams_of(grammar: Grammar, rules: Sequence[e.Rule]) -> list[RuleDiagram]:
    """A diagram of each rule; calls of the others are links to them."""
    anchors = {rule.key: anchor_of(rule) for rule in rules}
    with _settings():
        return [_Drawer(grammar, rule, anchors).drawn() for rule in rules]


def anchor_of(rule: e.Rule) -> str:
    """Name of a place; keys of rules may hold signs that links cannot."""
    return "rule-" + "".join(
        sign if sign.isidentifier() or sign.isdigit() else "-" for sign in rule.key
    )


@contextmanager
def _settings() -> Iterator[None]:
    """The library's settings, which are global, for as long as it draws."""
    ours = {"INTERNAL_ALIGNMENT": "left", "CHAR_WIDTH": 7.9, "COMMENT_CHAR_WIDTH": 6.7}
    before = {name: getattr(railroad, name) for name in ours}
    try:
        for name, value in ours.items():
            setattr(railroad, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(railroad, name, value)


class _Drawer:
    """Draws one rule."""

    def __init__(self, grammar: Grammar, rule: e.Rule, anchors: dict[str, str]) -> None:
        self.rule = rule
        self.anchors = anchors
        self.writer = Writer({c.label: grammar.rules[c.rule].name for c in calls_of(rule)})

    def drawn(self) -> RuleDiagram:
        rule = self.rule
        head = f"{rule.name}({', '.join(rule.parameters)})" if rule.parameters else rule.name
        rows = [Row(head, self._diagram(rule.body)), *map(self._binding, rule.bindings)]
        return RuleDiagram(anchor_of(rule), rule, tuple(rows))

    def _diagram(self, body: Any) -> railroad.Diagram:
        diagram = railroad.Diagram(self._item(body, 0), type="complex")
        return diagram.format(8, 8)

    def _binding(self, binding: e.Binding) -> Row:
        if isinstance(binding.body, e.VALUE_TYPES):
            return Row(f"where {binding.name} = {self.writer.value(binding.body)}", None)
        return Row(f"where {binding.name} =", self._diagram(binding.body))

    def _item(self, node: Any, level: int) -> Any:
        if level > DEEPEST:
            return railroad.Terminal(self.writer.expression(node))
        if isinstance(node, e.Series):
            return _rows([self._item(item, level + 1) for item in node.items])
        if isinstance(node, e.Choice):
            return self._choice(node, level + 1)
        if isinstance(node, e.Parallel):
            branches = [self._item(item, level + 1) for item in node.items]
            return _frame("side by side", railroad.Choice(0, *branches))
        if isinstance(node, e.PrimitiveCall):
            return self._primitive(node, level)
        if isinstance(node, e.RuleCall):
            anchor = self.anchors.get(node.rule)
            href = None if anchor is None else f"#{anchor}"
            return railroad.NonTerminal(self.writer.expression(node), href=href, cls="rule")
        if isinstance(node, e.LocalUse):
            return railroad.NonTerminal(node.name, cls="local")
        return self._construct(node, level)

    def _construct(self, node: Any, level: int) -> Any:
        if isinstance(node, e.Block):
            return self._block(node, level + 1)
        if not isinstance(node, (e.Each, e.Repeat, e.Chain, e.Tied)):
            return railroad.Terminal(self.writer.expression(node), cls="tensor")
        label = type(node).__name__.lower()
        count = None if isinstance(node, e.Tied) else node.count
        if count is not None:
            label += f" {self.writer.value(count)}"
        return _frame(label, self._item(node.body, level + 1))

    def _choice(self, node: e.Choice, level: int) -> Any:
        chances = [_told(f"[{a.probability:.3g}]", "probability") for a in node.alternatives]
        rows = []
        for alternative, chance in zip(node.alternatives, _aligned(chances), strict=True):
            parts = [chance, self._item(alternative.body, level)]
            if alternative.guard is not None:
                parts.append(_told(f"when {self.writer.guard(alternative.guard)}", "guard"))
            rows.append(railroad.Sequence(*parts))
        return railroad.Choice(0, *rows)

    def _block(self, node: e.Block, level: int) -> Any:
        heads = []
        for item in node.assignments:
            names = ", ".join(item.names)
            heads.append(_told(f"({names}) =" if item.is_bundle else f"{names} =", "name"))
        bodies = [self._item(item.body, level) for item in node.assignments]
        return _frame("named tensors", _List(zip(_aligned(heads), bodies, strict=True)))

    def _primitive(self, node: e.PrimitiveCall, level: int) -> Any:
        """A primitive; one that takes expressions is a frame round each of them."""
        values = tuple(pair for pair in node.arguments if isinstance(pair[1], e.VALUE_TYPES))
        shown = self.writer.expression(replace(node, arguments=values))
        inner = [body for _, body in node.arguments if not isinstance(body, e.VALUE_TYPES)]
        if not inner:
            return railroad.Terminal(shown)
        bodies = [self._item(body, level + 1) for body in inner]
        return _frame(shown, bodies[0] if len(bodies) == 1 else railroad.Choice(0, *bodies))


class _List(railroad.DiagramMultiContainer):  # type: ignore[misc]
    """Rows below each other that no line connects: one enters the first, one leaves the last."""

    def __init__(self, rows: Iterable[tuple[Any, Any]]) -> None:
        super().__init__("g", [railroad.Sequence(*row) for row in rows])
        self.width = max(item.width for item in self.items)
        self.up = self.items[0].up
        gaps = [
            upper.height + upper.down + railroad.VS + lower.up
            for upper, lower in pairwise(self.items)
        ]
        self._tops = list(accumulate(gaps, initial=0))
        self.height = self._tops[-1] + self.items[-1].height
        self.down = self.items[-1].down

    def format(self, x: float, y: float, width: float) -> _List:
        for item, top in zip(self.items, self._tops, strict=True):
            item.format(x, y + top, item.width).addTo(self)
        rest = width - self.items[-1].width
        railroad.Path(x + width - rest, y + self.height).h(rest).addTo(self)
        return self


def _told(text: str, kind: str) -> Any:
    return railroad.Comment(text, cls=kind)


def _aligned(items: list[Any]) -> list[Any]:
    """Makes them equally wide, so that what follows them stands in one column."""
    width = max(item.width for item in items)
    for item in items:
        item.width = width
    return items


def _frame(label: str, item: Any) -> Any:
    padded = railroad.Sequence(railroad.Skip(), item, railroad.Skip())
    return railroad.Group(padded, _told(label, "label"))


def _rows(items: Sequence[Any]) -> Any:
    """A series, in rows that are not too wide."""
    rows: list[list[Any]] = [[]]
    for item in items:
        if rows[-1] and sum(part.width + 20 for part in (*rows[-1], item)) > WIDEST:
            rows.append([])
        rows[-1].append(item)
    made = [railroad.Sequence(*row) for row in rows]
    return made[0] if len(made) == 1 else railroad.Stack(*made)
