"""From rows of symbols to codes: fitted on training rows, kept as the `vocabulary` of a task.

Codes count from 1, in the order of the symbols. Code 0 is for symbols that training lacks, for
those beyond the most frequent, and for the end of rows that are shorter than the longest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.tasks.labels import number_key, order
from einsearch.tasks.sequences import Sequences, SymbolReading
from einsearch.tasks.telling import names

UNKNOWN: Final = ""
"""What stands in a vocabulary for code 0."""
MOST: Final = 255
"""Symbols that are told apart: `embed` has room for so many, and code 0."""
_LEAST: Final = 0.2
"""Where the most frequent symbols are a smaller share of all, they say too little of the data."""


@dataclass(frozen=True)
class Alphabet:
    """How rows of symbols become codes.

    Attributes:
        symbols: those with a code of their own, in its order from 1.
        length: symbols of a row; longer ones are cut.
        remarks, notes: what was done, as `Reading` has it.
    """

    symbols: tuple[str, ...]
    length: int
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """What each code stands for."""
        return (UNKNOWN, *self.symbols)

    def apply(self, rows: Sequences) -> NDArray[np.float32]:
        """Codes (n, length, 1)."""
        known = {symbol: code for code, symbol in enumerate(self.symbols, 1)}
        # The last entry is for nothing, which is -1.
        table = np.array([*(known.get(value, 0) for value in rows.values), 0], np.float32)
        made = np.zeros((len(rows), self.length, 1), np.float32)
        places = rows.places
        is_kept = places < self.length
        owner = np.repeat(np.arange(len(rows)), rows.lengths)
        made[owner[is_kept], places[is_kept], 0] = table[rows.flat[is_kept]]
        return made


def fit_alphabet(what: object, rows: Sequences, reading: SymbolReading) -> Alphabet:
    """How symbols become codes, by what training holds.

    Args:
        what: names the data in messages.
        rows: those to train on.
        reading: how they were read.

    Raises:
        TaskError: there are too many different symbols to tell enough of them apart.
    """
    counts = np.bincount(rows.flat[rows.flat >= 0], minlength=len(rows.values))
    there = sorted(np.flatnonzero(counts), key=lambda n: (-counts[n], rows.values[n]))
    kept = there[: reading.most]
    share = counts[kept].sum() / counts.sum()
    larger = f"vocabulary: {len(there)}, and embed(count={len(there) + 1}) in the grammar"
    are_amounts = not reading.is_text and 2 * len(there) > counts.sum()
    if share < _LEAST or (are_amounts and len(kept) < len(there)):
        raise TaskError(
            f"{what} has {len(there):,} different symbols, of which the {len(kept)} most frequent "
            f"are {share:.1%} of all: leave symbols out if they are amounts, or say {larger}"
        )
    symbols = sorted((rows.values[n] for n in kept), key=lambda s: order(number_key(s)))
    least, longest = int(rows.lengths.min()), int(rows.lengths.max())
    remarks = [f"{len(symbols):,} different, {names(symbols)}"]
    notes = [reading.note] if reading.note else []
    if len(kept) < len(there):
        notes.append(
            f"the {len(kept)} most frequent of {len(there):,} different symbols have a code each, "
            f"{share:.0%} of what stands in training; all others share code 0; to tell all of them "
            f"apart say {larger}"
        )
    if len(kept) > MOST:
        notes.append(
            f"{len(kept):,} symbols and code 0 are more than the 256 codes of embed(features): the "
            f"grammar needs embed(features, count={len(kept) + 1})"
        )
    if not rows.width:
        ends = f"{least} to {longest} long; shorter ones end with code 0" if least < longest else ""
        remarks += [ends] if ends else []
        notes.append(
            f"the longest sequence to train on has {longest:,} symbols; longer ones, of validation "
            "and test, are cut there"
        )
    return Alphabet(tuple(symbols), rows.width or longest, tuple(remarks), tuple(notes))
