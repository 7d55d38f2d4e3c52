"""Documents: text with the places where it may break, which `format_print` lays out.

After Wadler ("A prettier printer", 2003), with comments as part of the words that they stand at,
and rows whose cells are aligned. A document is made from its parts, and its size from theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Note(NamedTuple):
    """A comment that has a line of its own. `is_apart`: a blank line stands before it."""

    text: str
    is_apart: bool


class Size(NamedTuple):
    """How a document fits into a line.

    Attributes:
        width: columns on one line, comments not counted.
        head: columns before the first place where it may break.
        may_break: whether there is such a place.
        is_forced: whether it cannot stand on one line.
        leads, trails: whether a comment stands directly before or behind it.
    """

    width: int
    head: int
    may_break: bool = False
    is_forced: bool = False
    leads: bool = False
    trails: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Doc:
    size: Size


@dataclass(frozen=True, slots=True, eq=False)
class Word(Doc):
    """A piece of text. `is_apart`: a blank line stands before it, where it begins a line."""

    text: str
    before: tuple[Note, ...] = ()
    behind: str = ""
    is_apart: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Break(Doc):
    """A place to break: a new line, or the text `flat`."""

    flat: str


@dataclass(frozen=True, slots=True, eq=False)
class Edge(Doc):
    """A space where the group around it breaks, else nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Join(Doc):
    parts: tuple[Doc, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Group(Doc):
    """On one line if it fits; else every break of its own is taken."""

    body: Doc


@dataclass(frozen=True, slots=True, eq=False)
class Align(Doc):
    """Lines begin where it begins, `shift` columns to the right."""

    body: Doc
    shift: int


@dataclass(frozen=True, slots=True, eq=False)
class Indent(Doc):
    """Lines begin so many columns to the right."""

    body: Doc
    columns: int


@dataclass(frozen=True, slots=True, eq=False)
class Fill(Doc):
    """As many units to a line as fit; those whose number is in `stages` always begin a line."""

    units: tuple[Doc, ...]
    stages: frozenset[int]


class Row(NamedTuple):
    """An alternative: the bar before it, its body, probability and condition."""

    bar: Doc | None
    body: Doc
    weight: Doc | None
    guard: Doc | None


@dataclass(frozen=True, slots=True, eq=False)
class Rows(Doc):
    """Alternatives on one line (`flat`), or one to a line with probabilities below each other."""

    rows: tuple[Row, ...]
    flat: Join


def word(text: str, before: Iterable[Note] = (), behind: str = "", is_apart: bool = False) -> Word:
    notes = tuple(before)
    trails = bool(behind)
    size = Size(len(text), len(text), trails, False, bool(notes), trails)
    return Word(size, text, notes, behind, is_apart)


def line(flat: str = " ", *, is_forced: bool = False) -> Break:
    return Break(Size(len(flat), 0, True, is_forced), flat)


def edge() -> Edge:
    return Edge(Size(0, 0))


def join(*parts: Doc | str) -> Join:
    docs = tuple(word(part) if isinstance(part, str) else part for part in parts)
    return Join(_size_of(docs), docs)


def _size_of(parts: Sequence[Doc], between: int = 0) -> Size:
    """Size of parts one after the other, with a break of `between` columns between them."""
    width = sum(part.size.width for part in parts) + between * max(0, len(parts) - 1)
    head, may_break, is_forced = 0, False, False
    for number, part in enumerate(parts):
        size = part.size
        is_forced |= size.is_forced
        is_forced |= (size.leads and number > 0) or (size.trails and number + 1 < len(parts))
        if not may_break:
            head += size.head
            may_break = size.may_break or between > 0
    first, last = parts[0].size, parts[-1].size
    return Size(width, head, may_break, is_forced, first.leads, last.trails)


def group(body: Doc) -> Group:
    return Group(body.size, body)


def align(body: Doc, shift: int = 0) -> Align:
    return Align(body.size, body, shift)


def indent(body: Doc, columns: int = 4) -> Indent:
    return Indent(body.size, body, columns)


def fill(units: Sequence[Doc], stages: Iterable[int] = ()) -> Doc:
    if len(units) == 1:
        return units[0]
    return group(Fill(_size_of(units, between=1), tuple(units), frozenset(stages)))


def rows(alternatives: Sequence[Row], *, is_forced: bool) -> Rows:
    """Alternatives. `is_forced`: one to a line even where they would fit."""
    parts: list[Doc | str] = []
    for row in alternatives:
        parts += [" ", row.bar, " "] if row.bar is not None else []
        parts.append(row.body)
        for cell in (row.weight, row.guard):
            parts += [" ", cell] if cell is not None else []
    flat = join(*parts)
    size = flat.size._replace(
        may_break=len(alternatives) > 1 or flat.size.may_break,
        head=alternatives[0].body.size.head,
        is_forced=flat.size.is_forced or is_forced,
    )
    return Rows(size, tuple(alternatives), flat)
