"""`Frame`: the columns of a table as the file has them, numbers or words, before they are coded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from einsearch.tasks.sequences import Sequences
from einsearch.tasks.stored import StoredRows


@dataclass(frozen=True, eq=False)
class Words:
    """A column of text.

    Attributes:
        codes: (n,) int32, place in `values` of each cell; -1 where it is missing.
        values: the different texts.
    """

    codes: NDArray[np.int32]
    values: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def rows(self, rows: NDArray[np.intp]) -> Words:
        """Some of the cells."""
        return Words(self.codes[rows], self.values)

    def counts(self) -> NDArray[np.intp]:
        """(values,) how often each occurs."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))

    @property
    def missing(self) -> NDArray[np.bool_]:
        """(n,) which cells are missing."""
        lost: NDArray[np.bool_] = self.codes < 0
        return lost


Cells = NDArray[np.float64] | Words
"""A column: (n,) numbers, NaN where one is missing, or words."""


@dataclass(frozen=True, eq=False)
class Frame:
    """Columns of one length.

    Attributes:
        columns: each with its cells.
    """

    columns: tuple[Cells, ...]

    def __len__(self) -> int:
        return len(self.columns[0])

    def rows(self, rows: NDArray[np.intp]) -> Frame:
        """Some of the examples."""
        return Frame(tuple(c.rows(rows) if isinstance(c, Words) else c[rows] for c in self.columns))

    def some(self, places: Sequence[int]) -> Frame:
        """Some of the columns."""
        return Frame(tuple(self.columns[place] for place in places))


def missing_of(cells: Cells) -> NDArray[np.bool_]:
    """(n,) which cells of a column are missing."""
    return cells.missing if isinstance(cells, Words) else np.isnan(cells)


Examples = NDArray[Any] | Frame | StoredRows | Sequences
"""(n, *spec.shape), NaN where something is missing; or columns of a table; or rows on disk; or rows
of symbols."""


def rows_of(x: Examples, rows: NDArray[np.intp]) -> Examples:
    """Some of the examples."""
    return x[rows] if isinstance(x, np.ndarray) else x.rows(rows)
