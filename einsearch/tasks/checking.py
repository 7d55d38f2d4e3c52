"""Checks of raw arrays before they become a task; each mistake is one clear TaskError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.tasks.arraynames import ROLES
from einsearch.tasks.files import StoredArray


class Pair(NamedTuple):
    """x and y of one split, and what else is said of its examples."""

    x: StoredArray
    y: StoredArray
    weights: StoredArray | None = None
    groups: StoredArray | None = None
    order: StoredArray | None = None


_KINDS: Final = {"x": "iubf", "y": "iubfUS"}
"""What x and y may hold, by the kinds of NumPy's types."""
_WORDS: Final = (
    "turn words into numbers, a feature for each, or say symbols: true where they are sequences"
)
_ADVICE: Final = {
    "c": "save real and imaginary parts as two features",
    "M": "dates become numbers with .astype('datetime64[s]').astype(float)",
    "m": "durations become numbers with .astype('timedelta64[s]').astype(float)",
    "V": "records become an array with numpy.lib.recfunctions.structured_to_unstructured",
    "U": _WORDS,
    "S": _WORDS,
}
_EXACT: Final = 2**53
"""Whole numbers up to here are all different as float64."""


def find_pair(
    stored: Mapping[str, StoredArray], split: str, place: object, may_be_text: bool = False
) -> Pair | None:
    """x and y of a split, checked as far as their headers go; None where there is neither.

    Args:
        stored: all arrays, by name.
        split: train, valid or test.
        place: names the data in messages.
        may_be_text: whether x may hold symbols.

    Raises:
        TaskError: one of the two is missing, they differ in length, or hold nothing of use.
    """
    names = (f"{split}_x", f"{split}_y")
    missing = [name for name in names if name not in stored]
    if len(missing) == 2:
        return None
    if missing:
        raise TaskError(f"{place} has {split} data, but no {missing[0]}: add it")
    x, y = (stored[name] for name in names)
    for array in (x, y):
        kind = array.dtype.kind
        is_text = may_be_text and array is x and kind in "US"
        if kind not in _KINDS[array.name[-1]] and not is_text:
            advice = _ADVICE.get(kind, "save it as integers or floats")
            raise TaskError(f"{array} holds no real numbers: {advice}")
        if not array.shape or array.shape[0] == 0:
            raise TaskError(f"{array} is empty: its first axis must count the examples")
    if x.shape[0] != y.shape[0]:
        raise TaskError(f"{x} and {y} differ in length: each example needs one of both")
    return Pair(x, y, *(_mark(stored, f"{split}_{role}", x) for role in ROLES))


def _mark(stored: Mapping[str, StoredArray], name: str, x: StoredArray) -> StoredArray | None:
    """What else is said of the examples of x. Raises TaskError where it has no entry for each."""
    array = stored.get(name)
    if array is not None and array.shape not in ((x.shape[0],), (x.shape[0], 1)):
        raise TaskError(f"{array} does not fit {x}: expected one entry for each example")
    return array


def check_like_training(pair: Pair, train: Pair) -> None:
    """Raises TaskError where a split's arrays differ from those of training in shape or kind."""
    for array, model in zip(pair[:2], train[:2], strict=True):
        # A column of answers is the same as a row.
        if array.shape[1:] != model.shape[1:] and {array.shape[1:], model.shape[1:]} != {(), (1,)}:
            raise TaskError(f"{array} does not fit {model}: examples must have the same shape")
    kinds = [pair[1].dtype.kind in "US", train[1].dtype.kind in "US"]
    if kinds[0] != kinds[1]:
        words, numbers = (pair[1], train[1]) if kinds[0] else (train[1], pair[1])
        raise TaskError(f"{words} holds words, {numbers} holds numbers: save both alike")


def check_numbers(array: StoredArray, values: NDArray[Any], allows_gaps: bool, hint: str) -> None:
    """Raises TaskError where a number is infinite, too large for float32, or missing.

    Args:
        array: says in messages where the numbers come from.
        values: what it holds, (n, ...).
        allows_gaps: whether NaN may stand for what is missing.
        hint: what to do about NaN.
    """
    check_exact(array, values)
    if values.dtype.kind != "f":
        return
    with np.errstate(over="ignore"):
        bad = np.isinf(values.astype(np.float32, copy=False))
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise TaskError(
            f"{array}: {int(bad.sum())} of its {values.size} numbers are infinite as float32, the "
            f"first at {at}: remove those examples, or make their numbers smaller"
        )
    bad = np.isnan(values)
    if bad.any() and not allows_gaps:
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise TaskError(
            f"{array}: {int(bad.sum())} of its {values.size} numbers are NaN, the first at {at}: "
            f"remove those examples or fill the gaps{hint}"
        )


def check_exact(array: StoredArray, values: NDArray[Any]) -> None:
    """Raises TaskError where whole numbers are too large for a float to tell them apart."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8:
        return
    if int(values.max()) > _EXACT or int(values.min()) < -_EXACT:
        raise TaskError(
            f"{array} has whole numbers beyond 2^53, which a float cannot tell apart: leave them "
            "out if they are identifiers, or take an offset off all of them"
        )


def check_gaps(array: StoredArray, x: NDArray[Any]) -> None:
    """Raises TaskError where a series, or a feature of all series, holds nothing.

    Args:
        x: (n, length, features), NaN where something is missing.
    """
    missing = np.isnan(x)
    empty = np.flatnonzero(missing.all(axis=(1, 2)))
    if len(empty):
        raise array.refusal(int(empty[0]), "every number of it is missing: remove it")
    for feature in np.flatnonzero(missing.all(axis=(0, 1))):
        raise TaskError(f"{array}: every number of feature {int(feature)} is missing: leave it out")
