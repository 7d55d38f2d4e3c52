"""Arrays that stay on disk: examples are read, and standardised, a batch at a time.

A `.npy` file whose float32 copy would take much of the memory is read so. It is read and not
mapped: what is mapped counts where the address space of a process is limited.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.tasks.layouts import Arrangement

ELEMENTS: Final = 1 << 20
"""Numbers that are looked at together, which bounds memory."""
_MOST: Final = 4096
"""Examples, at most."""


@dataclass(frozen=True)
class RowFile:
    """The rows of an array in a `.npy` file.

    Attributes:
        path: of the file.
        offset: bytes before the first row.
        shape, dtype: of the whole array.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        """Of one row."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def read(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Some rows, (len(rows), *shape[1:]), in their order.

        Raises:
            TaskError: the file has gone, or has changed.
        """
        made = np.empty((len(rows), *self.shape[1:]), self.dtype)
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        ends = np.flatnonzero(np.diff(ordered) != 1) + 1
        try:
            with self.path.open("rb", buffering=0) as file:
                if os.fstat(file.fileno()).st_size < self.offset + self.shape[0] * self.bytes:
                    raise self._changed()
                for part in np.split(np.arange(len(rows)), ends):
                    if len(part):
                        made[order[part]] = self._stretch(file.fileno(), ordered[part])
        except OSError as error:
            raise TaskError(f"cannot read {self.path}: {error.strerror}") from None
        return made

    def _stretch(self, file: int, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Rows that follow each other."""
        made = np.empty((len(rows), *self.shape[1:]), self.dtype)
        flat: Any = made.reshape(-1).view(np.uint8)
        left = memoryview(flat)
        place = self.offset + int(rows[0]) * self.bytes
        while left:
            count = os.preadv(file, [left], place)
            if not count:
                raise self._changed()
            left, place = left[count:], place + count
        return made

    def _changed(self) -> TaskError:
        return TaskError(f"{self.path} has changed since the run began: start a new run")


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Raw examples on disk, in the arrangement of a task.

    Attributes:
        files: they are the rows of all of these, one after the other.
        places: (n,) which of these rows.
        arrangement: of their axes.
    """

    files: tuple[RowFile, ...]
    places: NDArray[np.intp]
    arrangement: Arrangement

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.places), *self.arrangement.spec.shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.files[0].dtype

    def rows(self, rows: NDArray[np.intp]) -> StoredRows:
        """Some of the examples."""
        return replace(self, places=self.places[rows])

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> NDArray[Any]:
        """Some of the examples as an array, (k, *spec.shape)."""
        places = self.places[rows]
        firsts = np.cumsum([0, *(file.shape[0] for file in self.files)])
        made = np.empty((len(places), *self.files[0].shape[1:]), self.dtype)
        for number, file in enumerate(self.files):
            mine = (places >= firsts[number]) & (places < firsts[number + 1])
            if mine.any():
                made[mine] = file.read(places[mine] - firsts[number])
        return self.arrangement.apply(made)

    def chunks(self) -> Iterator[NDArray[Any]]:
        """All examples, a stretch at a time."""
        step = chunk(self.shape)
        for at in range(0, len(self), step):
            yield self[at : at + step]


def chunk(shape: tuple[int, ...]) -> int:
    """Examples that are looked at together."""
    return max(1, min(_MOST, ELEMENTS // max(1, math.prod(shape[1:]))))


class LazyExamples:
    """Standardised examples whose raw numbers stay on disk: (n, *shape) of float32, as far as
    they are asked for.

    Args:
        raw: the examples.
        mean, deviation: by channel or feature.
        axis: of these, counted with the examples.
    """

    dtype: Final = np.dtype(np.float32)

    def __init__(
        self, raw: StoredRows, mean: NDArray[np.float64], deviation: NDArray[np.float64], axis: int
    ) -> None:
        self.raw = raw
        self._mean = mean
        self._deviation = deviation
        self._axis = axis

    def __len__(self) -> int:
        return len(self.raw)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.raw.shape

    @property
    def ndim(self) -> int:
        return self.raw.ndim

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> NDArray[np.float32]:
        """Some of the examples."""
        shape = [1] * self.ndim
        shape[self._axis] = -1
        part = self.raw[rows].astype(np.float64)
        part -= self._mean.reshape(shape)
        part /= self._deviation.reshape(shape)
        return np.ascontiguousarray(part, np.float32)

    def __array__(
        self, dtype: np.dtype[Any] | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """All of them in memory."""
        made = np.empty(self.shape, np.float32)
        step = chunk(self.shape)
        for at in range(0, len(self), step):
            made[at : at + step] = self[at : at + step]
        return made if dtype is None else made.astype(dtype, copy=False)

    def rows(self, rows: NDArray[np.intp]) -> LazyExamples:
        """Some of the examples, which stay on disk."""
        return LazyExamples(self.raw.rows(rows), self._mean, self._deviation, self._axis)

    def joined(self, other: LazyExamples) -> LazyExamples:
        """These examples and others of the same task."""
        count = sum(file.shape[0] for file in self.raw.files)
        places = np.concatenate([self.raw.places, other.raw.places + count])
        raw = replace(self.raw, files=(*self.raw.files, *other.raw.files), places=places)
        return LazyExamples(raw, self._mean, self._deviation, self._axis)


def joined(one: Any, other: Any) -> Any:
    """Examples of two splits of a task, (n, *shape), in memory or on disk as they are."""
    if isinstance(one, LazyExamples) and isinstance(other, LazyExamples):
        return one.joined(other)
    return np.concatenate([one, other])


def picked(examples: Any, rows: NDArray[np.intp]) -> Any:
    """Some examples, in memory or on disk as they are."""
    if isinstance(examples, LazyExamples):
        return examples.rows(rows)
    return np.ascontiguousarray(examples[rows])


def parts_of(examples: Any) -> Iterator[NDArray[Any]]:
    """All examples; those on disk a stretch at a time."""
    if not isinstance(examples, LazyExamples):
        yield np.ascontiguousarray(examples)
        return
    step = chunk(examples.shape)
    for at in range(0, len(examples), step):
        yield examples[at : at + step]
