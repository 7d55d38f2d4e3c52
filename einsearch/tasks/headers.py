"""Whether the first row of a table names its columns: all rows below it are weighed.

| first row                                                    | is read as                   |
| ------------------------------------------------------------ | ---------------------------- |
| words above numbers, truths or dates                          | names                        |
| 0, 1, 2, ... and a word that the words below it do not know    | names                        |
| numbers, and a label that comes again below                    | an example                   |
| 0, 1, 2, ... above numbers with points                         | names                        |
| 0, 1, 2, ... above whole numbers; a word that comes but once   | asked for                    |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from einsearch.errors import TaskError
from einsearch.tasks.columnkinds import Column
from einsearch.tasks.labels import is_missing, is_number, shown
from einsearch.tasks.rowcoding import TRUTHS, moment

_SHOWN: Final = 8


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
        if is_number(cell) or is_missing(cell):
            continue
        if column.numbers > column.words if rows else place != target:
            return True
        if rows and _is_of_another_kind(cell, column):
            return True
    if not rows:
        return False
    pairs = zip(first, columns, strict=True)
    features = [pair for n, pair in enumerate(pairs) if n != target]
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
    features: Sequence[tuple[str, Column]],
    label: str,
    labels: Column,
    rows: int,
) -> bool:
    """Whether a row with a word in the place of the target, above words, names columns."""
    if label in labels.different:
        return False
    words = [(cell, column) for cell, column in features if not is_number(cell)]
    if words:
        if any(cell in column.different and not is_missing(cell) for cell, column in words):
            raise _question(path, first)
        return True
    if 2 * len(labels.different) > rows:
        return False
    if _counts_up([cell for cell, _ in features]):
        return True
    raise _question(path, first)


def _is_of_another_kind(cell: str, column: Column) -> bool:
    """Whether a word stands above truths and is none, or above dates and is none."""
    if column.kind == "truth":
        return cell.lower() not in TRUTHS
    return column.kind == "date" and not any(moment(cell, first) for first in (True, False))


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
