"""What stands in a column of a table: numbers, truths, dates or words; all its rows are weighed.

| cells that are there                              | the column is one of |
| ------------------------------------------------- | -------------------- |
| all numbers, none with a zero before it as in 007  | numbers              |
| all of true and false, or yes and no, or alike      | truths               |
| nine of ten are dates                              | dates                |
| nine of ten are numbers                            | numbers              |
| others                                             | categories           |

In a column of numbers or dates a cell that is none is a mistake, and is told with its line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from einsearch.errors import TaskError
from einsearch.tasks.labels import is_missing, is_number, is_whole, shown
from einsearch.tasks.rowcoding import TRUTHS, moment

Kind = Literal["number", "truth", "date", "category"]
GivenKind = Literal["number", "date", "category"]
"""What may be said of a column."""
Dates = Literal["day_first", "month_first"]

UNNAMED: Final = ("column 1", "Unnamed: 0")
"""What a first column without a name is called, here and by pandas."""
MANY: Final = 1000
"""Different words of a column that are kept."""
_MOST: Final = 0.9
"""So large a share of the cells decides what a column is; the others are mistakes."""
_LONGEST: Final = 40
"""Characters of a date."""
_TRUTHS: Final = tuple(
    frozenset(pair)
    for pair in (("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"), ("on", "off"))
)


@dataclass
class Column:
    """What stands in a column below the first row.

    Attributes:
        numbers, fractions: how many numbers there are, and how many of them have a fraction.
        zeros: whole numbers with a zero before them, as 007.
        words: cells that are neither numbers nor missing.
        dates: words that are dates, whichever of day and month is first.
        day_first, month_first: those that are dates in this order alone.
        different: some of the cells that are no numbers.
    """

    numbers: int = 0
    fractions: int = 0
    zeros: int = 0
    words: int = 0
    dates: int = 0
    day_first: int = 0
    month_first: int = 0
    different: set[str] = field(default_factory=set)

    def add(self, cell: str) -> None:
        """Weighs one cell."""
        if is_number(cell):
            self.numbers += 1
            self.fractions += not is_whole(cell)
            self.zeros += len(cell) > 1 and cell[0] == "0" and is_whole(cell)
            return
        if not is_missing(cell):
            self.words += 1
            self._weigh_date(cell)
        if len(self.different) < MANY:
            self.different.add(cell)

    def _weigh_date(self, cell: str) -> None:
        if len(cell) > _LONGEST or not any(map(str.isdigit, cell)):
            return
        day, month = moment(cell, True) is not None, moment(cell, False) is not None
        self.dates += day or month
        self.day_first += day and not month
        self.month_first += month and not day

    @property
    def kind(self) -> Kind | None:
        """What the column holds; None where every cell is missing."""
        filled = self.numbers + self.words
        if not filled:
            return None
        if not self.words:
            return "category" if self.zeros else "number"
        if not self.numbers and self._are_truths():
            return "truth"
        has_one_order = not (self.day_first and self.month_first)
        if self.dates >= _MOST * filled and has_one_order:
            return "date"
        return "number" if self.numbers >= _MOST * filled and not self.zeros else "category"

    def _are_truths(self) -> bool:
        """Whether all words are truths of one way to say them."""
        found = {cell.lower() for cell in self.different if not is_missing(cell)}
        return found <= TRUTHS.keys() and any(found <= pair for pair in _TRUTHS)


@dataclass(frozen=True)
class ColumnKind:
    """What a column of features holds.

    Attributes:
        name: of the column; its number from 1 where it has none.
        kind: as decided, or as given.
        day_first: of dates: whether the day stands first in 3/4/2024.
        is_given: whether a user said so.
    """

    name: str
    kind: Kind
    day_first: bool = False
    is_given: bool = False


def kinds_of(
    place: object,
    columns: Mapping[str, Column],
    given: Mapping[str, GivenKind],
    dates: Dates | None,
) -> tuple[ColumnKind | None, ...]:
    """What each column of features holds; None where every cell is missing.

    Args:
        place: names the file in messages.
        columns: by name.
        given: kinds that a user says.
        dates: whether day or month is first, if that is said.

    Raises:
        TaskError: the order of day and month cannot be told.
    """
    return tuple(
        _kind_of(place, name, column, given.get(name), dates) for name, column in columns.items()
    )


def _kind_of(
    place: object, name: str, column: Column, given: GivenKind | None, dates: Dates | None
) -> ColumnKind | None:
    kind = given or column.kind
    if kind is None or not column.numbers + column.words:
        return None
    day_first = dates == "day_first" or (dates is None and column.day_first > 0)
    if kind == "date" and dates is None and not column.day_first and not column.month_first:
        turned = [cell for cell in column.different if _is_turned(cell)]
        if turned and not all("." in cell for cell in turned):
            raise TaskError(
                f"{place}: does the day or the month stand first in {shown(min(turned))}, in the "
                f"column {shown(name)}? Say dates: day_first or dates: month_first"
            )
        day_first = True
    return ColumnKind(name, kind, day_first, given is not None)


def _is_turned(cell: str) -> bool:
    """Whether a cell is one date with the day first, and another with the month first."""
    return moment(cell, True) != moment(cell, False)


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names for people, not too many."""
    told = [shown(name) for name in (names if len(names) <= most else names[: most - 1])]
    return ", ".join([*told, *([f"{len(names) - most + 1} more"] if len(names) > most else [])])
