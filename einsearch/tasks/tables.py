"""Text tables: a CSV or TSV with one example a row, features and what is to be told from them.

| file                     | target                                                             |
| ------------------------ | ------------------------------------------------------------------ |
| with a header            | the column of that name                                            |
| without                  | the `first` or the `last` column; of a `.tsv` the first, as in UCR |

Whole numbers and words in the target column are classes, numbered in their order from 0; numbers
with a point are targets of a regression. What stands in the other columns must be numbers.
"""

from __future__ import annotations

import csv
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

SUFFIXES: Final = (".csv", ".tsv")
_SPLITS: Final = ("train", "valid", "test")
_FEW: Final = 20
"""So many classes are nothing unusual, however few examples there are."""

Row = tuple[int, list[str]]
"""Line in the file, from 1, and the cells."""


@dataclass(frozen=True)
class Table:
    """A file of which the structure is known: every row has as many cells.

    Attributes:
        path: of the file.
        header: names of the columns, or none.
        rows: examples.
        columns: cells of a row.
        target: number of the column that is to be told.
    """

    path: Path
    header: tuple[str, ...]
    rows: int
    columns: int
    target: int

    def examples(self) -> list[Row]:
        """The rows below the header. Raises TaskError where there are more or fewer than before."""
        rows = [*rows_of(self.path)][bool(self.header) :]
        if len(rows) != self.rows or len(rows[0][1]) != self.columns:
            raise TaskError(f"{self.path} has changed since the run began: start a new run")
        return rows

    def refusal(self, line: int, column: int, reason: str) -> TaskError:
        """An error that says where a cell stands."""
        named = f" ({self.header[column]})" if self.header else ""
        return TaskError(f"{self.path}, line {line}, column {column + 1}{named}: {reason}")


@dataclass(frozen=True)
class TableFeatures(StoredArray):
    """x of a table, (rows, columns without the target)."""

    table: Table

    def read(self) -> NDArray[Any]:
        made = np.empty(self.shape)
        target = self.table.target
        for place, (line, cells) in enumerate(self.table.examples()):
            try:
                made[place] = cells[:target] + cells[target + 1 :]
                finite = bool(np.isfinite(made[place]).all())
            except ValueError:
                finite = False
            if not finite:
                raise self._refusal(line, cells)
        return made

    def _refusal(self, line: int, cells: list[str]) -> TaskError:
        bad = next(n for n, c in enumerate(cells) if n != self.table.target and not is_number(c))
        told = f'"{cells[bad]}" is no finite number' if cells[bad].strip() else "it is empty"
        return self.table.refusal(
            line, bad, f"{told}: fill gaps, and turn words into numbers, a column for each"
        )


@dataclass(frozen=True)
class TableTarget(StoredArray):
    """y of a table, (rows,).

    Attributes:
        classes: labels as they are written, in the order of their numbers; none for a regression.
    """

    table: Table
    classes: tuple[str, ...]

    def read(self) -> NDArray[Any]:
        numbers = {label: number for number, label in enumerate(self.classes)}
        made = np.empty(self.shape, self.dtype)
        for place, (line, cells) in enumerate(self.table.examples()):
            cell = cells[self.table.target].strip()
            if self.classes and as_label(cell) not in numbers:
                known = ", ".join(self.classes[:_FEW])
                reason = f'"{cell}" is no class of training, which has {known}'
                raise self.table.refusal(line, self.table.target, reason)
            if not self.classes and not is_number(cell):
                reason = f'"{cell}" is no number, as other targets are'
                raise self.table.refusal(line, self.table.target, reason)
            made[place] = numbers[as_label(cell)] if self.classes else float(cell)
        return made


def is_number(cell: str) -> bool:
    """Whether a cell is a finite number."""
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def as_label(cell: str) -> str:
    """A class as it is known by: a whole number without a point, or the words."""
    return str(int(float(cell))) if is_number(cell) and float(cell).is_integer() else cell


def rows_of(path: Path) -> Iterator[Row]:
    """Rows that are not empty.

    Raises:
        TaskError: the file is no text, or a row has more or fewer cells than the first.
    """
    width = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            separator = max(",;\t", key=stream.readline().count)
            stream.seek(0)
            reader = csv.reader(stream, delimiter=separator)
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                width = width or len(cells)
                if len(cells) != width:
                    raise TaskError(
                        f"{path}, line {reader.line_num}: {len(cells)} cells, where the first row "
                        f"has {width}: every row needs as many, apart by {_NAMES[separator]}"
                    )
                yield reader.line_num, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TaskError(f"cannot read {path} as a table: {error}; save it as CSV, UTF-8") from None


_NAMES: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}


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


def open_table(path: Path, target: str | None) -> Table:
    """Goes through a file once.

    Args:
        path: of the file.
        target: name of a column, `first`, `last`, or None.

    Raises:
        TaskError: it has no examples, no features, no such column, or rows of different lengths.
    """
    rows = (cells for _, cells in rows_of(path))
    first, second = next(rows, []), next(rows, [])
    if len(first) < 2:
        raise TaskError(f"{path} has no features beside a target: at least two columns are needed")
    first = [cell.strip() for cell in first]
    place = _place(path, first, target)
    header = first if _is_header(first, second, place, target) else []
    count = sum(1 for _ in rows) + 1 + bool(second) - bool(header)
    if not count:
        raise TaskError(f"{path} has a header, but no examples")
    return Table(path, tuple(header), count, len(first), place)


def _place(path: Path, first: list[str], target: str | None) -> int:
    """Number of the target column."""
    if target in first:
        return first.index(target)
    if target == "last":
        return len(first) - 1
    if target == "first" or (target is None and path.suffix.lower() == ".tsv"):
        return 0
    shown = ", ".join(first[:_FEW]) + (", ..." if len(first) > _FEW else "")
    if target is None:
        raise TaskError(
            f"{path}: which column is to be told? Say target: first, target: last, or the name of "
            f"a column; its first row is {shown}"
        )
    near = difflib.get_close_matches(target, first, n=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise TaskError(f"{path} has no column {target}{hint} Its first row is {shown}")


def _is_header(first: list[str], second: list[str], place: int, target: str | None) -> bool:
    """Whether a row names columns: by words where features are, or above a target in numbers."""
    if target in first or any(not is_number(c) for n, c in enumerate(first) if n != place and c):
        return True
    return not is_number(first[place]) and bool(second) and is_number(second[place])


def find_table_arrays(
    path: Path, target: str | None, regression: bool, classes: int | None
) -> Mapping[str, StoredArray]:
    """What tables hold, as `find_arrays` has it of arrays. Only training targets are read.

    Args:
        path: a file, or a folder with one for each split.
        target: name of the column that is to be told, `first` or `last`.
        regression: whether whole numbers are amounts, and no classes.
        classes: number of classes, if it is given: targets are classes then.
    """
    files = find_tables(path)
    tables = {split: open_table(file, target) for split, file in files.items()}
    train = tables["train"]
    for table in tables.values():
        if table.header != train.header:
            raise TaskError(f"{table.path} and {train.path} differ in the names of their columns")
    labels = labels_of(train, regression, classes)
    found: dict[str, StoredArray] = {}
    for split, table in tables.items():
        x, y = f"{split}_x", f"{split}_y"
        shape = (table.rows, table.columns - 1)
        found[x] = TableFeatures(table.path, x, shape, np.dtype(float), table)
        kind = np.dtype(np.int64 if labels else float)
        found[y] = TableTarget(table.path, y, shape[:1], kind, table, labels)
    return found


def labels_of(table: Table, regression: bool, classes: int | None) -> tuple[str, ...]:
    """The classes of a target column, in order; none for a regression.

    Raises:
        TaskError: nearly every example has a class of its own.
    """
    rows = table.examples()
    cells = [row[table.target].strip() for _, row in rows]
    if "" in cells:
        line = rows[cells.index("")][0]
        raise table.refusal(line, table.target, "it is empty: every example needs a target")
    is_words = not all(map(is_number, cells))
    if regression or (classes is None and not is_words and not all(map(_is_whole, cells))):
        return ()
    labels = {as_label(cell) for cell in cells}
    if classes is None and len(labels) > max(_FEW, len(cells) // 2):
        hint = "" if is_words else ": say regression: true if they are amounts"
        raise TaskError(
            f"{table.path} has {len(labels)} classes in {len(cells)} rows{hint}; "
            f"classes: {len(labels)} if that is right, or correct the option target"
        )
    return tuple(sorted(labels, key=lambda label: (*_order(label), label)))


def _order(label: str) -> tuple[bool, float]:
    """Numbers first, by size."""
    return (False, float(label)) if is_number(label) else (True, 0.0)


def _is_whole(cell: str) -> bool:
    return cell.lstrip("+-").isdigit()
