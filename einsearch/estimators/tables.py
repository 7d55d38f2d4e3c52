"""Tables of any columns: frames of pandas or alike, and arrays with gaps; written as the CSV file
that a search reads, and coded again as the search coded them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from numbers import Real
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.files import add_file
from einsearch.tasks.base import Statistics, Task
from einsearch.tasks.encoding import ColumnCode, Encoding
from einsearch.tasks.frames import Cells, Frame, Words
from einsearch.tasks.preparing import normalise
from einsearch.tasks.rowcoding import as_text, is_nothing

_TARGET: Final = "target"
_NUMBERS: Final = "iuf"


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a table, by name, each with (n,) numbers, NaN in gaps, or texts, empty in
    gaps."""

    cells: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.cells.values())))

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), len(self.cells)


def is_frame(x: Any) -> bool:
    """Whether something has named columns, as frames of pandas and Polars have."""
    return hasattr(x, "columns") and hasattr(x, "shape") and len(x.shape) == 2


def needs_columns(x: Any) -> bool:
    """Whether a table is more than an array of numbers: it has words, truths, dates or gaps."""
    if is_frame(x):
        kinds = [np.asarray(x[name]) for name in x.columns if not _is_twice(x, name)]
        return any(cells.dtype.kind not in _NUMBERS or _has_gaps(cells) for cells in kinds)
    array = np.asarray(x) if hasattr(x, "dtype") else None
    return array is not None and array.ndim == 2 and _has_gaps(array)


def columns_of(x: Any) -> Columns:
    """The columns of a frame or of an array.

    Raises:
        ValueError: two columns have one name.
    """
    if not is_frame(x):
        array = np.asarray(x)
        return Columns({f"x{n}": array[:, n].astype(np.float64) for n in range(array.shape[1])})
    names = [str(name) for name in x.columns]
    for name in x.columns:
        if _is_twice(x, name) or names.count(str(name)) > 1:
            raise ValueError(f"x has two columns that are called {name}: rename one of them")
    return Columns({str(name): _cells(np.asarray(x[name])) for name in x.columns})


def _is_twice(x: Any, name: Any) -> bool:
    return list(x.columns).count(name) > 1


def _has_gaps(cells: NDArray[Any]) -> bool:
    return cells.dtype.kind == "f" and bool(np.isnan(cells).any())


def _cells(raw: NDArray[Any]) -> NDArray[Any]:
    """A column as numbers where all that is there is one, else as text."""
    if raw.dtype.kind in _NUMBERS:
        return raw.astype(np.float64)
    if raw.dtype.kind == "M":
        texts = np.datetime_as_string(raw.astype("datetime64[s]"))
        return np.where(np.isnat(raw), "", texts)
    values = raw.tolist()
    lost = [_is_lost(value) for value in values]
    there = [value for value, gone in zip(values, lost, strict=True) if not gone]
    if there and all(isinstance(value, Real) and not isinstance(value, bool) for value in there):
        pairs = zip(values, lost, strict=True)
        return np.array([np.nan if gone else float(value) for value, gone in pairs])
    return np.array(["" if g else _text(v) for v, g in zip(values, lost, strict=True)], dtype=str)


def _is_lost(value: Any) -> bool:
    """Whether a cell is a gap: None, NaN, or what pandas has for them."""
    return is_nothing(value) or type(value).__name__ in ("NAType", "NaTType")


def _text(value: Any) -> str:
    """A cell as text on one line, as a file has it."""
    text = value.isoformat() if isinstance(value, date) else as_text(value)
    return " ".join(text.split())


def store_columns(path: Path, columns: Columns, y: NDArray[Any]) -> dict[str, Any]:
    """Writes a table, and what it is to tell as its last column or columns; options of the task
    that reads it.

    Raises:
        ValueError: there are several numbers to be told of each row.
        OSError: it cannot be written.
    """
    if y.ndim > 1 and y.shape[1] > 1:
        raise ValueError("a table with words or gaps can have one number to be told of each row")
    names = _named(list(columns.cells))
    target = _TARGET
    while target in names:
        target += "_"
    written = [_written(cells) for cells in (*columns.cells.values(), y.reshape(-1))]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*names, target])
    writer.writerows(zip(*written, strict=True))
    add_file(path, text.getvalue().encode("utf-8"))
    pairs = zip(names, columns.cells.values(), strict=True)
    numbers = {name: "number" for name, cells in pairs if cells.dtype.kind == "f"}
    return {"target": target, "header": True, "separator": "comma", "columns": numbers or None}


def _named(names: Sequence[str]) -> list[str]:
    """Names of columns as a file may have them: those of the user where each is a plain word."""
    plain = [name == name.strip() and name.isprintable() and bool(name) for name in names]
    return list(names) if all(plain) else [f"x{place}" for place in range(len(names))]


def _written(cells: NDArray[Any]) -> list[str]:
    if cells.dtype.kind == "f":
        return ["" if np.isnan(value) else repr(float(value)) for value in cells]
    return [str(value) for value in cells.tolist()]


@dataclass(frozen=True, eq=False)
class TableReader:
    """Reads raw tables as the search read them.

    Attributes:
        names: of the columns of raw tables, in their order.
        encoding: of these columns.
        statistics: of the features that they become.
    """

    names: tuple[str, ...]
    encoding: Encoding
    statistics: Statistics

    @staticmethod
    def of(columns: Columns, task: Task) -> TableReader:
        """That of a task which was made from such columns."""
        written = _named(list(columns.cells))
        codes = task.encoding or tuple(ColumnCode(name, "number", (name,)) for name in task.columns)
        places = tuple(written.index(code.column) for code in codes)
        return TableReader(tuple(columns.cells), Encoding(codes, places), task.statistics)

    def read(self, x: Any) -> NDArray[np.float32]:
        """Standardised features (n, features) of a raw table.

        Raises:
            ValueError: a column is missing, or holds what it did not in training.
        """
        columns = columns_of(x)
        lacking = [name for name in self.names if name not in columns.cells]
        if lacking:
            raise ValueError(f"x has no column {', '.join(lacking)}, which fit had")
        cells = [columns.cells[name] for name in self.names]
        used = dict(zip(self.encoding.places, self.encoding.codes, strict=True))
        made: list[Cells] = [
            _as_coded(one, used[place]) if place in used else np.zeros(len(columns))
            for place, one in enumerate(cells)
        ]
        return normalise(self.encoding.apply(Frame(tuple(made))), self.statistics, 0)


def _as_coded(cells: NDArray[Any], code: ColumnCode) -> Cells:
    """Cells of a column as its code takes them."""
    if code.kind == "number":
        return cells if cells.dtype.kind == "f" else _numbers(cells, code.column)
    texts = cells if cells.dtype.kind == "U" else np.array([_number_text(v) for v in cells])
    values, codes = np.unique(texts, return_inverse=True)
    lost = np.array([is_nothing(str(value)) for value in values])
    places = np.where(lost[codes], -1, codes).astype(np.int32)
    return Words(places, tuple(map(str, values)))


def _numbers(texts: NDArray[Any], column: str) -> NDArray[np.float64]:
    """Numbers that texts are, NaN in gaps."""
    values, places = np.unique(texts, return_inverse=True)
    try:
        made = [np.nan if is_nothing(str(value)) else float(value) for value in values]
    except ValueError:
        words = [str(value) for value in values if not is_nothing(str(value))]
        raise ValueError(
            f'the column {column} holds "{words[-1]}", and fit had numbers in it'
        ) from None
    return np.array(made)[places]


def _number_text(value: float) -> str:
    return "" if np.isnan(value) else as_text(float(value))
