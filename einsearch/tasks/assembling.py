"""From raw examples of all splits to a `Task`: what is measured on training holds for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.specs import Layout, TensorSpec, tokens, vector
from einsearch.tasks.alphabet import Alphabet, fit_alphabet
from einsearch.tasks.base import Loss, Split, Statistics, Task
from einsearch.tasks.checking import Pair
from einsearch.tasks.encoding import Encoding, fit_encoding
from einsearch.tasks.frames import Examples, Frame, Words
from einsearch.tasks.gaps import PRESENT, told_of_gaps
from einsearch.tasks.places import PlaceCoding
from einsearch.tasks.preparing import measure, prepare
from einsearch.tasks.rawdata import Raw, RawReader, TestReader
from einsearch.tasks.sequences import Sequences
from einsearch.tasks.stored import StoredRows
from einsearch.tasks.targets import Coding
from einsearch.tasks.telling import Reading
from einsearch.tasks.telling import names as names_of

_UNCHANGED: Final = Statistics((0.0,), (1.0,))
"""Codes enter as they are."""
_HINT: Final = "test: 0.2 keeps a fifth of them back"


@dataclass(frozen=True, eq=False)
class Parts:
    """The data of a task.

    Attributes:
        pair: where training comes from.
        reader: how it is read.
        train, valid: what was read.
        fraction: what of training was cut off for validation; None where it is data of its own.
        test: where test data come from, and which examples of these are for the test; None for
            all of them, and for no data.
    """

    pair: Pair
    reader: RawReader
    train: Raw
    valid: Raw
    fraction: float | None
    test: tuple[Pair | None, tuple[int, ...] | None]

    @property
    def tests(self) -> int | None:
        """Number of test examples."""
        pair, rows = self.test
        return None if pair is None else len(rows or ()) or pair.x.shape[0]


@dataclass(frozen=True)
class Preparation:
    """Makes a split of raw examples, as those of training are made.

    Attributes:
        spec: of an example.
        statistics, target_statistics: as a `Task` has them.
        encoding: of columns; None where x is an array.
        flags_gaps: whether the last feature of a series says what is missing.
        alphabet: of symbols; None where x holds none.
    """

    spec: TensorSpec
    statistics: Statistics
    target_statistics: Statistics | None
    encoding: Encoding | None = None
    flags_gaps: bool = False
    alphabet: Alphabet | None = None

    def __call__(self, raw: Raw) -> Split:
        x = encoded(raw.x, self.encoding, self.alphabet)
        statistics, targets = self.statistics, self.target_statistics
        axis = 1 if raw.y.ndim == 3 and targets is not None else 0
        split = prepare(x, raw.y, self.spec, statistics, targets, self.flags_gaps, axis)
        weights = raw.marks.weights
        if weights is not None:
            split = replace(split, weights=(weights / weights.mean()).astype(np.float32))
        return replace(split, groups=raw.marks.groups)


def encoded(
    x: Examples, encoding: Encoding | None, alphabet: Alphabet | None
) -> NDArray[Any] | StoredRows:
    """The numbers that raw examples are."""
    if isinstance(x, Sequences):
        assert alphabet is not None
        return alphabet.apply(x)
    if not isinstance(x, Frame):
        return x
    assert encoding is not None
    return encoding.apply(x)


def assemble(parts: Parts) -> Task:
    """The task. Raises TaskError where no column of a table is a feature."""
    raw, reader = parts.train, parts.reader
    spec, names = reader.arrangement.spec, reader.coding.names
    encoding = fit_encoding(raw.x, reader.kinds) if isinstance(raw.x, Frame) else None
    if encoding is not None:
        if not encoding.codes:
            raise TaskError(
                f"{parts.pair.x}: no column is of any use: {encoding.notes[0]}{_hint(raw.x)}"
            )
        spec = vector(len(encoding.features))
    alphabet = None
    if isinstance(raw.x, Sequences):
        assert reader.symbols is not None
        alphabet = fit_alphabet(parts.pair.x, raw.x, reader.symbols)
        spec, statistics = tokens(alphabet.length, 1), _UNCHANGED
    else:
        statistics = measure(encoded(raw.x, encoding, None), spec.feature_axis)
    flags_gaps = reader.has_gaps and spec.layout is Layout.TOKENS
    columns = _columns(parts, spec, encoding)
    if flags_gaps:
        spec = tokens(spec.shape[0], spec.features + 1)
        statistics = Statistics((*statistics.mean, 0.0), (*statistics.deviation, 1.0))
        columns = (*map(str, range(spec.features - 1)), PRESENT)
    output = _output(reader.coding, raw.y)
    targets = None if names else measure(raw.y, output.feature_axis)
    prepared = Preparation(spec, statistics, targets, encoding, flags_gaps, alphabet)
    pair, rows = parts.test
    return Task(
        name="arrays",
        input=spec,
        output=output,
        loss=_loss(reader.coding),
        train=prepared(raw),
        valid=prepared(parts.valid),
        read_test=None if pair is None else TestReader(pair, reader, prepared, rows),
        statistics=statistics,
        target_statistics=targets,
        classes=names,
        vocabulary=() if alphabet is None else alphabet.vocabulary,
        symbols="" if reader.symbols is None else reader.symbols.kind,
        columns=columns,
        targets=() if names else parts.pair.y.columns,
        encoding=() if encoding is None or encoding.is_plain else encoding.codes,
        reading=_reading(parts, encoding, alphabet),
    )


def _hint(x: Examples) -> str:
    """What else columns of words may be."""
    if not isinstance(x, Frame) or not any(isinstance(column, Words) for column in x.columns):
        return ""
    if len(x.columns) == 1:
        return "; symbols: true reads it as sequences of symbols"
    return "; symbols: true reads one column as sequences of symbols, with the others in ignore"


def _columns(parts: Parts, spec: TensorSpec, encoding: Encoding | None) -> tuple[str, ...]:
    """Names of the features."""
    named = parts.pair.x.columns if spec.layout is Layout.VECTOR else ()
    if encoding is None or (encoding.is_plain and not named):
        return named
    return encoding.features


def _output(coding: Coding, y: NDArray[Any]) -> TensorSpec:
    """What a network answers."""
    if isinstance(coding, PlaceCoding):
        return coding.output
    return vector(len(coding.names) or y.shape[1])


def _loss(coding: Coding) -> Loss:
    if isinstance(coding, PlaceCoding):
        return Loss.DENSE_CROSS_ENTROPY if coding.names else Loss.DENSE_SQUARED_ERROR
    if coding.are_many:
        return Loss.BINARY_CROSS_ENTROPY
    return Loss.CROSS_ENTROPY if coding.names else Loss.MEAN_SQUARED_ERROR


def _reading(parts: Parts, encoding: Encoding | None, alphabet: Alphabet | None) -> Reading:
    """What is told of how the data were read."""
    reader, x = parts.reader, parts.pair.x
    arrangement, coding = reader.arrangement, reader.coding
    remarks = [arrangement.remark] if arrangement.remark else []
    notes = [note for note in (*x.notes, arrangement.note, *coding.notes) if note]
    for fitted in (encoding, alphabet):
        remarks += [] if fitted is None else fitted.remarks
        notes += [] if fitted is None else fitted.notes
    if encoding is None and reader.has_gaps:
        raws = [parts.train.x, *([] if parts.fraction is None else [parts.valid.x])]
        remark, note = told_of_gaps(
            np.concatenate([raw for raw in raws if isinstance(raw, np.ndarray)])
        )
        remarks += [remark] if remark else []
        notes.append(note)
    if coding.names:
        y = parts.train.y
        counts = (
            y.sum(axis=0)
            if coding.are_many
            else np.bincount(y.reshape(-1), minlength=len(coding.names))
        )
        notes += _untrained(coding.names, counts)
    if isinstance(parts.train.x, StoredRows):
        remarks.append("read from disk as they are needed")
    if reader.dropped:
        remarks.append(f"{reader.dropped:,} without a target left out")
    remarks += _told_of_marks(parts)
    is_ordered = parts.train.marks.order is not None
    return Reading(tuple(remarks), tuple(notes), parts.fraction, parts.tests, _HINT, is_ordered)


def _told_of_marks(parts: Parts) -> list[str]:
    """Weights, groups and order, in a few words."""
    marks, told = parts.train.marks, []
    if marks.weights is not None:
        told.append(f"weighted from {marks.weights.min():.4g} to {marks.weights.max():.4g}")
    if marks.groups is not None:
        told.append(f"{len(np.unique(marks.groups)):,} groups to train on, none in two splits")
    if marks.order is not None:
        told.append("in the order of time")
    return told


def _untrained(names: Sequence[str], counts: NDArray[Any]) -> list[str]:
    lacking = [name for name, count in zip(names, counts, strict=True) if not count]
    if not lacking:
        return []
    shown = names_of(lacking)
    return [f"no example to train on has the class {shown}: no network can learn it"]
