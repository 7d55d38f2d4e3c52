"""What commands print, and how: JSON, tables, numbers for people; and the error of a wrong call."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from einsearch.cli.terminal import say, say_json
from einsearch.errors import EinsearchError
from einsearch.files import write_output
from einsearch.report.distinct import MARK
from einsearch.shown import shown_line

LONGEST_RULE = 60
"""Dashes below the name of a column, at most."""

NARROWEST = 20
"""Columns of the narrowest terminal that a table is laid out for."""

LEAST_ROOM = 20
"""Columns that the last column of a table has before others are left out for it."""


Cut = Callable[[Sequence[str], int], Sequence[str]]
"""Cuts the texts of a column to so many characters each."""


class WrongCall(EinsearchError):
    """The command itself is wrong: it names what does not exist, or cannot be read. Status 2."""


def write_file(path: Path, text: str) -> None:
    """Writes a file that the user named; its folder is made where it is missing.

    Raises:
        EinsearchError: it cannot be written.
    """
    try:
        write_output(path, text.encode("utf-8"))
    except OSError as error:
        raise EinsearchError(f"cannot write {path}: {error.strerror}") from None


def print_json(value: Any) -> None:
    """Prints a value as JSON; numbers that JSON has not, such as infinity, become null."""
    say_json(json.dumps(_finite(value), indent=2, ensure_ascii=False))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def width() -> int | None:
    """Columns of the terminal that stdout is, or those that the variable COLUMNS asks for; None in
    a file or a pipe, where nothing is cut."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal():
        return None
    return max(NARROWEST, shutil.get_terminal_size().columns)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: int = 0,
    spare: Sequence[str] = (),
    cut: Cut | None = None,
) -> None:
    """Prints a table that keeps to the terminal's width; in a file or a pipe nothing is cut.

    Args:
        columns: their names.
        rows: a cell for each.
        numbers: so many of the first columns are set to the right.
        spare: names of columns that are left out, in this order, where the last one has no room.
        cut: how the last column is cut, such as `distinct`; at the end where None.
    """
    columns = [shown_line(name) for name in columns]
    table = [list(columns), *([shown_line(cell) for cell in row] for row in rows)]
    room = None if (most := width()) is None else _make_room(table, most, spare)
    is_number = [name in columns[:numbers] for name in table[0]]
    if room is not None:
        head, *last = (row[-1] for row in table)
        shown = (cut or cut_ends)(last, room)
        for row, text in zip(table, (cut_to(head, room), *shown), strict=True):
            row[-1] = text
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    table.insert(1, ["-" * min(each, LONGEST_RULE) for each in widths])
    for row in table:
        cells = [
            cell.rjust(each) if right else cell.ljust(each)
            for cell, each, right in zip(row, widths, is_number, strict=True)
        ]
        say("  ".join(cells).rstrip())


def _make_room(table: list[list[str]], most: int, spare: Sequence[str]) -> int:
    """Leaves out spare columns until the last one has room, then cuts the widest; how much room it
    has."""
    for name in (*spare, None):
        widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
        room = most - sum(widths[:-1]) - 2 * (len(widths) - 1)
        if room >= min(widths[-1], LEAST_ROOM) or name is None:
            break
        if name in table[0]:
            place = table[0].index(name)
            for row in table:
                del row[place]
    lacking = min(widths[-1], LEAST_ROOM) - room
    if lacking > 0:
        widest = max(range(len(widths) - 1), key=widths.__getitem__, default=0)
        kept = max(12, widths[widest] - lacking)
        room += max(0, widths[widest] - kept)
        for row in table:
            row[widest] = cut_to(row[widest], kept)
    return max(8, room)


def cut_ends(texts: Sequence[str], room: int) -> list[str]:
    """The beginnings of texts."""
    return [cut_to(text, room) for text in texts]


def cut_to(text: str, room: int) -> str:
    """The beginning of a text, with a mark where it is cut."""
    return text if len(text) <= room else f"{text[: room - 1]}{MARK}"


def print_facts(facts: Mapping[str, str]) -> None:
    """Prints names and values below each other, aligned."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        say(f"{name.ljust(width)}  {value}")
