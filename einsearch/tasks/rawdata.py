"""Raw examples of a split, read as those of training are; not yet normalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.specs import Layout
from einsearch.tasks import checking
from einsearch.tasks.base import Split
from einsearch.tasks.checking import Pair
from einsearch.tasks.files import StoredArray
from einsearch.tasks.layouts import Arrangement
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
        x: (n, *spec.shape), NaN where something is missing.
        y: (n,) int64 class numbers or (n, dims) targets.
    """

    x: NDArray[Any]
    y: NDArray[Any]

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, rows: NDArray[np.intp]) -> Raw:
        """Some of the examples."""
        return Raw(self.x[rows], self.y[rows])


@dataclass(frozen=True)
class RawReader:
    """Reads a split. What was understood of training holds for every split.

    Attributes:
        arrangement: of the axes of x.
        coding: of the answers.
        has_gaps: whether numbers are missing in training.
        dropped: examples of training that were left out, because their answer is missing.
    """

    arrangement: Arrangement
    coding: Coding
    has_gaps: bool = False
    dropped: int = 0

    def read(self, pair: Pair) -> Raw:
        """Raises TaskError where something of it cannot be used."""
        x = self.examples(pair[0])
        array, y, kept = answers(pair[1], self.coding.missing)
        return Raw(x if kept is None else x[kept], self.coding.apply(array, y))

    def examples(self, array: StoredArray) -> NDArray[Any]:
        """x of a split, checked."""
        return read_examples(array, self.arrangement, self.has_gaps)


def read_examples(
    array: StoredArray, arrangement: Arrangement, may_have_gaps: bool
) -> NDArray[Any]:
    """x of a split, (n, *spec.shape). Raises TaskError where a number of it cannot be used."""
    is_series = arrangement.spec.layout is Layout.TOKENS
    if may_have_gaps:
        hint = ""
    elif is_series:
        hint = ", since training has none"
    else:
        hint = "; layout: tokens reads series of different lengths, with NaN at their ends"
    x = array.read()
    checking.check_numbers(array, x, may_have_gaps, hint)
    x = arrangement.apply(x)
    if may_have_gaps and x.dtype.kind == "f" and np.isnan(x).any():
        checking.check_gaps(array, x)
    return x


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
) -> tuple[RawReader, Raw]:
    """How the data are read, by what training holds; and what training holds.

    Args:
        pair: of training.
        arrangement: of the axes of x.
        kind, classes, missing: what is said of the answers.

    Raises:
        TaskError: training cannot be used.
    """
    array, y, kept = answers(pair[1], missing)
    coding = decide(array, y, kind, classes, missing)
    x = read_examples(pair[0], arrangement, arrangement.spec.layout is Layout.TOKENS)
    x = x if kept is None else x[kept]
    has_gaps = x.dtype.kind == "f" and bool(np.isnan(x).any())
    dropped = 0 if kept is None else pair[1].shape[0] - len(kept)
    return RawReader(arrangement, coding, has_gaps, dropped), Raw(x, coding.apply(array, y))


@dataclass(frozen=True)
class TestReader:
    """Reads the test split from its files when it is called.

    Attributes:
        pair: its files.
        reader: as training was read.
        prepare: makes a split of x and y.
        rows: which examples of the files are for the test; None for all.
    """

    pair: Pair
    reader: RawReader
    prepare: partial[Split]
    rows: tuple[int, ...] | None = None

    def __call__(self) -> Split:
        raw = self.reader.read(self.pair)
        if self.rows is not None:
            raw = raw.rows(np.array(self.rows))
        return self.prepare(raw.x, raw.y)
