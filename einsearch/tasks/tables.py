"""Text tables: a CSV or TSV with one example a row, features and what is to be told from them.

| file                     | target                                                             |
| ------------------------ | ------------------------------------------------------------------ |
| with a header            | the column of that name                                            |
| without                  | the `first` or the `last` column; of a `.tsv` the first, as in UCR |

`tabletext.py` finds out how a file is written, `headers.py` whether its first row names the
columns, and `targets.py` what the answers are. The other columns must be numbers.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.tasks.files import StoredArray
from einsearch.tasks.headers import is_header, weigh
from einsearch.tasks.labels import is_missing, is_number, is_whole, shown
from einsearch.tasks.tabletext import (
    SEPARATORS,
    Decimal,
    Dialect,
    Row,
    Separator,
    dialect_of,
    regular_rows,
)

SUFFIXES: Final = (".csv", ".tsv")
_SPLITS: Final = ("train", "valid", "test")
_SHOWN: Final = 20
_DIGITS: Final = 15
"""So many digits of a whole number are all kept by a float."""


@dataclass(frozen=True)
class TableOptions:
    """What is said of tables; None where they are to be looked at.

    Attributes:
        target: name of the column that is to be told, `first` or `last`.
        ignore: names of columns that are left out.
        header: whether the first row names the columns.
        separator, decimal: how the text is written.
        has_gaps: whether features may be missing.
    """

    target: str | None = None
    ignore: tuple[str, ...] | None = None
    header: bool | None = None
    separator: Separator | None = None
    decimal: Decimal | None = None
    has_gaps: bool = False


TABLE_OPTIONS: Final = ("target", "ignore", "header", "separator", "decimal")


@dataclass(frozen=True)
class Table:
    """A file of which the structure is known: every row has as many cells.

    Attributes:
        path: of the file.
        dialect: how it is written.
        header: names of the columns, or none.
        rows: examples.
        target: number of the column that is to be told.
        features: numbers of the others.
    """

    path: Path
    dialect: Dialect
    header: tuple[str, ...]
    rows: int
    target: int
    features: tuple[int, ...]

    def examples(self) -> Iterator[Row]:
        """The rows below the header. Raises TaskError where there are more or fewer than before."""
        count = 0
        for count, row in enumerate(regular_rows(self.path, self.dialect), 1 - bool(self.header)):
            if count > self.rows:
                break
            if count:
                yield row
        if count != self.rows:
            raise TaskError(f"{self.path} has changed since the run began: start a new run")

    def named(self, column: int) -> str:
        """Name of a column, or its number from 1."""
        return self.header[column] if self.header else str(column + 1)

    def refusal(self, line: int, column: int, reason: str) -> TaskError:
        """An error that says where a cell stands."""
        named = f" ({shown(self.header[column])})" if self.header else ""
        return TaskError(f"{self.path}, line {line}, column {column + 1}{named}: {reason}")


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
        return tuple(_notes(self.table))

    def read(self) -> NDArray[Any]:
        made = np.empty(self.shape)
        for place, (line, cells) in enumerate(self.table.examples()):
            mine = [cells[column] for column in self.table.features]
            if not self._read_plain(mine, made[place]):
                for at, column in enumerate(self.table.features):
                    made[place, at] = self._number(cells[column], line, column)
        return made

    @staticmethod
    def _read_plain(cells: Sequence[str], row: NDArray[Any]) -> bool:
        """Reads cells that need no second look; whether they are all such."""
        text = "".join(cells)
        if "_" in text or not text.isascii() or max(map(len, cells)) > _DIGITS:
            return False
        try:
            row[:] = list(map(float, cells))
        except ValueError:
            return False
        return bool(np.isfinite(row).all())

    def _number(self, cell: str, line: int, column: int) -> float:
        if is_number(cell):
            if len(cell) > _DIGITS and is_whole(cell) and int(cell) != float(cell):
                raise self.table.refusal(
                    line, column, f"a number does not keep all digits of {shown(cell)}: leave an "
                    f"identifier out, ignore: [{self.table.named(column)}]"
                )  # fmt: skip
            return float(cell)
        if self.has_gaps and is_missing(cell):
            return math.nan
        told = f'"{shown(cell)}" is no finite number' if cell else "it is empty"
        raise self.table.refusal(
            line, column, f"{told}: fill gaps, and turn words into numbers, a column for each, or "
            f"leave the column out, ignore: [{self.table.named(column)}]"
        )  # fmt: skip


@dataclass(frozen=True)
class TableTarget(StoredArray):
    """y of a table, (rows,) text."""

    table: Table

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.table.header[self.table.target],) if self.table.header else ()

    def read(self) -> NDArray[Any]:
        return np.array([cells[self.table.target] for _, cells in self.table.examples()], dtype=str)

    def refusal(self, index: int, reason: str) -> TaskError:
        lines = (line for n, (line, _) in enumerate(self.table.examples()) if n == index)
        return self.table.refusal(next(lines), self.table.target, reason)

    def __str__(self) -> str:
        return f"column {self.table.named(self.table.target)} of {self.path}"


def _notes(table: Table) -> Iterator[str]:
    """What was understood of a file where it might have been meant otherwise."""
    if table.dialect.note:
        yield f"{table.path.name} {table.dialect.note}"
    doubled = [n for place, n in enumerate(table.header, 1) if n.endswith(f" ({place})")]
    if doubled:
        names = ", ".join(doubled[:_SHOWN])
        yield f"{table.path.name} has names twice; the later columns are called {names}"
    unnamed = table.named(0)
    if table.header and unnamed in ("column 1", "Unnamed: 0") and 0 in table.features:
        yield (
            f"the first column of {table.path.name} has no name, and is read as a feature; "
            f'ignore: ["{unnamed}"] leaves it out'
        )


def is_table(path: Path) -> bool:
    """Whether a path is a table, or a folder with a table of training data."""
    if path.is_dir():
        return not any(path.glob("*.npy")) and "train" in _beside(path.iterdir())
    return path.suffix.lower() in SUFFIXES


def _beside(paths: Iterator[Path]) -> dict[str, Path]:
    """Tables by the split that ends their names, `train.csv` or `GunPoint_TRAIN.tsv`."""
    found: dict[str, Path] = {}
    for path in sorted(paths):
        split = path.stem.lower().rpartition("_")[2]
        if path.suffix.lower() in SUFFIXES and split in _SPLITS:
            if split in found:
                raise TaskError(f"both {found[split]} and {path} are {split} data: give one's path")
            found[split] = path
    return found


def find_tables(path: Path) -> dict[str, Path]:
    """Files by split: those of a folder; one file, and what stands beside one that ends in train.

    Raises:
        TaskError: there is no such file, or a folder has two for one split.
    """
    if path.is_dir():
        return _beside(path.iterdir())
    if not path.is_file():
        near = difflib.get_close_matches(path.name, _names(path.parent), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise TaskError(f"there is no file {path}{hint}")
    name, _, split = path.stem.rpartition("_")
    if split.lower() != "train":
        return {"train": path}
    alike = (p for p in path.parent.iterdir() if p.stem.rpartition("_")[0] == name)
    return _beside(p for p in alike if p.suffix == path.suffix)


def _names(folder: Path) -> Sequence[str]:
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []


def open_table(path: Path, options: TableOptions, like: Table | None = None) -> Table:
    """Goes through a file to see how it is written and what its columns are.

    Args:
        path: of the file.
        options: what is said of it.
        like: training data, which it must be like.

    Raises:
        TaskError: it has no examples, no features, no such column, or rows of different lengths.
    """
    if like is None:
        dialect = dialect_of(path, options.separator, options.decimal)
    else:
        # Few rows say less than those of training.
        own = dialect_of(path, SEPARATORS[like.dialect.separator], "point")
        dialect = Dialect(own.encoding, own.separator, own.width, like.dialect.has_comma)
    rows = (cells for _, cells in regular_rows(path, dialect))
    first = next(rows)
    columns, count = weigh(rows, dialect.width)
    if like is not None:
        return _like(path, dialect, first, count, like)
    target = _place(path, first, options.target)
    has_header = options.header
    if has_header is None:
        has_header = options.target in first or is_header(path, first, columns, count, target)
    header = _header(first) if has_header else ()
    if not count and header:
        raise TaskError(f"{path} has a header, but no examples")
    features = _features(path, header, dialect.width, target, options.ignore or ())
    return Table(path, dialect, header, count + (not header), target, features)


def _like(path: Path, dialect: Dialect, first: list[str], count: int, like: Table) -> Table:
    """A table whose columns are those of training."""
    header = _header(first) if like.header else ()
    if header != like.header or dialect.width != like.dialect.width:
        lacking = [name for name in like.header if name not in header]
        told = f": it has no column {', '.join(lacking)}" if lacking else ""
        hint = ""
        if lacking == [like.named(like.target)]:
            hint = "; rows without answers are no test data: rename the file, or move it away"
        raise TaskError(
            f"{path} and {like.path} differ in the names of their columns{told}{hint}"
            if like.header
            else f"{path} has {dialect.width} columns, {like.path} has {like.dialect.width}"
        )
    if not count and header:
        raise TaskError(f"{path} has a header, but no examples")
    return Table(path, dialect, header, count + (not header), like.target, like.features)


def _header(first: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns, each its own: those without one, and doubles, are numbered."""
    names: list[str] = []
    for place, cell in enumerate(first, 1):
        name = cell or f"column {place}"
        names.append(f"{name} ({place})" if name in names else name)
    return tuple(names)


def _features(
    path: Path, header: Sequence[str], width: int, target: int, ignore: Sequence[str]
) -> tuple[int, ...]:
    known = header or [str(number + 1) for number in range(width)]
    for name in ignore:
        if name not in known:
            raise _no_column(path, name, known, "ignore")
        if name == known[target]:
            raise TaskError(f"{path}: the column {name} is to be told, and cannot be ignored")
    features = tuple(n for n in range(width) if n != target and known[n] not in ignore)
    if not features:
        raise TaskError(f"{path} has no features beside a target: ignore leaves none")
    return features


def _no_column(path: Path, name: str, known: Sequence[str], option: str) -> TaskError:
    listed = ", ".join(map(shown, known[:_SHOWN])) + (", ..." if len(known) > _SHOWN else "")
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    place = "Its first row is" if option == "target" else "Its columns are"
    return TaskError(f"{path} has no column {name}{hint} {place} {listed}")


def _place(path: Path, first: list[str], target: str | None) -> int:
    """Number of the target column."""
    if target is not None and first.count(target) > 1:
        places = " and ".join(str(n) for n, cell in enumerate(first, 1) if cell == target)
        raise TaskError(f"{path}: columns {places} are both named {target}: rename one of them")
    if target in first:
        return first.index(target)
    if target == "last":
        return len(first) - 1
    if target == "first" or (target is None and path.suffix.lower() == ".tsv"):
        return 0
    if target is not None:
        raise _no_column(path, target, first, "target")
    listed = ", ".join(map(shown, first[:_SHOWN])) + (", ..." if len(first) > _SHOWN else "")
    raise TaskError(
        f"{path}: which column is to be told? Say target: first, target: last, or the name of "
        f"a column; its first row is {listed}"
    )


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
        found[x] = TableFeatures(table.path, x, shape, kind, table, options.has_gaps)
        found[y] = TableTarget(table.path, y, shape[:1], np.dtype(str), table)
    return found
