"""From the bytes of a CSV or TSV to rows of cells: encoding, separator, decimal mark.

All rows are looked at before one of these is settled: a header with commas in its names does not
make a file one of commas. What stays open is asked for.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from einsearch.errors import TaskError
from einsearch.tasks.labels import is_number

Separator = Literal["comma", "semicolon", "tab", "bar"]
Decimal = Literal["point", "comma"]

SEPARATORS: Final[Mapping[str, Separator]] = {
    ",": "comma", ";": "semicolon", "\t": "tab", "|": "bar",
}  # fmt: skip
_CHUNK: Final = 1 << 20
_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_COMMA: Final = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+", re.ASCII)

Row = tuple[int, list[str]]
"""Line in the file, from 1, and the cells, without space around them."""


@dataclass(frozen=True)
class Dialect:
    """How a file is written.

    Attributes:
        encoding: of its text.
        separator: between cells.
        width: cells of a row.
        has_comma: whether a comma stands before the decimals of a number.
    """

    encoding: str
    separator: str
    width: int = 0
    has_comma: bool = False

    @property
    def note(self) -> str:
        """What was taken for granted of the text."""
        if self.encoding.startswith("utf"):
            return ""
        return "is no UTF-8, and is read as Latin-1"


def encoding_of(path: Path) -> str:
    """UTF-8, UTF-16 where a mark says so, or Latin-1 as Windows has it.

    Raises:
        TaskError: the file cannot be read, or is no text.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
            marked = next((e for mark, e in _MARKS.items() if start.startswith(mark)), None)
            stream.seek(0)
            for encoding in (marked,) if marked else ("utf-8", "cp1252", "latin-1"):
                if _decodes(stream, encoding):
                    return encoding
                stream.seek(0)
    except OSError as error:
        raise TaskError(f"cannot read {path} as a table: {error.strerror}") from None
    raise TaskError(f"cannot read {path} as a table: it is no text; save it as CSV, UTF-8")


def _decodes(stream: object, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := stream.read(_CHUNK):  # type: ignore[attr-defined]
            if "\0" in decoder.decode(chunk):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def rows_of(path: Path, dialect: Dialect) -> Iterator[Row]:
    """Rows that are not empty, as they are.

    Raises:
        TaskError: the file cannot be read.
    """
    try:
        with path.open(encoding=dialect.encoding, newline="") as stream:
            reader = csv.reader(stream, delimiter=dialect.separator, skipinitialspace=True)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num, [cell.strip() for cell in cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TaskError(f"cannot read {path} as a table: {error}; save it as CSV, UTF-8") from None


def regular_rows(path: Path, dialect: Dialect) -> Iterator[Row]:
    """Rows of a settled dialect: all have its width, and numbers have points.

    Raises:
        TaskError: a row has more or fewer cells.
    """
    for line, cells in rows_of(path, dialect):
        if len(cells) == dialect.width + 1 and not cells[-1]:
            cells.pop()
        if len(cells) != dialect.width:
            raise TaskError(
                f"{path}, line {line}: {len(cells)} cells, where other rows have {dialect.width}: "
                f"every row needs as many, apart by {_plural(dialect.separator)}"
            )
        yield line, [_with_point(c) for c in cells] if dialect.has_comma else cells


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell


def _plural(separator: str) -> str:
    return f"{SEPARATORS[separator]}s"


def dialect_of(path: Path, separator: Separator | None, decimal: Decimal | None) -> Dialect:
    """How a file is written.

    Args:
        path: of the file.
        separator, decimal: where they are given.

    Raises:
        TaskError: it is empty, has one column, or it has to be said how it is written.
    """
    encoding = encoding_of(path)
    given = [mark for mark, name in SEPARATORS.items() if name == separator]
    possible = given or _separators_in(path, encoding) or [*SEPARATORS][:1]
    fitting = [_fit(path, Dialect(encoding, mark)) for mark in possible]
    if not fitting[0].rows:
        raise TaskError(f"{path} is empty: a table has an example a row, its cells apart by commas")
    best = _best(path, [fit for fit in fitting if fit.dialect.width > 1])
    return Dialect(encoding, best.separator, best.width, _has_comma(path, best, decimal))


def _separators_in(path: Path, encoding: str) -> list[str]:
    found: set[str] = set()
    with path.open(encoding=encoding, newline="") as stream:
        while len(found) < len(SEPARATORS) and (text := stream.read(_CHUNK)):
            found |= {mark for mark in SEPARATORS if mark in text}
    return [mark for mark in SEPARATORS if mark in found]


@dataclass(frozen=True)
class _Fit:
    """What a file looks like, read with one separator.

    Attributes:
        dialect: with that separator, and the width that most rows have.
        rows: how many there are.
        regular: how many have that width.
    """

    dialect: Dialect
    rows: int
    regular: int


def _fit(path: Path, dialect: Dialect) -> _Fit:
    widths: Counter[int] = Counter()
    ends: Counter[int] = Counter()
    for _, cells in rows_of(path, dialect):
        widths[len(cells)] += 1
        ends[len(cells)] += not cells[-1]
    if not widths:
        return _Fit(dialect, 0, 0)
    rows = sum(widths.values())
    width = max(widths, key=lambda w: (widths[w], w))
    # A separator behind the last cell makes an empty one.
    for wide in (width, width + 1):
        if wide > 2 and widths[wide] and ends[wide] == widths[wide]:
            widths[wide - 1] += widths.pop(wide)
            width = wide - 1
            break
    return _Fit(Dialect(dialect.encoding, dialect.separator, width), rows, widths[width])


def _best(path: Path, fitting: list[_Fit]) -> Dialect:
    """The separator that fits most rows, and of several the one that leaves most numbers."""
    if not fitting:
        raise TaskError(
            f"{path} has no features beside a target: its rows have one cell each; at least two "
            "columns are needed, apart by commas, semicolons or tabs"
        )
    most = max(fit.regular for fit in fitting)
    left = {fit.dialect.separator: fit.dialect for fit in fitting if fit.regular == most}
    if path.suffix.lower() == ".tsv" and "\t" in left:
        return left["\t"]
    if len(left) > 1:
        numbers = {mark: _share_of_numbers(path, dialect) for mark, dialect in left.items()}
        clearest = max(numbers.values())
        left = {mark: left[mark] for mark, share in numbers.items() if share == clearest}
    if len(left) > 1:
        names = " or ".join(SEPARATORS[mark] for mark in left)
        raise TaskError(f"{path}: what stands between its cells? Say separator: {names}")
    (found,) = left.values()
    return found


def _share_of_numbers(path: Path, dialect: Dialect) -> float:
    count = numbers = 0
    for _, cells in rows_of(path, dialect):
        count += len(cells)
        numbers += sum(is_number(c) or _COMMA.fullmatch(c) is not None for c in cells)
    return numbers / count


def _has_comma(path: Path, dialect: Dialect, decimal: Decimal | None) -> bool:
    """Whether decimals stand behind commas."""
    if decimal is not None or dialect.separator == ",":
        return decimal == "comma" and dialect.separator != ","
    kinds: Counter[str] = Counter()
    for _, cells in rows_of(path, dialect):
        kinds.update(_kind(cell) for cell in cells if "," in cell or "." in cell)
    commas = kinds["comma"] + kinds["thousands"]
    if commas and (kinds["point"] or not kinds["comma"]):
        told = "commas and with points" if kinds["point"] else "commas before three digits"
        raise TaskError(
            f"{path} has numbers with {told}: say decimal: comma if decimals follow the comma, or "
            "decimal: point and take out commas between thousands"
        )
    return commas > 0


def _kind(cell: str) -> str:
    """What kind of number a cell with a comma or a point is."""
    if _THOUSANDS.fullmatch(cell):
        return "thousands"
    if _COMMA.fullmatch(cell):
        return "comma"
    return "point" if is_number(cell) else "other"
