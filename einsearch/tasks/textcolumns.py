"""Whether the one feature of a table is a sequence of symbols: letters, or words of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from einsearch.errors import TaskError
from einsearch.tasks.columnkinds import MANY, Column, listed
from einsearch.tasks.labels import is_missing, shown

_ROWS: Final = 20
"""Fewer rows do not say that a column holds sequences of symbols."""
_SENTENCE: Final = 4
"""Words of a text, as a mean."""
_ALPHABET: Final = 30
"""Different letters of texts that are no words."""
_LETTERS: Final = 5
"""Letters of such a text, as a mean."""


def holds_sequences(column: Column, rows: int) -> bool:
    """Whether a column holds texts of few letters, as ACGTTA, or sentences, and hardly one of them
    twice.

    Args:
        column: what stands in it.
        rows: of the table; in none of them a cell may be missing.
    """
    texts = [cell for cell in column.different if not is_missing(cell)]
    is_own = 2 * len(texts) >= min(rows, MANY)
    if column.words < max(rows, _ROWS) or not is_own or column.kind != "category":
        return False
    if sum(len(text.split()) for text in texts) >= _SENTENCE * len(texts):
        return True
    letters = set().union(*texts)
    size = sum(map(len, texts)) / len(texts)
    return size >= _LETTERS and len(letters) <= _ALPHABET and all(map(str.isalpha, letters))


def check_single(path: Path, features: Sequence[str], has_columns: bool) -> None:
    """Raises TaskError where a table cannot be read as sequences of symbols, as is asked for.

    Args:
        path: names the table.
        features: names of the columns beside the target.
        has_columns: whether it is said, too, what these hold.
    """
    if len(features) > 1:
        others = ", ".join(map(shown, features[1:3])) + ", ..." * (len(features) > 3)
        raise TaskError(
            f"{path} has {len(features)} columns beside the target, {listed(features)}, and "
            f"symbols are read from one: leave the others out, ignore: [{others}]"
        )
    if has_columns:
        raise TaskError(f"{path}: columns say what cells hold, and symbols, too: leave one out")
