"""How a cell of a table becomes numbers: what an exported network does with raw rows, too.

This file needs Python alone. The export `python` takes its text as it stands below the docstring,
so that rows are coded there as they were in training.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

MISSING: Final = frozenset(
    ["", "?", "-", "--", "---", ".", "na", "<na>", "n/a", "#n/a", "#na", "nan", "-nan", "null",
     "none", "nil", "nat", "missing"]
)  # fmt: skip
"""What stands for nothing, in small letters."""

TRUTHS: Final = {
    "true": 1.0, "yes": 1.0, "t": 1.0, "y": 1.0, "on": 1.0,
    "false": 0.0, "no": 0.0, "f": 0.0, "n": 0.0, "off": 0.0,
}  # fmt: skip
"""Truths in small letters."""

_MONTHS: Final = ("jan feb mar apr may jun jul aug sep oct nov dec").split()
_TIME: Final = (
    r"(?:(?:[T ]|, )\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?)?"
)
_DATES: Final = tuple(
    re.compile(pattern + _TIME, re.ASCII)
    for pattern in (
        r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?:(?P=mark)(?P<day>\d{1,2}))?",
        r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<other>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})",
        r"(?P<day>\d{1,2})\.?[ -](?P<name>[A-Za-z]{3,9})\.?,?[ -](?P<year>\d{4})",
        r"(?P<name>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}),? (?P<year>\d{4})",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
    )
)


def is_nothing(cell: Any) -> bool:
    """Whether a cell stands for nothing: None, NaN, or text that says so."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return True
    return isinstance(cell, str) and cell.strip().lower() in MISSING


def as_text(cell: Any) -> str:
    """A cell as a file would have it: whole numbers without a point."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def moment(text: str, day_first: bool) -> tuple[date, float, float] | None:
    """A date as text: the day, the seconds of that day as they are written, and the seconds since
    1970 in UTC, or None where it is no date.

    Args:
        text: such as 2024-02-29, 2024-02-29T12:30:00Z, 29.2.2024, 29 Feb 2024.
        day_first: whether the day stands first in 3/4/2024.
    """
    found = next(filter(None, (pattern.fullmatch(text) for pattern in _DATES)), None)
    if found is None:
        return None
    given = {name: value for name, value in found.groupdict().items() if value}
    if "first" in given:
        order = ("day", "month") if day_first else ("month", "day")
        given |= dict(zip(order, (given["first"], given["other"]), strict=True))
    if "name" in given:
        month = given["name"][:3].lower()
        given["month"] = str(_MONTHS.index(month) + 1) if month in _MONTHS else "0"
    year = int(given["year"])
    if len(given["year"]) == 2:
        year += 1900 if year > 68 else 2000
    try:
        day = date(year, int(given["month"]), int(given.get("day", "1")))
    except ValueError:
        return None
    seconds = _seconds(given)
    if seconds is None:
        return None
    since = (day.toordinal() - date(1970, 1, 1).toordinal()) * 86400.0 + seconds
    return day, seconds, since - _offset(given.get("zone", "Z"))


def _seconds(given: Mapping[str, str]) -> float | None:
    """Seconds of the day; None where there is no such time."""
    hour, minute = int(given.get("hour", "0")), int(given.get("minute", "0"))
    second = float(given.get("second", "0"))
    if "half" in given:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if given["half"].lower() == "pm" else 0)
    if hour > 23 or minute > 59 or second >= 61:
        return None
    return 3600.0 * hour + 60.0 * minute + second


def _offset(zone: str) -> float:
    """Seconds by which a zone is ahead of UTC."""
    if zone in ("Z", "UTC"):
        return 0.0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    return (-1.0 if zone[0] == "-" else 1.0) * (3600.0 * hours + 60.0 * minutes)


def code_cell(code: Mapping[str, Any], cell: Any) -> list[float]:
    """The numbers that a cell of a column becomes, one for each of `code["features"]`.

    Args:
        code: of the column, as the description of a task has it.
        cell: a number, text, a truth, a date, or None.

    Raises:
        ValueError: a cell of a column of numbers or dates is none.
    """
    is_lost = is_nothing(cell)
    flag = [float(is_lost)] if code["has_flag"] else []
    if code["kind"] == "number":
        return [_held(code, code["fill"] if is_lost else _number(code, cell)), *flag]
    if code["kind"] == "truth":
        value = None if is_lost else TRUTHS.get(as_text(cell).lower())
        return [0.5 if value is None else value, *flag]
    if code["kind"] == "date":
        return [*_date(code, None if is_lost else as_text(cell)), *flag]
    return [*_category(code, None if is_lost else as_text(cell)), *flag]


def code_row(codes: Any, row: Any) -> list[float]:
    """The numbers that a row becomes.

    Args:
        codes: of the columns.
        row: a mapping from the names of columns to cells, or the cells in the order of `codes`.

    Raises:
        ValueError: the row has other cells, or one of them cannot be used.
    """
    if isinstance(row, Mapping):
        lacking = [code["column"] for code in codes if code["column"] not in row]
        if lacking:
            raise ValueError(f"the row has no {', '.join(map(repr, lacking))}")
        cells = [row[code["column"]] for code in codes]
    else:
        cells = list(row)
        if len(cells) != len(codes):
            names = ", ".join(str(code["column"]) for code in codes)
            raise ValueError(f"expected {len(codes)} cells, {names}; found {len(cells)}")
    pairs = zip(codes, cells, strict=True)
    return [number for code, cell in pairs for number in code_cell(code, cell)]


def _number(code: Mapping[str, Any], cell: Any) -> float:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        value = math.inf
    if math.isinf(value):
        raise ValueError(f"{code['column']}: {cell!r} is no finite number")
    return value


def _held(code: Mapping[str, Any], value: float) -> float:
    """A number, brought nearer where it is far off."""
    value = value if code["low"] is None else max(value, code["low"])
    return value if code["high"] is None else min(value, code["high"])


def _category(code: Mapping[str, Any], word: str | None) -> list[float]:
    values = code["values"]
    if code["is_pair"]:
        return [0.5 if word not in values else float(word == values[1])]
    marks = [float(word == value) for value in values]
    if code["has_other"]:
        marks.append(float(word is not None and word not in values))
    return marks + _signs(word, code["hashed"])


def _signs(word: str | None, count: int) -> list[float]:
    """So many numbers of 1 or -1 that follow from a word alone; 0 where there is none."""
    if not count or word is None:
        return [0.0] * count
    bits = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace")).digest()[:8], "big")
    return [1.0 if bits >> place & 1 else -1.0 for place in range(count)]


def _date(code: Mapping[str, Any], text: str | None) -> list[float]:
    """Seconds since 1970, and the parts that vary, which go round as sine and cosine."""
    if text is None:
        return [code["fill"], *[code["year"]] * ("year" in code["parts"])] + [
            0.0 for part in code["parts"] if part != "year" for _ in range(2)
        ]
    found = moment(text, code["day_first"])
    if found is None:
        raise ValueError(f"{code['column']}: {text!r} is no date such as 2024-02-29")
    day, seconds, since = found
    turns = {
        "month": (day.month - 1) / 12,
        "weekday": day.weekday() / 7,
        "hour": seconds / 86400,
    }
    numbers = [since]
    for part in code["parts"]:
        if part == "year":
            numbers.append(float(day.year))
        else:
            angle = 2 * math.pi * turns[part]
            numbers += [math.sin(angle), math.cos(angle)]
    return numbers
