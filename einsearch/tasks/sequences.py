"""Rows of symbols: letters of a text, words of a sentence, whole numbers that are names.

| data                                    | one symbol is             |
| --------------------------------------- | ------------------------- |
| a text for each example, `ACGTTA`        | a character               |
| a text with spaces, `a very good film`   | a word                    |
| an array (n, length) of numbers or words | a number, or a word       |

`alphabet.py` makes codes of them, by what training holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.tasks.files import FileArray, StoredArray, check_memory
from einsearch.tasks.labels import plain

SymbolOption = Literal["characters", "words", True, False]
"""What may be said of the symbols: what one is, that there are some, or that there are none."""
SymbolKind = Literal["characters", "words", "cells"]
"""What one symbol is: a part of a text, or an entry of an array."""

_SHORTEST: Final = 16
"""Columns from which an array of few whole numbers may be rows of symbols."""
_FEWEST: Final = 4
_MOST: Final = 40
"""So many different entries an array has that is taken for rows of symbols."""
_ALIKE: Final = 0.9
"""So large a share of its columns goes from the least to the greatest of them."""


@dataclass(frozen=True, eq=False)
class Sequences:
    """Rows of symbols, of any lengths.

    Attributes:
        flat: (symbols of all rows,) int32, place in `values` of each; -1 where nothing stands.
        starts: (n + 1,) int64, where each row begins, and where the last one ends.
        values: the different symbols.
        width: length of every row, where the data are an array; 0 where rows are texts.
    """

    flat: NDArray[np.int32]
    starts: NDArray[np.int64]
    values: tuple[str, ...]
    width: int = 0

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(n,) symbols of each row."""
        return np.diff(self.starts)

    @property
    def places(self) -> NDArray[np.int64]:
        """(symbols of all rows,) place of each in its row."""
        return np.arange(len(self.flat)) - np.repeat(self.starts[:-1], self.lengths)

    def rows(self, rows: NDArray[np.intp]) -> Sequences:
        """Some of the examples."""
        lengths = self.lengths[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        shift = np.repeat(self.starts[:-1][rows] - starts[:-1], lengths)
        flat = self.flat[np.arange(starts[-1]) + shift]
        return replace(self, flat=flat, starts=starts.astype(np.int64))


@dataclass(frozen=True)
class SymbolReading:
    """How examples are read as rows of symbols.

    Attributes:
        kind: what one symbol is.
        most: different symbols that are told apart.
        is_text: whether the data are text, and not numbers.
        note: what was understood where it might have been meant otherwise.
    """

    kind: SymbolKind
    most: int
    is_text: bool
    note: str = ""


def decide_symbols(
    array: StoredArray, option: SymbolOption | None, most: int
) -> SymbolReading | None:
    """How training is read as rows of symbols; None where it is not.

    Args:
        array: of what enters.
        option: what is said of it; None where nothing is.
        most: different symbols that are told apart.

    Raises:
        TaskError: the data cannot be what the option says.
    """
    is_text, shape = array.dtype.kind in "US", array.shape[1:]
    shape = shape[:-1] if len(shape) == 2 and shape[1] == 1 else shape
    if option is False or (option is None and not is_text and not _is_candidate(array)):
        return None
    if array.dtype.kind == "f":
        raise TaskError(
            f"{array} holds floats, which are no symbols: save whole numbers, .astype(int), or "
            "leave symbols out"
        )
    if len(shape) > 1 or not all(shape) or not (shape or is_text):
        raise TaskError(
            f"{array} cannot be rows of symbols: expected texts (n,), or whole numbers or words "
            "(n, length)"
        )
    if shape:
        return _decide_cells(array, option, most, is_text)
    kind = option if isinstance(option, str) else _kind_of(array.texts())
    note = ""
    if option is None:
        note = f"{array} is read as {kind}, a symbol each; symbols: false makes no sequences of it"
    return SymbolReading(kind, most, is_text, note)


def _decide_cells(
    array: StoredArray, option: SymbolOption | None, most: int, is_text: bool
) -> SymbolReading | None:
    if isinstance(option, str):
        raise TaskError(
            f"{array} has a symbol in each cell: say symbols: true; {option} are for whole texts"
        )
    if option:
        return SymbolReading("cells", most, is_text)
    cells = array.read().reshape(array.shape[:2])
    if not _are_alike(_numbered(cells)[0].reshape(cells.shape)):
        if not is_text:
            return None
        raise TaskError(
            f"{array} holds no real numbers: turn words into numbers, a feature for each, save a "
            "table as CSV, or say symbols: true, which reads each row as a sequence"
        )
    what = "words" if is_text else "whole numbers"
    note = (
        f"{array} is read as sequences of symbols, since its columns hold the same few {what}; "
        "symbols: false reads a column as a feature"
    )
    return SymbolReading("cells", most, is_text, note)


def _is_candidate(array: StoredArray) -> bool:
    """Whether whole numbers may be symbols, as far as the header tells."""
    stays = isinstance(array, FileArray) and array.stays
    is_plain = len(array.shape) == 2 and array.shape[1] >= _SHORTEST
    return is_plain and array.dtype.kind in "iu" and array.dtype != np.uint8 and not stays


def _are_alike(codes: NDArray[np.int32]) -> bool:
    """Whether columns (n, length) hold the same few numbers, each from the least to the greatest
    of all."""
    if not _FEWEST <= codes.max() + 1 <= _MOST:
        return False
    there = codes >= 0
    low = np.where(there, codes, codes.max()).min(axis=0)
    is_whole = (low == 0) & (codes.max(axis=0) == codes.max())
    return bool(is_whole.mean() >= _ALIKE)


def _kind_of(texts: Sequence[str]) -> SymbolKind:
    """Words where most texts have spaces in them."""
    spaced = sum(len(text.split(None, 1)) > 1 for text in texts)
    return "words" if 2 * spaced >= len(texts) else "characters"


def read_sequences(array: StoredArray, reading: SymbolReading) -> Sequences:
    """Rows of symbols of a split, read as those of training.

    Raises:
        TaskError: a row is empty, or the data are of another kind than those of training.
    """
    is_text = array.dtype.kind in "US"
    if is_text != reading.is_text or array.dtype.kind == "f":
        wanted = "words" if reading.is_text else "whole numbers"
        raise TaskError(f"{array} does not fit training, which holds {wanted}: save both alike")
    if reading.kind == "cells":
        return _read_cells(array)
    texts = array.texts()
    for place, text in enumerate(texts):
        if not text:
            raise array.refusal(place, "the text is empty: remove the example, or mend it")
    flat, values, lengths = (_characters if reading.kind == "characters" else _words)(texts)
    made = Sequences(flat, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), values)
    _check_size(array, int(made.lengths.max()))
    return made


def _check_size(array: StoredArray, length: int) -> None:
    """Raises TaskError where rows of that length do not fit into memory."""
    whole = replace(array, shape=(array.shape[0], length), dtype=np.dtype(np.float32))
    check_memory(whole, f"the longest text has {length:,} symbols; cut such texts")


def _characters(texts: Sequence[str]) -> tuple[NDArray[np.int32], tuple[str, ...], list[int]]:
    joined = "".join(texts).encode("utf-32-le", "surrogatepass")
    points, flat = np.unique(np.frombuffer(joined, np.uint32), return_inverse=True)
    values = tuple(chr(point) for point in points.tolist())
    return flat.reshape(-1).astype(np.int32), values, [len(text) for text in texts]


def _words(texts: Sequence[str]) -> tuple[NDArray[np.int32], tuple[str, ...], list[int]]:
    places: dict[str, int] = {}
    rows = [[places.setdefault(word, len(places)) for word in text.split()] for text in texts]
    flat = np.array([place for row in rows for place in row], np.int32)
    return flat, tuple(places), [len(row) for row in rows]


def _read_cells(array: StoredArray) -> Sequences:
    """Rows of an array (n, length); an empty word is nothing."""
    cells = array.read().reshape(array.shape[:2])
    flat, values = _numbered(cells)
    empty = np.flatnonzero((flat.reshape(cells.shape) < 0).all(axis=1))
    if len(empty):
        raise array.refusal(int(empty[0]), "every word of it is empty: remove it")
    starts = np.arange(len(cells) + 1, dtype=np.int64) * cells.shape[1]
    return Sequences(flat, starts, values, cells.shape[1])


def _numbered(cells: NDArray[Any]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Entries of an array, in one row, as places among the different ones; -1 for empty words."""
    raw = plain(cells.reshape(-1))
    raw = raw.astype(np.int8) if raw.dtype.kind == "b" else raw
    different, flat = np.unique(raw, return_inverse=True)
    names = [str(value) for value in different.tolist()]
    has_empty = bool(names) and not names[0]
    codes = (flat.reshape(-1) - has_empty).astype(np.int32)
    return codes, tuple(names[1:] if has_empty else names)
