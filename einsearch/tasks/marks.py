"""What is said of examples beside features and answers: weights, groups, order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.tasks.checking import Pair
from einsearch.tasks.files import StoredArray
from einsearch.tasks.labels import amounts, is_missing, plain, shown
from einsearch.tasks.rowcoding import moment


@dataclass(frozen=True, eq=False)
class Marks:
    """What is said of the examples of a split, (n,) each; None where nothing is.

    Attributes:
        weights: how much an example counts.
        groups: number of what it belongs to.
        order: when it was.
    """

    weights: NDArray[np.float64] | None = None
    groups: NDArray[np.int64] | None = None
    order: NDArray[np.float64] | None = None

    def rows(self, rows: NDArray[np.intp]) -> Marks:
        """Of some of the examples."""
        return Marks(
            None if self.weights is None else self.weights[rows],
            None if self.groups is None else self.groups[rows],
            None if self.order is None else self.order[rows],
        )


UNMARKED: Final = Marks()


def read_marks(pair: Pair, order_is_rows: bool) -> Marks:
    """What is said of the examples of a split.

    Raises:
        TaskError: something of it cannot be used; the message says where it stands.
    """
    order = None if pair.order is None else _order(pair.order)
    if order_is_rows:
        order = np.arange(pair.x.shape[0], dtype=float)
    return Marks(
        None if pair.weights is None else _weights(pair.weights),
        None if pair.groups is None else _groups(pair.groups),
        order,
    )


def _weights(array: StoredArray) -> NDArray[np.float64]:
    raw = plain(array.read().reshape(-1))
    values = np.asarray(amounts(raw) if raw.dtype.kind == "U" else raw, np.float64)
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        at = int(np.argmax(bad))
        raise array.refusal(at, f"{shown(str(raw[at]))!r} is no weight: expected 0, or more")
    if not values.any():
        raise TaskError(f"{array}: every weight is 0: no example would count")
    return values


def _groups(array: StoredArray) -> NDArray[np.int64]:
    raw = plain(array.read().reshape(-1))
    if raw.dtype.kind == "U":
        lost = np.array([is_missing(str(value)) for value in raw])
    else:
        lost = np.isnan(raw) if raw.dtype.kind == "f" else np.zeros(len(raw), bool)
    if lost.any():
        raise array.refusal(int(np.argmax(lost)), "it has no group: every example needs one")
    return np.unique(raw, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _order(array: StoredArray) -> NDArray[np.float64]:
    """Numbers, or dates as seconds."""
    raw = plain(array.read().reshape(-1))
    values = _times(raw) if raw.dtype.kind == "U" else np.asarray(raw, np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        at = int(np.argmax(bad))
        told = f"{shown(str(raw[at]))!r} is neither a number nor a date such as 2024-02-29"
        raise array.refusal(at, f"{told}: order needs one of each example")
    return values


def _times(raw: NDArray[Any]) -> NDArray[np.float64]:
    numbers = np.asarray(amounts(raw), np.float64)
    if np.isfinite(numbers).all():
        return numbers
    # A file that writes 13/4/2024 anywhere has the day first; one that writes 4/13/2024 has not.
    ways = [
        np.array([np.nan if (m := moment(str(v), first)) is None else m[2] for v in raw])
        for first in (True, False)
    ]
    return min(ways, key=lambda way: int(np.isnan(way).sum()))
