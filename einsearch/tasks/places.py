"""Answers for every pixel of an image or every step of a series.

| x                          | y                                        | an answer for every |
| -------------------------- | ---------------------------------------- | ------------------- |
| images of height and width | (n, height, width), or with one axis more | pixel               |
| series of a length         | (n, length), (n, length, dims)           | step                |

Whole numbers, truths and words are classes, other floats amounts, as `targets.py` has it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.specs import Layout, TensorSpec, image, tokens
from einsearch.tasks.files import StoredArray
from einsearch.tasks.targets import Coding, Missing, TargetKind, decide


@dataclass(frozen=True)
class PlaceCoding(Coding):
    """How answers of all places become class numbers or targets.

    Attributes:
        flat: of the answers in one row.
        positions: axes of an example that are places: (height, width) or (length,).
        order: of the axes of raw answers with features, after which the features are where the
            network has them; None where there are no features.
    """

    flat: Coding = field(default_factory=lambda: Coding(()))
    positions: tuple[int, ...] = ()
    order: tuple[int, ...] | None = None

    @property
    def output(self) -> TensorSpec:
        """What a network answers."""
        features = len(self.names) or self.dims
        if len(self.positions) == 2:
            return image(features, *self.positions)
        return tokens(self.positions[0], features)

    def apply(self, array: StoredArray, raw: NDArray[Any]) -> NDArray[Any]:
        """Answers of a split: (n, *positions) int64 class numbers, or (n, *output shape) targets.

        Raises:
            TaskError: as of `Coding.apply`, with the place of the answer.
        """
        placed = self._placed(array, raw)
        if self.names:
            made = self.flat.apply(_Flat.of(array, placed), placed.reshape(-1))
            return made.reshape(placed.shape)
        rows = placed.reshape(len(placed), -1)
        return self.flat.apply(array, rows).reshape(placed.shape)

    def _placed(self, array: StoredArray, raw: NDArray[Any]) -> NDArray[Any]:
        """Raw answers with their axes where the network has them."""
        if self.order is not None:
            placed = raw.transpose(self.order)
            return placed.reshape(len(raw), *self.positions) if self.names else placed
        wanted = (len(raw), *self.positions)
        if raw.shape != wanted:
            raise TaskError(f"{array} does not fit: expected an answer for each place, {wanted}")
        if self.names:
            return raw
        axis = 1 if len(self.positions) == 2 else raw.ndim
        return np.expand_dims(raw, axis)


@dataclass(frozen=True)
class _Flat(StoredArray):
    """Answers of all places in one row: messages say the example and the place."""

    whole: StoredArray
    each: tuple[int, ...]

    @classmethod
    def of(cls, array: StoredArray, placed: NDArray[Any]) -> _Flat:
        return cls(array.path, array.name, (placed.size,), placed.dtype, array, tuple(placed.shape))

    def read(self) -> NDArray[Any]:
        return self.whole.read().reshape(-1)

    def refusal(self, index: int, reason: str) -> TaskError:
        example, *place = (int(at) for at in np.unravel_index(index, self.each))
        return self.whole.refusal(example, f"at {', '.join(map(str, place))}: {reason}")

    def __str__(self) -> str:
        return str(self.whole)


def has_places(spec: TensorSpec, shape: tuple[int, ...]) -> bool:
    """Whether answers of a shape, (n, ...), have one for every place of an example of `spec`."""
    answer = shape[1:]
    if spec.layout is Layout.IMAGE:
        height, width = spec.shape[1:]
        is_first = len(answer) == 3 and answer[1:] == (height, width)
        return (answer[:2] == (height, width) and len(answer) in (2, 3)) or is_first
    if spec.layout is Layout.TOKENS:
        length = spec.shape[0]
        return length > 1 and answer[:1] == (length,) and len(answer) in (1, 2)
    return False


def decide_places(
    array: StoredArray,
    raw: NDArray[Any],
    spec: TensorSpec,
    kind: TargetKind | None,
    classes: int | None,
    missing: Missing | None,
) -> PlaceCoding:
    """How answers of training are read that are one for every place.

    Args:
        array: says in messages where they come from.
        raw: what it holds.
        spec: of an example of x.
        kind, classes, missing: as of `decide`.

    Raises:
        TaskError: they are neither classes nor amounts.
    """
    is_image = spec.layout is Layout.IMAGE
    positions = spec.shape[1:] if is_image else spec.shape[:1]
    order = _order(raw, positions)
    dims = 1 if order is None else raw.shape[order[1 if is_image else 2]]
    if dims > 1 and (kind == "classes" or (kind is None and raw.dtype.kind != "f")):
        raise TaskError(
            f"{array} has {dims} whole numbers for each {'pixel' if is_image else 'step'}: a class "
            "is one of them; target_kind: number takes them for amounts"
        )
    if kind == "labels":
        raise TaskError(f"{array} cannot be labels: each place has one answer")
    if kind == "number" or dims > 1:
        flat = decide(array, raw.reshape(len(raw), -1), "number", None, missing)
    else:
        flat = decide(_Flat.of(array, raw), raw.reshape(-1), kind, classes, missing)
        if not flat.names:
            rows = raw.reshape(len(raw), -1)
            flat = replace(decide(array, rows, "number", None, missing), notes=flat.notes)
    place = "pixel" if is_image else "step"
    note = f"{array.name} has an answer for every {place}"
    hint = "; places: false takes it for numbers of the example" if raw.ndim == 2 else ""
    return PlaceCoding(
        flat.names,
        (f"{note}{hint}", *flat.notes) if hint else flat.notes,
        missing=missing,
        numbers=flat.numbers,
        dims=dims,
        flat=flat,
        positions=tuple(positions),
        order=order,
    )


def _order(raw: NDArray[Any], positions: tuple[int, ...]) -> tuple[int, ...] | None:
    """The order of axes that brings features to where networks have them."""
    if raw.ndim == len(positions) + 1:
        return None
    if len(positions) == 1:
        return (0, 1, 2)
    return (0, 1, 2, 3) if raw.shape[2:] == positions else (0, 3, 1, 2)
