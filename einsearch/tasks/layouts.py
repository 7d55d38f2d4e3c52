"""Which axis of an array is what: from the shape of `train_x` to a `TensorSpec`.

| array           | read as, unless `layout` says otherwise                                    |
| --------------- | -------------------------------------------------------------------------- |
| (n, f)          | vector of f features                                                       |
| (n, h, w)       | image of one channel if uint8 or bool; otherwise tokens (length, features) |
| (n, a, b, c)    | image; the axis of channels is a or c, the one smaller than both others    |

`layout: tokens` takes (n, length) too, with one feature. `channels: first` or `last` says where
channels or features are, where the rule above would say otherwise, or cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.specs import Layout, TensorSpec

Channels = Literal["first", "last"]

_RANKS: Final = {Layout.VECTOR: (1,), Layout.TOKENS: (1, 2), Layout.IMAGE: (2, 3)}
"""Numbers of axes, without the examples, that an array of a layout may have."""

_WANTED: Final = {
    Layout.VECTOR: "(n, features)",
    Layout.TOKENS: "(n, length) or (n, length, features)",
    Layout.IMAGE: "(n, height, width) or (n, channels, height, width)",
}


@dataclass(frozen=True)
class Arrangement:
    """How raw examples become examples of `spec`.

    Attributes:
        spec: of the examples that come out.
        add_axis: where an axis of size 1 is put in, counted with the examples; None for nowhere.
        order: order of all axes after that.
        remark: what was turned round, for people.
        note: what it was taken for, where it may have been meant otherwise.
    """

    spec: TensorSpec
    add_axis: int | None
    order: tuple[int, ...]
    remark: str = ""
    note: str = ""

    def apply(self, x: NDArray[Any]) -> NDArray[Any]:
        """Raw (n, ...) to (n, *spec.shape); a view."""
        expanded = x if self.add_axis is None else np.expand_dims(x, self.add_axis)
        return expanded.transpose(self.order)


def arrange(
    what: str,
    shape: tuple[int, ...],
    is_pixels: bool,
    layout: Layout | None = None,
    channels: Channels | None = None,
) -> Arrangement:
    """Finds the layout of an array.

    Args:
        what: names the array in messages.
        shape: of one example.
        is_pixels: whether the elements are uint8 or bool.
        layout: the layout, if it is given.
        channels: where channels or features are, if that is given.

    Raises:
        TaskError: the array has the wrong number of axes, or it cannot be told which is which.
    """
    is_given = layout is not None
    layout = layout or _infer_layout(what, shape, is_pixels)
    if len(shape) not in _RANKS[layout] or not all(shape):
        raise TaskError(f"{what} cannot be {layout}: expected {_WANTED[layout]}, no axis empty")
    if layout is Layout.VECTOR:
        return Arrangement(TensorSpec(layout, shape), None, (0, 1))
    if layout is Layout.TOKENS:
        return _arrange_tokens(what, shape, channels, is_given)
    return _arrange_image(what, shape, channels)


def _infer_layout(what: str, shape: tuple[int, ...], is_pixels: bool) -> Layout:
    by_rank = {1: Layout.VECTOR, 2: Layout.IMAGE if is_pixels else Layout.TOKENS, 3: Layout.IMAGE}
    if len(shape) not in by_rank:
        raise TaskError(
            f"{what} has {len(shape) + 1} axes, expected 2 (vectors), 3 (tokens, or images of one "
            "channel) or 4 (images), the first for the examples"
        )
    return by_rank[len(shape)]


_SERIES: Final = 4
"""An axis so many times as long as the other one is that of the steps."""


def _arrange_tokens(
    what: str, shape: tuple[int, ...], channels: Channels | None, is_given: bool
) -> Arrangement:
    if len(shape) == 1:
        return Arrangement(TensorSpec(Layout.TOKENS, (*shape, 1)), 2, (0, 1, 2))
    first, last = shape
    is_few = channels is None and first < last and _SERIES * first <= last
    if channels == "first" or is_few:
        spec = TensorSpec(Layout.TOKENS, (last, first))
        note = ""
        if is_few and first > 1:
            note = (
                f"{what} is read as series of {last} steps with {first} features, since series "
                f"are longer than wide; channels: last makes {first} steps with {last} features"
            )
        return Arrangement(spec, None, (0, 2, 1), "features were first", note)
    note = ""
    if channels is None and not is_given:
        note = (
            f"{what} is read as series of {first} steps with {last} features; layout: image makes "
            f"images of it, channels: first series of {last} steps with {first} features"
        )
    elif channels is None and last > first:
        note = (
            f"{what} is read as {first} steps with {last} features; channels: first makes "
            f"{last} steps with {first} features of it"
        )
    spec = TensorSpec(Layout.TOKENS, (first, last))
    return Arrangement(spec, None, (0, 1, 2), note=note)


def _arrange_image(what: str, shape: tuple[int, ...], channels: Channels | None) -> Arrangement:
    if len(shape) == 2:
        return Arrangement(TensorSpec(Layout.IMAGE, (1, *shape)), 1, (0, 1, 2, 3))
    first, middle, last = shape
    if channels is None and not (first < min(middle, last) or last < min(first, middle)):
        raise TaskError(
            f"{what} could have its channels first or last: say channels: first or channels: last"
        )
    if channels == "first" or (channels is None and first < min(middle, last)):
        return Arrangement(TensorSpec(Layout.IMAGE, shape), None, (0, 1, 2, 3))
    spec = TensorSpec(Layout.IMAGE, (last, first, middle))
    return Arrangement(spec, None, (0, 3, 1, 2), "channels were last")
