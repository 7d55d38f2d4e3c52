"""Text tables: a CSV or TSV with one example a row, features and what is to be told from them.

| file                     | target                                                             |
| ------------------------ | ------------------------------------------------------------------ |
| with a header            | the column of that name                                            |
| without                  | the `first` or the `last` column; of a `.tsv` the first, as in UCR |

`tabletext.py` finds out how a file is written, `headers.py` whether its first row names the
columns, `columnkinds.py` what they hold, and `targets.py` what the answers are.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from einsearch.errors import TaskError
from einsearch.tasks.arraynames import ROLES
from einsearch.tasks.columnkinds import (
    UNNAMED,
    Column,
    ColumnKind,
    Dates,
    GivenKind,
    kinds_of,
    listed,
)
from einsearch.tasks.encoding import unnamed_note
from einsearch.tasks.headers import is_header, weigh
from einsearch.tasks.labels import shown
from einsearch.tasks.tabletext import (
    SEPARATORS,
    Decimal,
    Dialect,
    Row,
    Separator,
    dialect_of,
    regular_rows,
)
from einsearch.tasks.textcolumns import check_single, holds_sequences

SUFFIXES: Final = (".csv", ".tsv")
_SPLITS: Final = ("train", "valid", "test")
_SHOWN: Final = 20
ROWS: Final = "rows"
"""`order: rows` says that examples stand in the order of time."""


@dataclass(frozen=True)
class TableOptions:
    """What is said of tables; None where they are to be looked at.

    Attributes:
        target: name of the column that is to be told, `first` or `last`.
        ignore: names of columns that are left out.
        header: whether the first row names the columns.
        separator, decimal: how the text is written.
        has_gaps: whether numbers may be missing where all features are numbers.
        is_frame: whether features may be of any kind, and not numbers alone.
        columns: what columns hold, by name.
        dates: what stands first in 3/4/2024: day_first, month_first.
        weights, groups, order: columns that say how much an example counts, what it belongs to,
            and when it was; `order` may be `rows`.
        keep: those of them that are features, too.
        symbols: whether the one feature is a sequence of symbols; None where it is looked at.
    """

    target: str | None = None
    ignore: tuple[str, ...] | None = None
    header: bool | None = None
    separator: Separator | None = None
    decimal: Decimal | None = None
    has_gaps: bool = False
    is_frame: bool = False
    columns: Mapping[str, GivenKind] = field(default_factory=dict)
    dates: Dates | None = None
    weights: str | None = None
    groups: str | None = None
    order: str | None = None
    keep: tuple[str, ...] | None = None
    symbols: bool | None = None


TABLE_OPTIONS: Final = (
    "target", "ignore", "header", "separator", "decimal", "columns", "dates", "weights", "groups",
    "keep",
)  # fmt: skip
"""Options that only tables know."""


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
        kinds: what these hold; nothing where all must be numbers.
        roles: numbers of the columns that are weights, groups or order.
        told: what was left out.
        holds_symbols: whether the one feature is a sequence of symbols.
    """

    path: Path
    dialect: Dialect
    header: tuple[str, ...]
    rows: int
    target: int
    features: tuple[int, ...]
    kinds: tuple[ColumnKind, ...] = ()
    roles: Mapping[str, int] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    holds_symbols: bool = False

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


def notes_of(table: Table) -> Iterator[str]:
    """What was understood of a file where it might have been meant otherwise."""
    yield from table.told
    if table.dialect.note:
        yield f"{table.path.name} {table.dialect.note}"
    doubled = [n for place, n in enumerate(table.header, 1) if n.endswith(f" ({place})")]
    if doubled:
        names = ", ".join(doubled[:_SHOWN])
        yield f"{table.path.name} has names twice; the later columns are called {names}"
    unnamed = table.named(0)
    if table.header and not table.kinds and unnamed in UNNAMED and 0 in table.features:
        yield unnamed_note(f"the first column of {table.path.name}", unnamed)


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
    known = header or tuple(str(number + 1) for number in range(dialect.width))
    roles = _roles(path, known, target, options)
    features = _features(path, known, target, roles, options)
    examples = count + (not header)
    kinds: tuple[ColumnKind, ...] = ()
    told: tuple[str, ...] = ()
    weighed = columns if header or not options.is_frame else _with_first(columns, first)
    names, mine = [known[n] for n in features], [weighed[n] for n in features]
    is_text = _holds_symbols(path, names, mine, examples, options)
    if options.is_frame and not is_text:
        features, kinds, told = _kinds(path, known, features, weighed, options)
    return Table(path, dialect, header, examples, target, features, kinds, roles, told, is_text)


def _holds_symbols(
    path: Path, names: Sequence[str], columns: Sequence[Column], rows: int, options: TableOptions
) -> bool:
    """Whether the one feature is a sequence of symbols, of columns of features with names."""
    if options.symbols:
        check_single(path, names, bool(options.columns))
    if options.symbols is not None:
        return options.symbols
    is_open = options.is_frame and not options.columns and len(columns) == 1
    return is_open and holds_sequences(columns[0], rows)


def _with_first(columns: Sequence[Column], first: Sequence[str]) -> Sequence[Column]:
    """Columns whose first row is an example, too."""
    for column, cell in zip(columns, first, strict=True):
        column.add(cell)
    return columns


def _kinds(
    path: Path,
    known: Sequence[str],
    features: Sequence[int],
    columns: Sequence[Column],
    options: TableOptions,
) -> tuple[tuple[int, ...], tuple[ColumnKind, ...], tuple[str, ...]]:
    """Features that hold anything, what they hold, and what is told of the others."""
    for name in options.columns:
        if name not in [known[n] for n in features]:
            raise _no_column(path, name, [known[n] for n in features], "columns")
    mine = {known[n]: columns[n] for n in features}
    found = kinds_of(path, mine, options.columns, options.dates)
    kept = [(n, kind) for n, kind in zip(features, found, strict=True) if kind is not None]
    empty = [known[n] for n, kind in zip(features, found, strict=True) if kind is None]
    told = (f"every cell of {listed(empty)} is missing: left out",) if empty else ()
    if not kept:
        raise TaskError(f"{path} has no features beside a target: every cell of them is missing")
    return tuple(n for n, _ in kept), tuple(kind for _, kind in kept), told


def _like(path: Path, dialect: Dialect, first: list[str], count: int, like: Table) -> Table:
    """A table with the columns of training, which it may have in another order, and with others
    between them."""
    header = _header(first) if like.header else ()
    if not header:
        if dialect.width != like.dialect.width:
            raise TaskError(
                f"{path} has {dialect.width} columns, {like.path} has {like.dialect.width}"
            )
        return replace(like, path=path, dialect=dialect, rows=count + 1, told=())
    needed = [*like.features, like.target]
    lacking = [like.header[n] for n in needed if like.header[n] not in header]
    if lacking:
        hint = ""
        if lacking == [like.named(like.target)]:
            hint = "; rows without answers are no test data: rename the file, or move it away"
        raise TaskError(
            f"{path} and {like.path} differ in the names of their columns: it has no column "
            f"{', '.join(map(shown, lacking))}{hint}"
        )
    if not count:
        raise TaskError(f"{path} has a header, but no examples")
    place = {name: number for number, name in enumerate(header)}
    roles = {r: place[like.header[n]] for r, n in like.roles.items() if like.header[n] in place}
    *features, target = (place[like.header[n]] for n in needed)
    return replace(
        like,
        path=path,
        dialect=dialect,
        header=header,
        rows=count,
        target=target,
        features=tuple(features),
        roles=roles,
        told=(),
    )


def _header(first: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns, each its own: those without one, and doubles, are numbered."""
    names: list[str] = []
    for place, cell in enumerate(first, 1):
        name = cell or f"column {place}"
        names.append(f"{name} ({place})" if name in names else name)
    return tuple(names)


def _roles(
    path: Path, known: Sequence[str], target: int, options: TableOptions
) -> Mapping[str, int]:
    """Columns that are weights, groups or order."""
    roles = {}
    for role in ROLES:
        name = getattr(options, role)
        if name is None or (role == "order" and name == ROWS and name not in known):
            continue
        if name not in known:
            if name == "balanced":
                raise TaskError(
                    f"{path} has no column balanced: classes count the same with "
                    "training: {class_weights: balanced}"
                )
            raise _no_column(path, name, known, role)
        if name == known[target]:
            raise TaskError(f"{path}: the column {name} is to be told, and cannot be {role}")
        roles[role] = list(known).index(name)
    return roles


def _features(
    path: Path,
    known: Sequence[str],
    target: int,
    roles: Mapping[str, int],
    options: TableOptions,
) -> tuple[int, ...]:
    ignore, keep = options.ignore or (), options.keep or ()
    for option, names in (("ignore", ignore), ("keep", keep)):
        for name in names:
            if name not in known:
                raise _no_column(path, name, known, option)
            if name == known[target]:
                does = "ignored" if option == "ignore" else "kept as a feature"
                raise TaskError(f"{path}: the column {name} is to be told, and cannot be {does}")
    apart = {number for number in roles.values() if known[number] not in keep}
    features = tuple(
        n for n, name in enumerate(known) if n != target and name not in ignore and n not in apart
    )
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
