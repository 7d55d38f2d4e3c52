"""The syntax tree of a grammar file, as written: names are not resolved yet.

Nodes compare by identity. `at` is the (line, column) where a node starts, counted from 1. `levels`
counts how deep values and guards are nested.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

At = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    at: At
    value: int | float


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    at: At
    value: str


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    at: At
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """`name(positional, ..., named=...)`."""

    at: At
    name: str
    positional: tuple[Node, ...]
    named: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Arithmetic:
    """`left operator right`; a negative number is `0 - right`."""

    at: At
    operator: str
    left: Node
    right: Node
    levels: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class DomainItem:
    value: Node
    weight: Node | None


@dataclass(frozen=True, slots=True, eq=False)
class DomainLiteral:
    """`{16, 32 [0.5]}`."""

    at: At
    items: tuple[DomainItem, ...]
    levels: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class RangeLiteral:
    """`low..high`, or `log low..high`."""

    at: At
    low: Node
    high: Node
    is_log: bool
    levels: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class SeriesLiteral:
    at: At
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ParallelLiteral:
    at: At
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """One alternative of a choice."""

    at: At
    body: Node
    weight: Node | None
    guard: Guard | None


@dataclass(frozen=True, slots=True, eq=False)
class ChoiceLiteral:
    at: At
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """`name = body`, or `(a, b) = body`, of a block."""

    at: At
    names: tuple[str, ...]
    is_bundle: bool
    body: Node


@dataclass(frozen=True, slots=True, eq=False)
class BlockLiteral:
    at: At
    assignments: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Logic:
    """`and`, `or` (two operands) and `not` (one) of a guard."""

    at: At
    operator: str
    operands: tuple[Guard, ...]
    levels: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    at: At
    operator: str
    left: Node
    right: Node
    levels: int = 1


Node = (
    Number
    | Text
    | Name
    | Call
    | Arithmetic
    | DomainLiteral
    | RangeLiteral
    | SeriesLiteral
    | ParallelLiteral
    | ChoiceLiteral
    | BlockLiteral
)
Guard = Logic | Comparison | Name | Number | Arithmetic


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """`name(a, b=2)` on the left of a rule."""

    at: At
    name: str
    formals: tuple[tuple[str, Node | None], ...]


@dataclass(frozen=True, slots=True, eq=False)
class RuleStatement:
    """A rule, or `extend`, `replace`, `seed` of one, as `keyword` says ("" for a rule).

    `span`: where in the text it begins and ends.
    """

    at: At
    keyword: str
    header: Header
    body: Node
    bindings: tuple[tuple[str, Node], ...]
    span: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class ImportStatement:
    at: At
    path: str
    names: tuple[tuple[str, At], ...]


@dataclass(frozen=True, slots=True, eq=False)
class NamesStatement:
    """`start NAME`, `require NAME, ...`, `language N`."""

    at: At
    keyword: str
    names: tuple[tuple[str, At], ...]


Statement = RuleStatement | ImportStatement | NamesStatement


@dataclass(frozen=True, slots=True, eq=False)
class Comment:
    at: At
    text: str


@dataclass(frozen=True)
class SourceFile:
    """A grammar file as read.

    Attributes:
        name: path or label, for messages.
        text: the whole text.
        statements: in order.
        comments: every comment, in order; those starting with `##` are documentation.
    """

    name: str
    text: str
    statements: tuple[Statement, ...]
    comments: tuple[Comment, ...] = field(default=())


def same_syntax(left: object, right: object) -> bool:
    """Whether two trees, or sequences of them, say the same, wherever it stands in its file."""
    pending = [(left, right)]
    while pending:
        a, b = pending.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, tuple) and isinstance(b, tuple):
            if len(a) != len(b):
                return False
            pending.extend(zip(a, b, strict=True))
        elif isinstance(a, (ImportStatement, NamesStatement)):
            pending.append((_without_places(a), _without_places(b)))
        elif is_dataclass(a) and not isinstance(a, type):
            names = [f.name for f in fields(a) if f.name not in ("at", "span")]
            pending.extend((getattr(a, name), getattr(b, name)) for name in names)
        elif a != b:
            return False
    return True


def _without_places(statement: Any) -> tuple[Any, ...]:
    head = statement.path if isinstance(statement, ImportStatement) else statement.keyword
    return head, tuple(name for name, _ in statement.names)
