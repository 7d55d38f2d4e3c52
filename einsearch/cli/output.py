"""What commands print, and how: JSON, tables, numbers for people; and the error of a wrong call."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from einsearch.cli.terminal import say, say_json
from einsearch.errors import EinsearchError
from einsearch.files import write_output
from einsearch.shown import shown_line

LONGEST_RULE = 60
"""Dashes below the name of a column, at most."""


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


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0) -> None:
    """Prints a table. The first `numbers` columns are set to the right. On a terminal the last
    column is cut to what is left of the line; in a file or a pipe nothing is cut."""
    columns = [shown_line(name) for name in columns]
    rows = [[shown_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    room = None
    if sys.stdout.isatty():
        taken = sum(widths[:-1]) + 2 * (len(widths) - 1)
        room = max(12, shutil.get_terminal_size().columns - taken)
        widths[-1] = min(widths[-1], room)
    rule = ["-" * min(width, LONGEST_RULE) for width in widths]
    for row in (columns, rule, *rows):
        cells = [
            cell.rjust(width) if index < numbers else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        cells[-1] = _cut(row[-1], room)
        say("  ".join(cells).rstrip())


def _cut(text: str, width: int | None) -> str:
    return text if width is None or len(text) <= width else f"{text[: width - 3]}..."


def print_facts(facts: Mapping[str, str]) -> None:
    """Prints names and values below each other, aligned."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        say(f"{name.ljust(width)}  {value}")


def count(value: float) -> str:
    """A count for people: 950, 12.3k, 4.37M."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:g}"


def score(value: float | None) -> str:
    """The value of an objective, four digits; nothing for none."""
    return "" if value is None else f"{value:.4g}"


def duration(seconds: float) -> str:
    """A time span: 4.2 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plural(number: int, noun: str) -> str:
    """ "1 trial", "2 trials"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
