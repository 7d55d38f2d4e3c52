"""What the answers of training are: classes with names, or amounts; and reading others like them.

| answers of training                                        | read as                        |
| ---------------------------------------------------------- | ------------------------------ |
| (n,) words, truths, whole numbers                           | classes                        |
| (n,) whole numbers, many and with gaps, or each its own       | a regression, and told         |
| (n,) whole numbers as floats, few different ones            | classes, and told              |
| (n,) other floats; (n, dims) of them                         | a regression                   |
| (n, k) with a single 1 in each row and else 0                | k classes, and told            |
| (n, k) of 1 and 0, some rows with several or none             | k labels, and told             |

`target_kind` says otherwise: `classes`, `labels` of which an example may have several, or `number`
for amounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.tasks.checking import check_exact
from einsearch.tasks.files import StoredArray
from einsearch.tasks.labels import (
    Label,
    amounts,
    from_text,
    is_missing,
    key,
    name,
    number_key,
    order,
    plain,
    shown,
)

TargetKind = Literal["classes", "labels", "number"]
Missing = Literal["drop", "class"]

FEW: Final = 20
"""So many classes are nothing unusual, however few examples there are."""
_TIMES: Final = 3
"""So often each whole float has to occur, in the mean, to be a class."""
_SHOWN: Final = 10


@dataclass(frozen=True)
class Coding:
    """How answers become class numbers or targets.

    Attributes:
        names: of the classes, in the order of their numbers; none for a regression.
        notes: what was understood where it might have been meant otherwise.
        is_one_hot: whether a row of answers marks its class.
        missing: what is done with answers that stand for nothing; None where they are refused.
        numbers: number of the class that a label is known by.
        dims: numbers of an answer of a regression.
        are_many: whether an example may have several of the classes.
    """

    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    is_one_hot: bool = False
    missing: Missing | None = None
    numbers: Mapping[Label, int] = field(default_factory=dict)
    dims: int = 1
    are_many: bool = False

    def apply(self, array: StoredArray, raw: NDArray[Any]) -> NDArray[Any]:
        """Answers of a split: (n,) int64 class numbers, (n, labels) float32 of 0 and 1, or
        (n, dims) targets as they are.

        Args:
            array: says in messages where they come from.
            raw: what it holds, without examples whose answer is missing.

        Raises:
            TaskError: an answer is of another kind than in training, or a class that it lacks.
        """
        if self.are_many:
            if not _are_truths(raw) or raw.shape[1] != len(self.names):
                raise TaskError(f"{array} has no rows of 0 and 1, as the answers of training are")
            return raw.astype(np.float32)
        if self.is_one_hot:
            if not _is_one_hot(raw) or raw.shape[1] != len(self.names):
                raise TaskError(f"{array} has no one-hot rows, as the answers of training are")
            numbers: NDArray[np.int64] = np.argmax(raw, axis=1).astype(np.int64)
            return numbers
        if not self.names:
            return self._targets(array, raw)
        return self._numbered(array, _column(array, raw))

    def _targets(self, array: StoredArray, raw: NDArray[Any]) -> NDArray[Any]:
        raw = amounts(plain(raw)) if raw.dtype.kind in "US" else raw
        targets = raw.reshape(len(raw), -1)
        if targets.shape[1] != self.dims:
            raise TaskError(
                f"{array} has {targets.shape[1]} numbers for each example, training has {self.dims}"
            )
        check_exact(array, targets)
        if targets.dtype.kind == "f":
            bad = np.flatnonzero(~np.isfinite(targets).all(axis=1))
            if len(bad):
                raise array.refusal(int(bad[0]), "its target is no finite number")
        return targets

    def _numbered(self, array: StoredArray, labels: NDArray[Any]) -> NDArray[np.int64]:
        different, places = np.unique(labels, return_inverse=True)
        are_words = any(isinstance(known, str) for known in self.numbers)
        keyed = name if are_words else number_key
        known = [self.numbers.get(keyed(value), -1) for value in different]
        made = np.array(known, np.int64)[places.reshape(-1)]
        if (made < 0).any():
            at = int(np.argmax(made < 0))
            raise array.refusal(
                at,
                f'"{shown(name(labels[at]))}" is no class of training, which has '
                f"{_listed(self.names)}: {int((made < 0).sum())} examples have such a label",
            )
        return made


def _listed(names: Sequence[str]) -> str:
    return ", ".join([*map(shown, names[:_SHOWN]), *(["..."] if len(names) > _SHOWN else [])])


def _column(array: StoredArray, raw: NDArray[Any]) -> NDArray[Any]:
    """Labels, (n,). Raises TaskError where there are several for each example."""
    if raw.ndim > 2 or (raw.ndim == 2 and raw.shape[1] != 1):
        raise TaskError(
            f"{array} cannot be classes: expected shape (n,), or one-hot rows, which have one 1 "
            "each; target_kind: number takes the numbers of a row for targets of a regression"
        )
    return plain(raw.reshape(-1))


def _are_truths(raw: NDArray[Any]) -> bool:
    """Whether answers are rows of 0 and 1."""
    if raw.ndim != 2 or raw.shape[1] < 2 or raw.dtype.kind not in "biuf":
        return False
    return bool(((raw == 0) | (raw == 1)).all())


def _is_one_hot(raw: NDArray[Any]) -> bool:
    return _are_truths(raw) and bool((raw.astype(bool).sum(axis=1) == 1).all())


def absent(raw: NDArray[Any]) -> NDArray[np.bool_]:
    """Which answers are missing, (n,): NaN, or text that stands for nothing."""
    if raw.dtype.kind == "f":
        lost: NDArray[np.bool_] = np.isnan(raw).reshape(len(raw), -1).any(axis=1)
        return lost
    if raw.dtype.kind in "US":
        words = plain(raw.reshape(len(raw), -1)[:, 0])
        different, places = np.unique(words, return_inverse=True)
        marks = np.array([is_missing(str(word)) for word in different])
        return marks[places.reshape(-1)] if len(marks) else np.zeros(len(raw), bool)
    return np.zeros(len(raw), bool)


def check_missing(array: StoredArray, raw: NDArray[Any]) -> None:
    """Raises TaskError where answers are missing, and asks what they mean."""
    lost = absent(raw)
    if not lost.any():
        return
    at = int(np.argmax(lost))
    mark = str(raw.reshape(len(raw), -1)[at, 0]).strip() if raw.dtype.kind in "US" else "nan"
    told = f'"{mark}" stands for no target' if mark else "it is empty"
    of_class = "" if raw.dtype.kind == "f" or not mark else ", missing: class takes it for a class"
    raise array.refusal(
        at,
        f"{told}: every example needs a target, and {int(lost.sum())} of {len(raw)} have none; "
        f"missing: drop leaves them out{of_class}",
    )


def decide(
    array: StoredArray,
    raw: NDArray[Any],
    kind: TargetKind | None,
    classes: int | None,
    missing: Missing | None = None,
) -> Coding:
    """How the answers of training are read.

    Args:
        array: says in messages where they come from.
        raw: what it holds, without examples whose answer is missing.
        kind: what the answers are, if it is given.
        classes: number of classes, if it is given: answers are classes then.
        missing: what is done with answers that are missing.

    Raises:
        TaskError: they are neither classes nor amounts, or what is meant has to be said.
    """
    if raw.ndim > 2 or 0 in raw.shape:
        raise TaskError(f"{array} cannot be targets: expected (n,), or (n, dims) of a regression")
    if kind == "number" and classes is not None:
        raise TaskError(f"classes: {classes} and target_kind: number contradict: leave one out")
    wanted = "classes" if classes is not None else kind
    if wanted == "number":
        return _amounts(array, raw, missing)
    if raw.ndim == 2 and raw.shape[1] > 1:
        return _rows(array, raw, wanted, missing)
    if wanted == "labels":
        raise TaskError(f"{array} cannot be labels: expected (n, labels) of 0 and 1")
    labels = plain(raw.reshape(-1))
    labels = from_text(labels.tolist()) if labels.dtype.kind == "U" else labels
    if wanted is None and labels.dtype.kind == "f":
        return _floats(array, raw, labels, missing)
    if wanted is None and labels.dtype.kind in "iu" and _count_something(labels):
        coding = _amounts(array, raw, missing)
        told = f"{array.name} holds {len(np.unique(labels))} different whole numbers"
        notes = (f"{told}: read as amounts; target_kind: classes makes classes of them",)
        return Coding((), notes, False, missing, {}, coding.dims)
    return _classes(array, labels, wanted, classes, missing)


def _rows(
    array: StoredArray, raw: NDArray[Any], kind: TargetKind | None, missing: Missing | None
) -> Coding:
    """Answers of several numbers each."""
    count = raw.shape[1]
    named = tuple(map(str, range(count)))
    if kind == "labels" or (kind is None and _are_truths(raw) and not _is_one_hot(raw)):
        if not _are_truths(raw):
            raise TaskError(f"{array} cannot be labels: expected rows of 0 and 1")
        note = (
            f"{array.name} has rows of 0 and 1: read as {count} labels of which an example may "
            "have several; target_kind: number makes a regression of it"
        )
        return Coding(named, () if kind else (note,), False, missing, {}, 1, True)
    if _is_one_hot(raw):
        note = (
            f"{array.name} has a single 1 in each row: read as {count} classes; "
            f"target_kind: number makes a regression of {count} numbers of it"
        )
        return Coding(named, () if kind else (note,), True, missing)
    if kind == "classes" or raw.dtype.kind != "f":
        _column(array, raw)
    return _amounts(array, raw, missing)


def _amounts(array: StoredArray, raw: NDArray[Any], missing: Missing | None) -> Coding:
    coding = Coding((), (), False, missing, {}, raw.reshape(len(raw), -1).shape[1])
    if raw.dtype.kind in "US":
        words = plain(raw.reshape(-1))
        bad = np.flatnonzero(np.isnan(amounts(words).astype(float)))
        if len(bad):
            word = words[bad[0]]
            raise array.refusal(
                int(bad[0]), f'"{shown(str(word))}" is no number, as targets of a regression are'
            )
    return coding


def _floats(
    array: StoredArray, raw: NDArray[Any], values: NDArray[Any], missing: Missing | None
) -> Coding:
    """Whole floats that are few are classes; other floats are amounts."""
    different = np.unique(values)
    is_whole = bool(np.isfinite(different).all() and (different == np.round(different)).all())
    is_few = 2 <= len(different) <= min(FEW, len(values) // _TIMES)
    if not is_whole:
        return _amounts(array, raw, missing)
    if not is_few:
        told = f"{array.name} holds whole numbers as floats: read as amounts"
        coding = _amounts(array, raw, missing)
        notes = (f"{told}; target_kind: classes makes classes of them",)
        return Coding((), notes, False, missing, {}, coding.dims)
    note = (
        f"{array.name} holds whole numbers as floats, {len(different)} different ones: read as "
        "classes; target_kind: number makes a regression of it"
    )
    found = _classes(array, values, None, None, missing)
    return Coding(found.names, (note,), False, missing, found.numbers)


def _count_something(numbers: NDArray[Any]) -> bool:
    """Whether whole numbers are amounts and no numbers of classes: many, and with gaps between
    them, or hardly one of them twice."""
    different = np.unique(numbers)
    if len(different) <= FEW:
        return False
    has_gaps = int(different[-1]) - int(different[0]) >= len(different)
    return has_gaps or len(different) > len(numbers) // 2


def _classes(
    array: StoredArray,
    labels: NDArray[Any],
    kind: TargetKind | None,
    classes: int | None,
    missing: Missing | None,
) -> Coding:
    different = np.unique(labels)
    if different.dtype.kind == "f" and not np.isfinite(different).all():
        at = int(np.argmax(~np.isfinite(labels)))
        raise array.refusal(at, "its label is no finite number")
    known = sorted(((key(value), name(value)) for value in different), key=lambda k: order(k[0]))
    are_numbers = labels.dtype.kind != "U"
    if classes is not None:
        known = _as_many(array, known, classes)
    elif len(labels) == 1:
        raise TaskError(
            f"{array} has a single example: a task needs some to train on, and some to validate on"
        )
    elif len(known) < 2:
        raise TaskError(
            f"{array} has one label, {shown(known[0][1])}, for all examples: "
            "a task needs at least 2 classes"
        )
    elif kind is None and len(known) > max(FEW, len(labels) // 2):
        raise TaskError(
            f"{array} has {len(known)} different labels in {len(labels)} examples: say "
            "target_kind: classes if that is right, or correct the option target"
        )
    notes: tuple[str, ...] = ()
    if kind is None and classes is None and are_numbers and len(known) > FEW:
        read = f"the {len(known)} different whole numbers of {array.name} are read as classes"
        notes = (f"{read}; target_kind: number makes a regression of it",)
    numbers = {label: number for number, (label, _) in enumerate(known)}
    return Coding(tuple(named for _, named in known), notes, False, missing, numbers)


def _as_many(
    array: StoredArray, known: list[tuple[Label, str]], classes: int
) -> list[tuple[Label, str]]:
    """The labels, and those that training lacks where they are numbers from 0 or 1."""
    if len(known) == classes:
        return known
    for first in (0, 1):
        every = range(first, first + classes)
        if len(known) < classes and all(label in every for label, _ in known):
            return [(number, str(number)) for number in every]
    raise TaskError(
        f"{array} has {len(known)} different labels, {_listed([named for _, named in known])}, "
        f"but classes: {classes} is given: correct the option, or leave it out"
    )
