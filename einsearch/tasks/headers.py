"""Whether the first row of a table names its columns: all rows below it are weighed.

| first row                                                    | is read as                   |
| ------------------------------------------------------------ | ---------------------------- |
| words above numbers                                           | names                        |
| 0, 1, 2, ... and a word that the words below it do not know    | names                        |
| numbers, and a label that comes again below                    | an example                   |
| 0, 1, 2, ... above numbers with points                         | names                        |
| 0, 1, 2, ... above whole numbers; a word that comes but once   | asked for                    |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from einsearch.errors import TaskError
from einsearch.tasks.labels import is_missing, is_number, is_whole, shown

_MANY: Final = 1000
"""Different words of a column that are kept."""
_SHOWN: Final = 8


@dataclass
class Column:
    """What stands in a column below the first row: how many numbers, numbers with a fraction, and
    words, and some of these words.
    """

    numbers: int = 0
    fractions: int = 0
    words: int = 0
    different: set[str] = field(default_factory=set)

    def add(self, cell: str) -> None:
        """Weighs one cell."""
        if is_number(cell):
            self.numbers += 1
            self.fractions += not is_whole(cell)
            return
        self.words += not is_missing(cell)
        if len(self.different) < _MANY:
            self.different.add(cell)


def weigh(rows: Iterable[Sequence[str]], width: int) -> tuple[list[Column], int]:
    """The columns of the rows below the first, and how many rows there are."""
    columns = [Column() for _ in range(width)]
    count = 0
    for count, cells in enumerate(rows, 1):  # noqa: B007  counted for the caller
        for column, cell in zip(columns, cells, strict=True):
            column.add(cell)
    return columns, count


def is_header(
    path: Path, first: Sequence[str], columns: Sequence[Column], rows: int, target: int
) -> bool:
    """Whether a first row names columns.

    Args:
        path: names the file in messages.
        first: its cells.
        columns: what stands below.
        rows: how many there are below.
        target: number of the column that is to be told.

    Raises:
        TaskError: both is possible.
    """
    for place, (cell, column) in enumerate(zip(first, columns, strict=True)):
        is_word = not is_number(cell) and not is_missing(cell)
        if is_word and (column.numbers > column.words if rows else place != target):
            return True
    if not rows:
        return False
    features = [cell for n, cell in enumerate(first) if n != target]
    label, labels = first[target], columns[target]
    if not is_number(label) and not is_missing(label):
        return _names_words(path, first, features, label, labels, rows)
    if labels.words == rows:
        # A number above words is the name of their column, or the only label of its kind.
        if _counts_up(first):
            return True
        raise _question(path, first)
    if not _counts_up(first):
        return False
    if any(column.fractions and column.fractions == column.numbers for column in columns):
        return True
    if len(first) < 3:
        return False
    raise _question(path, first)


def _names_words(
    path: Path,
    first: Sequence[str],
    features: Sequence[str],
    label: str,
    labels: Column,
    rows: int,
) -> bool:
    """Whether a row with a word in the place of the target, above words, names columns."""
    if label in labels.different:
        return False
    if not all(map(is_number, features)):
        # Features in words are refused anyway; a word that is no label names the column.
        return True
    if 2 * len(labels.different) > rows:
        return False
    if _counts_up(features):
        return True
    raise _question(path, first)


def _counts_up(cells: Sequence[str]) -> bool:
    """Whether cells are 0, 1, 2, ... or 1, 2, 3, ..., as columns without names are called."""
    return any(
        list(cells) == [str(number) for number in range(first, first + len(cells))]
        for first in (0, 1)
    )


def _question(path: Path, first: Sequence[str]) -> TaskError:
    listed = ", ".join(map(shown, first[:_SHOWN])) + (", ..." if len(first) > _SHOWN else "")
    return TaskError(
        f"{path}: does its first row, {listed}, name the columns, or is it an example? "
        "Say header: true or header: false"
    )
