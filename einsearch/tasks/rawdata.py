"""Raw examples of a split, read as those of training are; not yet normalised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.specs import Layout
from einsearch.tasks import checking
from einsearch.tasks.base import Split
from einsearch.tasks.checking import Pair
from einsearch.tasks.columnkinds import ColumnKind
from einsearch.tasks.files import FileArray, StoredArray
from einsearch.tasks.frames import Examples, Frame, Words, rows_of
from einsearch.tasks.labels import shown
from einsearch.tasks.layouts import Arrangement
from einsearch.tasks.marks import UNMARKED, Marks, read_marks
from einsearch.tasks.places import decide_places, has_places
from einsearch.tasks.sequences import SymbolReading, read_sequences
from einsearch.tasks.stored import StoredRows
from einsearch.tasks.tablearrays import TableColumns
from einsearch.tasks.targets import (
    Coding,
    Missing,
    TargetKind,
    absent,
    check_missing,
    decide,
)


@dataclass(frozen=True, eq=False)
class Raw:
    """Examples as the data have them.

    Attributes:
        x: what enters.
        y: (n,) int64 class numbers, (n, dims) targets, or as many for each place of an example.
        marks: what else is said of the examples.
    """

    x: Examples
    y: NDArray[Any]
    marks: Marks = UNMARKED

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, rows: NDArray[np.intp]) -> Raw:
        """Some of the examples."""
        return Raw(rows_of(self.x, rows), self.y[rows], self.marks.rows(rows))


@dataclass(frozen=True)
class RawReader:
    """Reads a split. What was understood of training holds for every split.

    Attributes:
        arrangement: of the axes of x.
        coding: of the answers.
        has_gaps: whether numbers are missing in training.
        dropped: examples of training that were left out, because their answer is missing.
        kinds: of columns that are coded each by itself; nothing where x is an array.
        order_is_rows: whether examples stand in the order of time.
        symbols: how examples are rows of symbols; None where they are not.
    """

    arrangement: Arrangement
    coding: Coding
    has_gaps: bool = False
    dropped: int = 0
    kinds: tuple[ColumnKind, ...] = ()
    order_is_rows: bool = False
    symbols: SymbolReading | None = None

    def read(self, pair: Pair) -> Raw:
        """Raises TaskError where something of it cannot be used."""
        x = self.examples(pair.x)
        array, y, kept = answers(pair.y, self.coding.missing)
        marks = read_marks(pair, self.order_is_rows)
        if kept is not None:
            x, marks = rows_of(x, kept), marks.rows(kept)
        return Raw(x, self.coding.apply(array, y), marks)

    def examples(self, array: StoredArray) -> Examples:
        """x of a split, checked."""
        if self.symbols is not None:
            return read_sequences(array, self.symbols)
        return read_examples(array, self.arrangement, self.has_gaps, bool(self.kinds))


def read_examples(
    array: StoredArray, arrangement: Arrangement, may_have_gaps: bool, are_columns: bool
) -> Examples:
    """x of a split, (n, *spec.shape), or columns. Raises TaskError where a number of it cannot be
    used."""
    if isinstance(array, TableColumns):
        frame = array.frame()
        check_columns(array, frame)
        return frame
    if isinstance(array, FileArray) and array.stays:
        file = array.row_file()
        rows = StoredRows((file,), np.arange(file.shape[0]), arrangement)
        check_rows(array, rows)
        return rows
    layout = arrangement.spec.layout
    if may_have_gaps:
        hint = ""
    elif layout is not Layout.IMAGE:
        hint = ", since training has none"
    else:
        hint = "; layout: tokens reads series of different lengths, with NaN at their ends"
    x = array.read()
    checking.check_numbers(array, x, may_have_gaps, hint)
    x = arrangement.apply(x)
    if are_columns:
        return Frame(tuple(np.ascontiguousarray(column, np.float64) for column in x.T))
    if may_have_gaps and x.dtype.kind == "f" and layout is Layout.TOKENS and np.isnan(x).any():
        checking.check_gaps(array, x)
    return x


def check_rows(array: StoredArray, rows: StoredRows) -> None:
    """Raises TaskError where a number of an array on disk is no finite float32."""
    if rows.dtype.kind == "f" or rows.dtype.itemsize == 8:
        for part in rows.chunks():
            checking.check_numbers(array, part, False, ", since the array stays on disk")


def check_columns(array: TableColumns, frame: Frame) -> None:
    """Raises TaskError where a number is infinite as float32."""
    for place, (cells, kind) in enumerate(zip(frame.columns, array.kinds, strict=True)):
        if isinstance(cells, Words):
            continue
        with np.errstate(over="ignore"):
            bad = np.isinf(cells.astype(np.float32))
        if bad.any():
            raise array.cell_refusal(
                int(np.argmax(bad)),
                place,
                f"a number of the column {shown(kind.name)} is infinite as float32: make the "
                "numbers of the column smaller",
            )


@dataclass(frozen=True)
class _Kept(StoredArray):
    """Answers of which some were left out: messages count as the file does."""

    whole: StoredArray
    kept: Sequence[int]

    def read(self) -> NDArray[Any]:
        return self.whole.read()[list(self.kept)]

    def refusal(self, index: int, reason: str) -> TaskError:
        return self.whole.refusal(self.kept[index], reason)

    def __str__(self) -> str:
        return str(self.whole)


def answers(
    array: StoredArray, missing: Missing | None
) -> tuple[StoredArray, NDArray[Any], NDArray[np.intp] | None]:
    """Answers that are there; where they come from; which they are, or None for all of them.

    Raises:
        TaskError: some are missing, and it is not said what that means.
    """
    y = array.read()
    if missing is None:
        check_missing(array, y)
    if missing != "drop":
        return array, y, None
    lost = absent(y)
    if not lost.any():
        return array, y, None
    if lost.all():
        raise TaskError(f"{array}: every answer is missing")
    kept = np.flatnonzero(~lost)
    shape = (len(kept), *array.shape[1:])
    return _Kept(array.path, array.name, shape, array.dtype, array, kept.tolist()), y[kept], kept


def learn_to_read(
    pair: Pair,
    arrangement: Arrangement,
    kind: TargetKind | None,
    classes: int | None,
    missing: Missing | None,
    order_is_rows: bool = False,
    places: bool | None = None,
    symbols: SymbolReading | None = None,
) -> tuple[RawReader, Raw]:
    """How the data are read, by what training holds; and what training holds.

    Args:
        pair: of training.
        arrangement: of the axes of x.
        kind, classes, missing: what is said of the answers.
        order_is_rows: whether examples stand in the order of time.
        places: whether every pixel or step has an answer; None where shapes say it.
        symbols: how examples are rows of symbols; None where they are not.

    Raises:
        TaskError: training cannot be used.
    """
    array, y, kept = answers(pair.y, missing)
    spec = arrangement.spec
    if places and not has_places(spec, y.shape):
        raise TaskError(f"{array} has no answer for every place of {spec}: leave places out")
    if has_places(spec, y.shape) if places is None else places:
        coding: Coding = decide_places(array, y, spec, kind, classes, missing)
    else:
        coding = decide(array, y, kind, classes, missing)
    layout = arrangement.spec.layout
    if symbols is None:
        x = read_examples(pair.x, arrangement, layout is not Layout.IMAGE, False)
    else:
        x = read_sequences(pair.x, symbols)
    kinds = pair.x.kinds if isinstance(pair.x, TableColumns) else ()
    has_gaps = isinstance(x, np.ndarray) and x.dtype.kind == "f" and bool(np.isnan(x).any())
    if has_gaps and layout is Layout.VECTOR:
        assert isinstance(x, np.ndarray)
        kinds = tuple(ColumnKind(str(n), "number") for n in range(x.shape[1]))
        x = Frame(tuple(np.ascontiguousarray(column, np.float64) for column in x.T))
    marks = read_marks(pair, order_is_rows)
    dropped = 0 if kept is None else pair.x.shape[0] - len(kept)
    reader = RawReader(arrangement, coding, has_gaps, dropped, kinds, order_is_rows, symbols)
    if kept is not None:
        x, marks = rows_of(x, kept), marks.rows(kept)
    return reader, Raw(x, coding.apply(array, y), marks)


@dataclass(frozen=True)
class TestReader:
    """Reads the test split from its files when it is called.

    Attributes:
        pair: its files.
        reader: as training was read.
        prepare: makes a split of what was read.
        rows: which examples of the files are for the test; None for all.
    """

    pair: Pair
    reader: RawReader
    prepare: Callable[[Raw], Split]
    rows: tuple[int, ...] | None = None

    def __call__(self) -> Split:
        raw = self.reader.read(self.pair)
        if self.rows is not None:
            raw = raw.rows(np.array(self.rows))
        return self.prepare(raw)
