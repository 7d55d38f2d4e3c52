"""What tables hold, read cell by cell: features, answers, weights, groups, order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.tasks.arraynames import ROLES
from einsearch.tasks.columnkinds import ColumnKind
from einsearch.tasks.files import StoredArray
from einsearch.tasks.frames import Cells, Frame, Words
from einsearch.tasks.labels import is_missing, is_number, is_whole, shown
from einsearch.tasks.rowcoding import moment
from einsearch.tasks.tables import Table, TableOptions, find_tables, notes_of, open_table

_DIGITS: Final = 15
"""So many digits of a whole number are all kept by a float."""


@dataclass(frozen=True)
class TableFeatures(StoredArray):
    """x of a table, (rows, features)."""

    table: Table
    has_gaps: bool

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.table.header[n] for n in self.table.features if self.table.header)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(notes_of(self.table))

    def read(self) -> NDArray[Any]:
        made = np.empty(self.shape)
        for place, (line, cells) in enumerate(self.table.examples()):
            self._read_numbers(cells, self.table.features, made[place], line)
        return made

    def _read_numbers(
        self, cells: Sequence[str], columns: Sequence[int], row: NDArray[Any], line: int
    ) -> None:
        """Reads the cells of some columns of a row into as many numbers."""
        if not _read_plain([cells[column] for column in columns], row):
            for at, column in enumerate(columns):
                row[at] = self._number(cells[column], line, column)

    def _number(self, cell: str, line: int, column: int) -> float:
        named = shown(self.table.named(column))
        if is_number(cell):
            if len(cell) > _DIGITS and is_whole(cell) and int(cell) != float(cell):
                raise self.table.refusal(
                    line, column, f"a number does not keep all digits of {shown(cell)}: leave an "
                    f"identifier out, ignore: [{named}]"
                )  # fmt: skip
            return float(cell)
        if self.has_gaps and is_missing(cell):
            return math.nan
        told = f'"{shown(cell)}" is no finite number' if cell else "it is empty"
        if self.has_gaps:
            hint = f"mend it, leave it empty, or say columns: {{{named}: category}} of words"
        else:
            hint = "fill gaps, and turn words into numbers, a column for each"
        raise self.table.refusal(
            line, column, f"{told}: {hint}, or leave the column out, ignore: [{named}]"
        )


def _read_plain(cells: Sequence[str], row: NDArray[Any]) -> bool:
    """Reads cells that need no second look; whether they are all such."""
    text = "".join(cells)
    if "_" in text or not text.isascii() or max(map(len, cells), default=0) > _DIGITS:
        return False
    try:
        row[:] = list(map(float, cells))
    except ValueError:
        return False
    return bool(np.isfinite(row).all())


@dataclass(frozen=True)
class TableColumns(TableFeatures):
    """x of a table whose columns may hold anything."""

    @property
    def kinds(self) -> tuple[ColumnKind, ...]:
        """What the columns hold."""
        return self.table.kinds

    def frame(self) -> Frame:
        """The columns. Raises TaskError where a cell cannot be what its column holds."""
        pairs = list(zip(self.table.features, self.table.kinds, strict=True))
        numbers = [column for column, kind in pairs if kind.kind == "number"]
        words = [(column, kind) for column, kind in pairs if kind.kind != "number"]
        found = np.empty((self.table.rows, len(numbers)))
        codes = {column: np.empty(self.table.rows, np.int32) for column, _ in words}
        values: dict[int, dict[str, int]] = {column: {} for column, _ in words}
        for place, (line, cells) in enumerate(self.table.examples()):
            self._read_numbers(cells, numbers, found[place], line)
            for column, kind in words:
                codes[column][place] = self._code(cells[column], values[column], line, column, kind)
        made: dict[int, Cells] = {n: Words(codes[n], tuple(values[n])) for n, _ in words}
        made |= {n: np.ascontiguousarray(found[:, at]) for at, n in enumerate(numbers)}
        return Frame(tuple(made[column] for column in self.table.features))

    def cell_refusal(self, index: int, place: int, reason: str) -> TaskError:
        """An error that says in which line and column a feature of an example stands."""
        lines = (line for n, (line, _) in enumerate(self.table.examples()) if n == index)
        return self.table.refusal(next(lines), self.table.features[place], reason)

    def _code(
        self, cell: str, values: dict[str, int], line: int, column: int, kind: ColumnKind
    ) -> int:
        """Number of a word; -1 where it is missing."""
        known = values.get(cell)
        if known is not None:
            return known
        if is_missing(cell):
            return -1
        if kind.kind == "date" and moment(cell, kind.day_first) is None:
            named = shown(self.table.named(column))
            raise self.table.refusal(
                line, column, f'"{shown(cell)}" is no date such as 2024-02-29: mend it, leave it '
                f"empty, or say columns: {{{named}: category}}"
            )  # fmt: skip
        values[cell] = len(values)
        return values[cell]


@dataclass(frozen=True)
class TableColumn(StoredArray):
    """One column of a table, (rows,) text."""

    table: Table
    column: int

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.table.header[self.column],) if self.table.header else ()

    def read(self) -> NDArray[Any]:
        return np.array([cells[self.column] for _, cells in self.table.examples()], dtype=str)

    def refusal(self, index: int, reason: str) -> TaskError:
        lines = (line for n, (line, _) in enumerate(self.table.examples()) if n == index)
        return self.table.refusal(next(lines), self.column, reason)

    def __str__(self) -> str:
        return f"column {self.table.named(self.column)} of {self.path}"


@dataclass(frozen=True)
class TextColumn(TableColumn):
    """x of a table that is one column of texts."""

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(notes_of(self.table))

    def texts(self) -> list[str]:
        return [cells[self.column].strip() for _, cells in self.table.examples()]


def find_table_arrays(path: Path, options: TableOptions) -> Mapping[str, StoredArray]:
    """What tables hold, as `find_arrays` has it of arrays. Every file is gone through.

    Args:
        path: a file, or a folder with one for each split.
        options: what is said of them.
    """
    files = find_tables(path)
    train = open_table(files["train"], options)
    found: dict[str, StoredArray] = {}
    for split, file in files.items():
        table = train if split == "train" else open_table(file, options, train)
        x, y = f"{split}_x", f"{split}_y"
        shape = (table.rows, len(table.features))
        kind = np.dtype(float)
        made = TableColumns if options.is_frame else TableFeatures
        has_gaps = options.has_gaps or options.is_frame
        found[x] = made(table.path, x, shape, kind, table, has_gaps)
        text = TableColumn(table.path, y, shape[:1], np.dtype(str), table, table.target)
        if table.holds_symbols:
            column = table.features[0]
            found[x] = TextColumn(table.path, x, shape[:1], np.dtype(str), table, column)
        found[y] = text
        for role in ROLES:
            if role in table.roles:
                name = f"{split}_{role}"
                found[name] = replace(text, name=name, column=table.roles[role])
    return found
