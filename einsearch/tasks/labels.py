"""Labels are names, whatever their type: numbers, words, truths, or text that looks like numbers.

Text is taken for numbers where every cell is one, and nothing would be lost: 007 and
12345678901234567 stay what they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.tasks.rowcoding import MISSING

Label = int | float | str
"""What a label is known by: numbers by their value, words as they are written."""

_WHOLE: Final = re.compile(r"[+-]?\d+", re.ASCII)
_IDENTIFIER: Final = re.compile(r"[+-]?0\d+")
_EXACT: Final = 15
"""Digits that a float keeps."""
_SHOWN: Final = 24
"""Characters of a name that are shown."""
_LONGEST: Final = 18
"""Digits that an int64 holds."""


def is_missing(cell: str) -> bool:
    """Whether a cell stands for nothing."""
    return cell.strip().lower() in MISSING


def is_number(cell: str) -> bool:
    """Whether a cell is a finite number as files have them: no underscores, no words."""
    try:
        value = float(cell)
    except ValueError:
        return False
    return math.isfinite(value) and "_" not in cell and cell.isascii()


def is_whole(cell: str) -> bool:
    """Whether a cell is a number without a point."""
    return _WHOLE.fullmatch(cell.strip()) is not None


def is_identifier(cell: str) -> bool:
    """Whether a cell has digits that a number would lose: 007, or more than a float keeps."""
    text = cell.strip()
    if _IDENTIFIER.fullmatch(text):
        return True
    return is_whole(text) and len(text.lstrip("+-")) > _EXACT


def from_text(cells: Iterable[str]) -> NDArray[Any]:
    """(n,) int64 or float64 where all cells are numbers and no identifiers, else the words."""
    words = np.array([cell.strip() for cell in cells], dtype=str)
    different = [str(word) for word in np.unique(words)]
    if any(not is_number(word) or is_identifier(word) for word in different):
        return words
    return amounts(words)


def amounts(words: NDArray[Any]) -> NDArray[Any]:
    """(n,) numbers from text, whatever their digits; NaN where a cell is no number."""
    different = [str(word) for word in np.unique(words)]
    if all(is_whole(word) and len(word) <= _LONGEST for word in different):
        return words.astype(np.int64)
    return np.array([float(w) if is_number(str(w)) else math.nan for w in words])


def plain(raw: NDArray[Any]) -> NDArray[Any]:
    """Labels of any kind (n,) as numbers or as words without space around them: bytes are text."""
    if raw.dtype.kind == "S":
        decoded = [bytes(value).decode("utf-8", "backslashreplace") for value in raw]
        return np.array([text.strip() for text in decoded], dtype=str)
    if raw.dtype.kind == "U":
        return np.array([str(text).strip() for text in raw], dtype=str)
    return raw


def key(value: Any) -> Label:
    """What a label is known by: 1, 1.0 and True are one label."""
    if isinstance(value, (str, np.str_)):
        return str(value)
    return int(value) if float(value).is_integer() else float(value)


def number_key(value: Any) -> Label:
    """The same where labels are numbers, which text may stand for."""
    if not isinstance(value, (str, np.str_)):
        return key(value)
    text = str(value)
    if not is_number(text) or is_identifier(text):
        return text
    return int(text) if is_whole(text) else key(float(text))


def name(value: Any) -> str:
    """A label as it is shown: whole numbers without a point."""
    if isinstance(value, (bool, np.bool_, str, np.str_)):
        return str(value)
    return str(int(value)) if float(value).is_integer() else str(value)


def shown(text: str) -> str:
    """A name or a cell for people: not too long, control characters as escapes."""
    cut = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)


def order(label: Label) -> tuple[bool, Label]:
    """Sorts numbers by size, and words after them."""
    return isinstance(label, str), label
