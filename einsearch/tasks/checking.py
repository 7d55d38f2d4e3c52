"""Checks of raw arrays before they become a task; each mistake is one clear TaskError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.tasks.files import StoredArray

Pair = tuple[StoredArray, StoredArray]
"""x and y of one split."""


def is_whole(array: StoredArray) -> bool:
    """Whether the elements are class numbers: integers or booleans, not floats."""
    return array.dtype.kind in "iub"


def find_pair(stored: Mapping[str, StoredArray], split: str, place: object) -> Pair | None:
    """x and y of a split, checked as far as their headers go; None where there is neither.

    Raises:
        TaskError: one of the two is missing, they differ in length, or hold no numbers.
    """
    names = (f"{split}_x", f"{split}_y")
    missing = [name for name in names if name not in stored]
    if len(missing) == 2:
        return None
    if missing:
        raise TaskError(f"{place} has {split} data, but no {missing[0]}: add it")
    x, y = (stored[name] for name in names)
    for array in (x, y):
        if array.dtype.kind not in "iubf":
            raise TaskError(f"{array} holds no real numbers: save it as integers or floats")
        if not array.shape or array.shape[0] == 0:
            raise TaskError(f"{array} is empty: its first axis must count the examples")
    if x.shape[0] != y.shape[0]:
        raise TaskError(f"{x} and {y} differ in length: each example needs one of both")
    return x, y


def check_like_training(pair: Pair, train: Pair) -> None:
    """Raises TaskError where a split's arrays differ from those of training in shape or kind."""
    for array, model in zip(pair, train, strict=True):
        if array.shape[1:] != model.shape[1:]:
            raise TaskError(f"{array} does not fit {model}: examples must have the same shape")
    if is_whole(pair[1]) != is_whole(train[1]):
        raise TaskError(
            f"{pair[1]} does not fit {train[1]}: one holds class numbers, the other real targets"
        )


def check_target_shape(y: StoredArray, classes: int | None) -> None:
    """Raises TaskError unless y can be class numbers (n,), or targets (n,) or (n, dims)."""
    if is_whole(y):
        if len(y.shape) > 2 or (len(y.shape) == 2 and y.shape[1] != 1):
            raise TaskError(
                f"{y} holds integers, which are class numbers: expected shape (n,); "
                "of one-hot rows take the argmax, and save targets of a regression as floats"
            )
        return
    if classes is not None:
        raise TaskError(
            f"{y} holds floats, but classes: {classes} is given: save class numbers as integers, "
            "or leave classes out for a regression"
        )
    if len(y.shape) > 2 or 0 in y.shape:
        raise TaskError(f"{y} cannot be targets of a regression: expected (n,) or (n, dims)")


def check_finite(array: StoredArray, values: NDArray[Any]) -> None:
    """Raises TaskError where a float is NaN or infinite, also once it is a float32."""
    if values.dtype.kind != "f":
        return
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(values.astype(np.float32, copy=False))
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise TaskError(
            f"{array}: {int(bad.sum())} of its {values.size} numbers are NaN or infinite as "
            f"float32, the first at {at}: remove those examples or fill the gaps"
        )


def check_labels(array: StoredArray, labels: NDArray[Any], classes: int) -> None:
    """Raises TaskError unless all labels are at least 0 and below `classes`."""
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise TaskError(
            f"{array} has labels from {low} to {high}, expected 0 to {classes - 1} for {classes} "
            "classes: number the classes from 0, or correct the option classes"
        )


def count_classes(array: StoredArray, labels: NDArray[Any]) -> int:
    """Number of classes, where it is not given: the highest label + 1.

    Raises:
        TaskError: that would be one class, or more than there are examples.
    """
    classes = int(labels.max()) + 1
    if classes < 2:
        raise TaskError(f"{array} has no label above 0: a task needs at least 2 classes")
    if classes > len(labels):
        raise TaskError(
            f"{array} has labels up to {classes - 1} for {len(labels)} examples: number the "
            f"classes from 0, or say classes: {classes} if that is right"
        )
    return classes
