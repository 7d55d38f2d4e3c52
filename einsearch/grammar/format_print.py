"""Lays documents out in lines of at most `WIDTH` columns; see `format_doc`.

Printing keeps its own stack, so that nesting may be thousands of levels deep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from einsearch.grammar.format_doc import (
    Align,
    Break,
    Doc,
    Edge,
    Fill,
    Group,
    Indent,
    Join,
    Row,
    Rows,
    Word,
    group,
    indent,
    join,
    line,
    word,
)

WIDTH: Final = 100
"""Columns of a line, comments not counted."""
MOST_INDENT: Final = 60
"""Deeper nesting is not indented any further."""
GAP: Final = "  "
"""Between the cells of a row, and before a comment behind them."""


class _Rest(NamedTuple):
    """The units of a `Fill` that are still to be printed, and the line the last one began in."""

    fill: Fill
    position: int
    begun: int


class Printer:
    """Prints documents one below the other; `text` is the outcome."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []
        self._line = ""
        self._behind = ""
        self._must_break = False
        self._stack: list[tuple[Any, int, bool]] = []

    @property
    def text(self) -> str:
        lines = [*self._lines, (self._line, self._behind)]
        shown = "\n".join(_with_comments(lines)).strip("\n")
        return f"{shown}\n" if shown else ""

    def print(self, doc: Doc) -> None:
        """Prints a document, from the beginning of a line."""
        if self._line.strip() or self._behind:
            self._new_line(0)
        self._stack.append((doc, 0, False))
        while self._stack:
            item, indentation, is_flat = self._stack.pop()
            if isinstance(item, Word):
                self._word(item, indentation)
            elif isinstance(item, _Rest):
                self._rest(item, indentation)
            elif is_flat:
                self._flat(item)
            else:
                self._broken(item, indentation)

    def _new_line(self, indentation: int) -> None:
        self._lines.append((self._line.rstrip(), self._behind))
        self._line, self._behind = " " * indentation, ""
        self._must_break = False

    def _word(self, item: Word, indentation: int) -> None:
        if item.before and (self._must_break or self._line.strip()):
            self._new_line(indentation)
        for number, note in enumerate(item.before):
            if number:
                self._new_line(indentation)
            self._apart(note.is_apart)
            self._line += note.text
        if item.before:
            self._must_break = True
        if item.text and not (self._must_break and item.text.isspace()):
            if self._must_break:
                self._new_line(indentation)
            self._apart(item.is_apart)
            self._line += item.text
        if item.behind:
            self._behind, self._must_break = item.behind, True

    def _apart(self, wanted: bool) -> None:
        """A blank line above the line at hand, if that is still empty."""
        if wanted and not self._line.strip() and self._lines and self._lines[-1] != ("", ""):
            self._lines.append(("", ""))

    def _flat(self, item: Any) -> None:
        if isinstance(item, Break):
            self._line += item.flat
        elif isinstance(item, Join):
            self._push(item.parts, 0, True)
        elif isinstance(item, Fill):
            spaced = [part for unit in item.units for part in (unit, line())][:-1]
            self._push(spaced, 0, True)
        elif isinstance(item, Rows):
            self._stack.append((item.flat, 0, True))
        elif not isinstance(item, Edge):
            self._stack.append((item.body, 0, True))

    def _push(self, parts: Sequence[Any], indentation: int, is_flat: bool) -> None:
        self._stack.extend((part, indentation, is_flat) for part in reversed(parts))

    def _broken(self, item: Any, indentation: int) -> None:
        if isinstance(item, Break):
            self._new_line(indentation)
        elif isinstance(item, Edge):
            self._line += " "
        elif isinstance(item, Join):
            self._push(item.parts, indentation, False)
        elif isinstance(item, Group):
            self._stack.append((item.body, indentation, self._fits(item)))
        elif isinstance(item, Align):
            column = min(len(self._line), MOST_INDENT) + item.shift
            self._stack.append((item.body, max(0, column), False))
        elif isinstance(item, Indent):
            column = max(0, min(indentation + item.columns, MOST_INDENT))
            self._stack.append((item.body, column, False))
        elif isinstance(item, Fill):
            self._stack.append((_Rest(item, 0, 0), indentation, False))
        else:
            self._rows(item.rows, indentation)

    def _fits(self, item: Doc, before: int = 0, *, is_followed: bool = True) -> bool:
        """Whether a document stands on the line at hand, with what must follow on that line."""
        if item.size.is_forced or self._must_break:
            return False
        room = WIDTH - len(self._line) - before - item.size.width
        following = reversed(self._stack) if is_followed and not item.size.trails else ()
        for doc, _, is_flat in following:
            if room < 0 or isinstance(doc, _Rest):
                break
            room -= doc.size.width if is_flat else doc.size.head
            if doc.size.may_break and not is_flat:
                break
        return room >= 0

    def _rest(self, rest: _Rest, indentation: int) -> None:
        filled, position, begun = rest
        unit = filled.units[position]
        is_last = position + 1 == len(filled.units)
        if position:
            is_alone = begun != len(self._lines) or unit.size.leads or position in filled.stages
            if is_alone or not self._fits(unit, 1, is_followed=is_last):
                self._new_line(indentation)
            else:
                self._line += " "
        if not is_last:
            after = _Rest(filled, position + 1, len(self._lines))
            self._stack.append((after, indentation, False))
        self._stack.append((group(unit), indentation, False))

    def _rows(self, alternatives: Sequence[Row], indentation: int) -> None:
        column = len(self._line)
        pads = _pads(alternatives, column)
        parts: list[Doc] = []
        for row, (to_weight, to_guard) in zip(alternatives, pads, strict=True):
            if row.bar is not None:
                parts += [indent(join(line(is_forced=True), row.bar), -2), word(" ")]
            parts.append(row.body)
            if row.weight is not None:
                parts += [word(" " * to_weight), row.weight]
            if row.guard is not None and _guard_is_below(row, column):
                parts.append(indent(join(line(is_forced=True), row.guard)))
            elif row.guard is not None:
                parts += [word(" " * to_guard), row.guard]
        self._push(parts, indentation, False)


def _guard_is_below(row: Row, column: int) -> bool:
    """Whether a row fits on one line only without its condition."""
    sizes = [cell.size.width + len(GAP) for cell in row[1:] if cell is not None]
    whole = column + sum(sizes) - len(GAP)
    return whole > WIDTH >= whole - sizes[-1]


def _pads(alternatives: Sequence[Row], column: int) -> list[tuple[int, int]]:
    """Spaces before the probability and before the condition of every row."""

    def width(cell: Doc | None) -> int:
        return cell.size.width if cell is not None else 0

    gap = len(GAP)
    cells = [(width(row.body), width(row.weight), width(row.guard)) for row in alternatives]
    aligned = [
        not any(cell is not None and cell.size.is_forced for cell in row[1:])
        and not (row.body.size.trails and (row.weight or row.guard))
        and column + sum(sizes) + gap * sum(map(bool, sizes[1:])) <= WIDTH
        for row, sizes in zip(alternatives, cells, strict=True)
    ]
    among = [sizes for sizes, is_aligned in zip(cells, aligned, strict=True) if is_aligned]
    body, weight, guard = (max((s[i] for s in among), default=0) for i in range(3))
    whole = column + body + (gap + weight if weight else 0) + (gap + guard if guard else 0)
    pads = []
    for sizes, is_aligned in zip(cells, aligned, strict=True):
        if not is_aligned or whole > WIDTH:
            pads.append((gap, gap))
            continue
        to_weight = body - sizes[0] + gap
        if sizes[1]:
            pads.append((to_weight, weight - sizes[1] + gap))
        else:
            pads.append((to_weight, to_weight + (weight + gap if weight else 0)))
    return pads


def _with_comments(lines: Sequence[tuple[str, str]]) -> list[str]:
    """Lines with the comments behind them, those of neighbouring lines below each other."""
    shown: list[str] = []
    start = 0
    while start < len(lines):
        end = start
        while end < len(lines) and lines[end][1]:
            end += 1
        column = max((len(code) for code, _ in lines[start:end]), default=0)
        shown += [f"{code:<{column}}{GAP}{comment}" for code, comment in lines[start:end]]
        if end < len(lines):
            shown.append(lines[end][0])
        start = end + 1
    return shown
