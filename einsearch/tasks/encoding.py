"""From the columns of a table to numbers for any network: fitted on training rows, kept as JSON.

| column               | becomes                                                               |
| -------------------- | --------------------------------------------------------------------- |
| numbers              | itself, a few that are far off brought nearer; in gaps the median,    |
|                      | and a feature that says where they are                                |
| truths               | 0 and 1; 0.5 where nothing is said                                    |
| up to 32 words       | a feature for each; rare ones share `other`; two are one feature      |
| more different words | the 16 most frequent, `other`, and 16 signs that follow from the word |
| dates                | seconds since 1970; year, month, weekday and hour where they vary     |

Left out is a column of one word, of nothing, or with a word of its own in nearly every row.
Words that training lacks are `other`; where it has none, all features of the column are 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.tasks.columnkinds import UNNAMED, ColumnKind, Kind, listed
from einsearch.tasks.frames import Cells, Frame, Words, missing_of
from einsearch.tasks.labels import shown
from einsearch.tasks.rowcoding import code_cell, moment

FEW: Final = 32
"""So many different words have a feature each."""
FREQUENT: Final = 16
"""Words that have one where there are more."""
SIGNS: Final = 16
"""Numbers that follow from a word alone."""
_OWN: Final = 0.95
"""A column with so many different words for each row tells rows apart, and nothing else."""
_ROWS: Final = 5
"""Fewer rows say nothing of that."""
_RARE: Final = 200
"""A word is rare where it is in fewer than one of so many rows, or in a single one."""
_OFTEN: Final = 10
"""Rows in which no word is rare."""
FAR: Final = 5.0
"""Deviations from the mean: numbers further off are brought there."""
_PASSES: Final = 50


@dataclass(frozen=True)
class ColumnCode:
    """How a column is coded; `rowcoding.code_cell` does it.

    Attributes:
        column: its name.
        kind: what it holds.
        features: names of the numbers that a cell becomes.
        has_flag: whether the last of them says that the cell is missing.
        fill: what stands for a missing number or date.
        low, high: numbers beyond become these; None where none is.
        values: words that have a feature each.
        is_pair: whether two words share one feature.
        has_other: whether a feature stands for all other words.
        hashed: signs that follow from the word.
        parts: of dates, those that vary: year, month, weekday, hour.
        year: what stands for the year of a missing date.
        day_first: whether the day stands first in 3/4/2024.
    """

    column: str
    kind: Kind
    features: tuple[str, ...]
    has_flag: bool = False
    fill: float = 0.0
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    is_pair: bool = False
    has_other: bool = False
    hashed: int = 0
    parts: tuple[str, ...] = ()
    year: float = 0.0
    day_first: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether the column is a feature as it stands."""
        return self.kind == "number" and not self.is_held and not self.has_flag

    @property
    def is_held(self) -> bool:
        """Whether numbers that are far off are brought nearer."""
        return self.low is not None or self.high is not None


@dataclass(frozen=True)
class Encoding:
    """How rows are coded.

    Attributes:
        codes: of the columns that are used.
        places: of these columns among those of a `Frame`.
        remarks, notes: what was done, as `Reading` has it.
    """

    codes: tuple[ColumnCode, ...]
    places: tuple[int, ...]
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in their order."""
        return tuple(name for code in self.codes for name in code.features)

    @property
    def is_plain(self) -> bool:
        """Whether every column is a feature as it stands."""
        return all(code.is_plain for code in self.codes)

    def apply(self, frame: Frame) -> NDArray[np.float64]:
        """The numbers of all rows, (n, features)."""
        used = frame.some(self.places).columns
        pairs = zip(self.codes, used, strict=True)
        return np.concatenate([_coded(code, cells) for code, cells in pairs], axis=1)


def _coded(code: ColumnCode, cells: Cells) -> NDArray[np.float64]:
    """A column, (n, features of it)."""
    if isinstance(cells, Words):
        told = asdict(code)
        table = np.array([code_cell(told, value) for value in (*cells.values, None)])
        return table[cells.codes]
    missing = np.isnan(cells)
    filled = np.where(missing, code.fill, cells)
    filled = np.clip(filled, code.low, code.high) if code.is_held else filled
    return np.stack([filled, *[missing.astype(float)] * code.has_flag], axis=1)


def fit_encoding(frame: Frame, kinds: Sequence[ColumnKind]) -> Encoding:
    """How columns are coded, by what training holds.

    Args:
        frame: rows to train on.
        kinds: what its columns hold.
    """
    codes, places, notes = [], [], []
    for place, (kind, cells) in enumerate(zip(kinds, frame.columns, strict=True)):
        reason = _useless(kind, cells)
        if reason:
            notes.append(reason)
            continue
        if kind.name in UNNAMED and not kind.is_given:
            notes.append(unnamed_note("the first column", kind.name))
        codes.append(_fit(kind, cells))
        places.append(place)
    used = frame.some(places)
    remarks, more = _told(codes, used)
    return Encoding(tuple(codes), tuple(places), remarks, (*notes, *more))


def _useless(kind: ColumnKind, cells: Cells) -> str:
    """Why a column is left out; empty where it is used."""
    name = shown(kind.name)
    there = len(cells) - int(missing_of(cells).sum())
    if not there:
        return f"the column {name} holds nothing in the rows to train on, and is left out"
    if not isinstance(cells, Words):
        return _counts_rows(kind, cells)
    if kind.kind == "date" or kind.is_given:
        return ""
    different = int((cells.counts() > 0).sum())
    if different == 1 and there == len(cells):
        return f"the column {name} holds the same word in every row, and is left out"
    if kind.kind == "category" and there >= _ROWS and different >= _OWN * there:
        hint = f"; columns: {{{name}: category}} takes it for a feature"
        return f"the column {name} has a word of its own in nearly every row, and is left out{hint}"
    return ""


def _counts_rows(kind: ColumnKind, numbers: NDArray[np.float64]) -> str:
    """Why a column is left out that has no name, and counts the rows up."""
    is_index = kind.name in UNNAMED and bool((np.diff(numbers) > 0).all())
    if kind.is_given or not is_index or bool((numbers % 1).any()):
        return ""
    told = "the first column has no name, counts the rows, and is left out"
    return f'{told}; columns: {{"{kind.name}": number}} takes it for a feature'


def unnamed_note(column: str, name: str) -> str:
    """What is told of a column without a name that is a feature."""
    return f'{column} has no name, and is read as a feature; ignore: ["{name}"] leaves it out'


def _fit(kind: ColumnKind, cells: Cells) -> ColumnCode:
    has_flag = bool(missing_of(cells).any())
    flag = (f"{kind.name} missing",) if has_flag else ()
    if not isinstance(cells, Words):
        return _fit_number(kind.name, cells[~np.isnan(cells)], flag)
    if kind.kind == "truth":
        return ColumnCode(kind.name, "truth", (kind.name, *flag), has_flag)
    return (_fit_dates if kind.kind == "date" else _fit_words)(kind, cells, flag)


def _fit_number(name: str, there: NDArray[np.float64], flag: tuple[str, ...]) -> ColumnCode:
    low, high = bounds(there)
    median = float(np.median(there))
    return ColumnCode(name, "number", (name, *flag), bool(flag), median, low, high)


def bounds(numbers: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Between what numbers are held: FAR deviations from the mean of what is held so. None where
    no number is beyond.

    Found again and again, since a single number that is far off moves mean and deviation.
    """
    held = numbers
    for _ in range(_PASSES):
        mean, deviation = float(held.mean()), float(held.std())
        low, high = mean - FAR * deviation, mean + FAR * deviation
        closer = np.clip(held, low, high)
        if not deviation or (closer == held).all():
            break
        held = closer
    is_low, is_high = bool((numbers < low).any()), bool((numbers > high).any())
    return (low if is_low else None), (high if is_high else None)


def _fit_words(kind: ColumnKind, cells: Words, flag: tuple[str, ...]) -> ColumnCode:
    counts = cells.counts()
    there = int(counts.sum())
    rare = min(max(2, there // _RARE), _OFTEN)
    by_count = sorted(np.flatnonzero(counts), key=lambda n: (-counts[n], cells.values[n]))
    often = [cells.values[n] for n in by_count if counts[n] >= rare]
    is_few = len(by_count) <= FEW and bool(often)
    values = tuple(sorted(often if is_few else often[:FREQUENT]))
    has_other = len(values) < len(by_count)
    is_pair = len(values) == 2 and is_few and not has_other
    hashed = 0 if is_few else SIGNS
    marked = values[1:] if is_pair else values
    features = [f"{kind.name}={value}" for value in marked]
    features += [f"{kind.name} other"] * has_other
    features += [f"{kind.name} sign {n + 1}" for n in range(hashed)]
    return ColumnCode(
        kind.name,
        "category",
        (*features, *flag),
        bool(flag),
        values=values,
        is_pair=is_pair,
        has_other=has_other,
        hashed=hashed,
    )


def _fit_dates(kind: ColumnKind, cells: Words, flag: tuple[str, ...]) -> ColumnCode:
    counts = cells.counts()
    found = [
        (moment(value, kind.day_first), int(count))
        for value, count in zip(cells.values, counts, strict=True)
        if count
    ]
    known = [(one, count) for one, count in found if one is not None]
    weights = [count for _, count in known]
    varying: dict[str, set[Any]] = {
        "year": {day.year for (day, _, _), _ in known},
        "month": {day.month for (day, _, _), _ in known},
        "weekday": {day.weekday() for (day, _, _), _ in known},
        "hour": {seconds for (_, seconds, _), _ in known},
    }
    parts = tuple(part for part, values in varying.items() if len(values) > 1)
    features = [kind.name]
    for part in parts:
        named = f"{kind.name} {part}"
        features += [named] if part == "year" else [f"{named} sine", f"{named} cosine"]
    since = np.repeat([moment_[2] for moment_, _ in known], weights)
    years = np.repeat([moment_[0].year for moment_, _ in known], weights)
    return ColumnCode(
        kind.name,
        "date",
        (*features, *flag),
        bool(flag),
        fill=float(np.median(since)),
        parts=parts,
        year=float(np.median(years)),
        day_first=kind.day_first,
    )


def _told(codes: Sequence[ColumnCode], used: Frame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Remarks and notes on the columns that are used."""
    named = {"category": "of words", "truth": "of truths", "date": "of dates"}
    counts = {kind: sum(code.kind == kind for code in codes) for kind in named}
    kinds = [f"{counts[kind]} {told}" for kind, told in named.items() if counts[kind]]
    remarks = []
    if any(not code.is_plain for code in codes):
        columns = f"from {len(codes)} column{'s' if len(codes) > 1 else ''}"
        remarks.append(" ".join([columns, *([f"with {', '.join(kinds)}"] if kinds else [])]))
    notes = []
    gaps = {c.column: int(missing_of(x).sum()) for c, x in zip(codes, used.columns, strict=True)}
    gaps = {name: count for name, count in gaps.items() if count}
    if gaps:
        notes.append(
            f"{sum(gaps.values()):,} cells to train on are missing, in {listed(list(gaps))}: each "
            "such column has a further feature that says where; numbers are filled with the median"
        )
    many = [code.column for code in codes if code.hashed]
    if many:
        notes.append(
            f"{listed(many)}: more than {FEW} different words; the most frequent have a feature "
            f"each, all have {SIGNS} signs that follow from the word"
        )
    held = [code.column for code in codes if code.is_held]
    if held:
        notes.append(
            f"{listed(held)}: the few numbers more than {FAR:.0f} deviations off are brought there"
        )
    return tuple(remarks), tuple(notes)


def described_codes(codes: Sequence[ColumnCode]) -> list[Mapping[str, Any]]:
    """Codes as JSON has them, as `rowcoding.code_row` takes them."""
    return [{**asdict(code), **_lists(code)} for code in codes]


def _lists(code: ColumnCode) -> dict[str, list[str]]:
    return {"features": list(code.features), "values": list(code.values), "parts": [*code.parts]}
