"""How each construct of the language is laid out: syntax tree -> documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from lark import Token
from lark.visitors import Transformer_NonRecursive

from einsearch.grammar.format_doc import (
    Doc,
    Join,
    Row,
    Word,
    align,
    edge,
    fill,
    group,
    indent,
    join,
    line,
    rows,
    word,
)
from einsearch.grammar.format_print import WIDTH
from einsearch.grammar.format_tokens import Words

STAGES: Final = frozenset({"parallel", "each", "repeat", "chain", "tied", "block"})
"""Each of these begins a line of a series that is too long for one."""
HANG: Final = -3
"""`>>` of a broken series ends below the `=` before it."""


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """`name = body` with what may follow; the statement of a rule, or a tensor of a block.

    Attributes:
        keyword: "seed", "extend", "replace", or "" for a rule.
        name: up to the name's end.
        rest: all behind `name =`.
    """

    keyword: str
    name: Doc
    rest: Doc

    def doc(self, width: int = 0) -> Doc:
        """With its `=` in the column where it is after a name of at least that width."""
        pad = max(0, width - self.name.size.width)
        return join(self.name, " " * pad, self.rest)

    @property
    def is_one_line(self) -> bool:
        """Whether it fits on one line."""
        size = join(self.name, self.rest).size
        return size.width <= WIDTH and not size.is_forced

    @property
    def is_apart(self) -> bool:
        """Whether a comment or a blank line stands above it."""
        first: Any = self.name
        while not isinstance(first, Word):
            first = first.parts[0] if isinstance(first, Join) else first.body
        return first.is_apart or bool(first.before)


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """An expression, with what the layout of its surroundings depends on.

    Attributes:
        kind: of its outermost construct.
        doc: for places in the middle of a line.
        hanging: for the place behind `=`.
    """

    kind: str
    doc: Doc
    hanging: Doc


def _plain(kind: str, doc: Doc) -> Body:
    return Body(kind, doc, doc)


class _Weight(NamedTuple):
    doc: Doc


class _Guard(NamedTuple):
    doc: Doc


class Layout(Transformer_NonRecursive[Token, Any]):
    """One method a construct: makes its document from those of its parts."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words

    def __default_token__(self, token: Token) -> Any:
        start = token.start_pos or 0
        piece = self._words.pieces[start]
        text = str(token).rstrip("=").strip() if token.type == "TARGETS" else str(token)
        shown = word(text, piece.before, piece.behind, piece.is_apart)
        is_spaced = token.type in ("STAR", "SLASH") and start not in self._words.tight
        return join(" ", shown, " ") if is_spaced else shown

    # --- values ---

    def number(self, children: list[Any]) -> Body:
        return _plain("value", children[0])

    string = name = number

    def range(self, children: list[Any]) -> Body:
        return _plain("value", join(*map(_doc, children)))

    times = over = negative = range

    def log_range(self, children: list[Any]) -> Body:
        log, *rest = map(_doc, children)
        return _plain("value", join(log, " ", *rest))

    def plus(self, children: list[Any]) -> Body:
        return _plain("value", _spaced(children))

    minus = compare = plus

    def item(self, children: list[Any]) -> Doc:
        return _spaced([c.doc if isinstance(c, _Weight) else c for c in children])

    def domain(self, children: list[Any]) -> Body:
        opening, *items, closing = children
        return _plain("value", join(opening, align(fill(_with_commas(items))), closing))

    # --- expressions ---

    def call(self, children: list[Any]) -> Body:
        called, *rest = children
        return _plain(called.text, join(called, _listing(rest)))

    def positional(self, children: list[Any]) -> Doc:
        return _doc(children[0])

    def named(self, children: list[Any]) -> Doc:
        return join(*map(_doc, children))

    def group(self, children: list[Any]) -> Body:
        return _plain("group", _listing([_doc(child) for child in children]))

    def parallel(self, children: list[Any]) -> Body:
        return _plain("parallel", _listing([_doc(child) for child in children]))

    def series(self, children: list[Any]) -> Body:
        first, *rest = children
        if not rest:
            return first  # type: ignore[no-any-return]
        units, stages = [first.doc], []
        for before, operator, item in zip(children[::2], rest[::2], rest[1::2], strict=False):
            unit = join(operator, " ", item.doc)
            # What joins a bundle stays with the branches that make it.
            if before.kind in ("parallel", "each") and not unit.size.leads:
                units[-1] = join(units[-1], " ", unit)
                continue
            if item.kind in STAGES:
                stages.append(len(units))
            units.append(unit)
        filled = fill(units, stages)
        return Body("series", align(filled), align(filled, HANG))

    def weight(self, children: list[Any]) -> _Weight:
        return _Weight(join(*map(_doc, children)))

    def guard(self, children: list[Any]) -> _Guard:
        when, condition = children
        return _Guard(join(when, " ", align(group(_doc(condition)))))

    def or_(self, children: list[Any]) -> Body:
        left, operator, right = map(_doc, children)
        return _plain("value", join(left, line(), operator, " ", right))

    and_ = or_

    def not_(self, children: list[Any]) -> Body:
        return _plain("value", _spaced(children))

    def alternative(self, children: list[Any]) -> tuple[Body, Doc | None, Doc | None]:
        weight = next((c.doc for c in children if isinstance(c, _Weight)), None)
        guard = next((c.doc for c in children if isinstance(c, _Guard)), None)
        return children[0], weight, guard

    alternative_guard_first = alternative

    def choice(self, children: list[Any]) -> Body:
        body, weight, guard = children[0]
        if len(children) == 1 and weight is None and guard is None:
            return body  # type: ignore[no-any-return]
        bars = [None, *children[1::2]]
        table = [
            Row(bar, alternative[0].doc, *alternative[1:])
            for bar, alternative in zip(bars, children[::2], strict=True)
        ]
        has_cells = len(table) > 1 and any(row.weight or row.guard for row in table)
        return Body(
            "choice",
            group(align(rows(table, is_forced=False))),
            group(align(rows(table, is_forced=has_cells))),
        )

    def block(self, children: list[Any]) -> Body:
        opening, *tensors, closing = children
        width = max(tensor.name.size.width for tensor in tensors)
        inside: list[Doc] = []
        for tensor in tensors:
            inside += [line(is_forced=True), tensor.doc(width)]
        if closing.before:
            inside += [line(is_forced=True), word("", closing.before)]
            closing = word(closing.text, (), closing.behind)
        doc = join(opening, indent(join(*inside)), line(is_forced=True), closing)
        return Body("block", align(doc), doc)

    def assign(self, children: list[Any]) -> Definition:
        name, equals, body = children
        return Definition("", name, _defined_as(equals, body))

    def assign_bundle(self, children: list[Any]) -> Definition:
        targets, body = children
        names = [part.strip() for part in targets.text.strip("()").split(",")]
        shown = f"({', '.join(filter(None, names))})"
        name = word(shown, targets.before, "", targets.is_apart)
        return Definition("", name, _defined_as(word("=", (), targets.behind), body))

    # --- statements ---

    def formal(self, children: list[Any]) -> Doc:
        return join(*map(_doc, children))

    def header(self, children: list[Any]) -> Doc:
        name, *rest = children
        return join(name, _listing(rest)) if rest else join(name)

    def binding(self, children: list[Any]) -> Doc:
        name, equals, body = children
        return join(name, _defined_as(equals, body))

    def bindings(self, children: list[Any]) -> Doc:
        where, *rest = children
        one_each = [part for unit in _with_commas(rest) for part in (line(), unit)][1:]
        return join(where, " ", align(group(join(*one_each))))

    def rule(self, children: list[Any]) -> Definition:
        header, equals, body, *bindings = children
        clauses = [indent(join(line(is_forced=True), clause)) for clause in bindings]
        return Definition("", header, join(_defined_as(equals, body), *clauses))

    def seed(self, children: list[Any]) -> Definition:
        keyword, header, *rest = children
        found = self.rule([header, *rest])
        return Definition(keyword.text, join(keyword, " ", header), found.rest)

    extend = replace = seed

    def start(self, children: list[Any]) -> Doc:
        return _spaced(children)

    language = start

    def require(self, children: list[Any]) -> Doc:
        keyword, *names = children
        return join(keyword, " ", align(fill(_with_commas(names))))

    def import_(self, children: list[Any]) -> Doc:
        keyword, path, opening, *names, closing = children
        inside = join(opening, align(fill(_with_commas(names))), closing)
        return join(keyword, " ", path, " ", inside)

    def file(self, children: list[Any]) -> list[Any]:
        return children


def _doc(item: Any) -> Doc:
    return item.doc if isinstance(item, Body) else item


def _spaced(children: Sequence[Any]) -> Doc:
    parts: list[Doc | str] = []
    for child in children:
        parts += [" ", _doc(child)]
    return join(*parts[1:])


def _defined_as(equals: Doc, body: Body) -> Doc:
    # The closing brace of a block stands below the name; all else stands to the right of it.
    behind = join(" ", body.hanging)
    return join(" ", equals, behind if body.kind == "block" else indent(behind))


def _with_commas(children: Sequence[Any]) -> list[Doc]:
    """Items, each with the comma behind it."""
    docs = [_doc(child) for child in children]
    units: list[Doc] = [join(*pair) for pair in zip(docs[::2], docs[1::2], strict=False)]
    return [*units, docs[-1]] if len(docs) % 2 else units


def _listing(children: Sequence[Doc]) -> Doc:
    """Brackets with items between commas: on one line, or one to a line behind its comma."""
    opening, *items, closing = map(_doc, children)
    if not items:
        return join(opening, closing)
    parts: list[Doc | str] = [opening, edge(), items[0]]
    for comma, item in zip(items[1::2], items[2::2], strict=True):
        parts += [line(""), comma, " ", item]
    return group(align(join(*parts, line(""), closing)))
