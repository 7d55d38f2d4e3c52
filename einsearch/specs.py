"""Shapes of tensors as data: `TensorSpec`, bundles of them, and the axes they have.

A spec has no batch axis and no torch in it. Specs are interned: equal specs are the same
object, so comparing and hashing them costs a pointer.

| layout   | shape                    | attributes                            |
| -------- | ------------------------ | ------------------------------------- |
| `image`  | (channels, height, width)| channels, height, width, elements     |
| `tokens` | (length, features)       | length, features, elements            |
| `vector` | (features,)              | features, elements                    |
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar, Final, SupportsIndex

from einsearch.errors import ShapeError


class Layout(StrEnum):
    """What the axes of a tensor mean."""

    IMAGE = "image"
    TOKENS = "tokens"
    VECTOR = "vector"


AXES: Final[dict[Layout, tuple[str, ...]]] = {
    Layout.IMAGE: ("channels", "height", "width"),
    Layout.TOKENS: ("length", "features"),
    Layout.VECTOR: ("features",),
}

ATTRIBUTES: Final = frozenset(
    {"channels", "height", "width", "length", "features", "elements", "branches"}
)
"""Names that a guard or an argument may ask of the incoming tensors."""

MAX_ELEMENTS: Final = 2**40
"""More elements than this in one tensor is rejected: a product of sizes ran away."""


class TensorSpec:
    """Layout and shape of one tensor, without the batch axis; interned and immutable.

    Attributes:
        layout: what the axes mean.
        shape: sizes of the axes, each at least 1.
        grid: (height, width) of the image that tokens come from, or None. `col2im` needs it.
    """

    __slots__ = ("attributes", "elements", "grid", "layout", "shape")

    layout: Layout
    shape: tuple[int, ...]
    grid: tuple[int, int] | None
    elements: int
    attributes: dict[str, int]

    _interned: ClassVar[
        dict[tuple[Layout, tuple[int, ...], tuple[int, int] | None], TensorSpec]
    ] = {}

    def __new__(
        cls,
        layout: Layout | str,
        shape: tuple[int, ...],
        grid: tuple[int, int] | None = None,
    ) -> TensorSpec:
        try:
            key = (Layout(layout), shape, grid)
            spec = cls._interned.get(key)
        except (TypeError, ValueError):  # what no layout is called, or cannot be hashed
            return cls._create(_layout(layout), shape, grid)
        return cls._create(*key) if spec is None else spec

    @classmethod
    def _create(
        cls, layout: Layout, shape: tuple[int, ...], grid: tuple[int, int] | None
    ) -> TensorSpec:
        names = AXES[layout]
        shape, grid = _sizes(shape), None if grid is None else _sizes(grid)  # type: ignore[assignment]
        if len(shape) != len(names) or any(size < 1 for size in shape):
            raise ShapeError(f"{layout} needs {len(names)} positive sizes {names}, got {shape}")
        elements = math.prod(shape)
        if elements > MAX_ELEMENTS:
            raise ShapeError(f"a tensor of shape {shape} has more than 2^40 elements")
        if grid is not None and (layout is not Layout.TOKENS or math.prod(grid) != shape[0]):
            raise ShapeError(f"grid {grid} does not fit {layout} of shape {shape}")
        spec = object.__new__(cls)
        attributes = dict(zip(names, shape, strict=True)) | {"elements": elements}
        for name, value in (
            ("layout", layout),
            ("shape", shape),
            ("grid", grid),
            ("elements", elements),
            ("attributes", attributes),
        ):
            object.__setattr__(spec, name, value)
        cls._interned[layout, shape, grid] = spec
        return spec

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a TensorSpec is immutable")

    def __reduce__(self) -> tuple[type[TensorSpec], tuple[object, ...]]:
        return TensorSpec, (self.layout, self.shape, self.grid)

    @property
    def rank(self) -> int:
        """Number of axes without the batch."""
        return len(self.shape)

    @property
    def feature_axis(self) -> int:
        """The axis of channels (image) or features (tokens, vector), without the batch."""
        return 0 if self.layout is Layout.IMAGE else self.rank - 1

    @property
    def features(self) -> int:
        """Size of the feature axis: channels of an image."""
        return self.shape[self.feature_axis]

    def without_grid(self) -> TensorSpec:
        """The same tokens, having forgotten the image that they come from."""
        return self if self.grid is None else TensorSpec(self.layout, self.shape)

    def __str__(self) -> str:
        return f"{self.layout}:{'x'.join(map(str, self.shape))}"

    def __repr__(self) -> str:
        grid = f", grid={self.grid}" if self.grid else ""
        return f"TensorSpec({self.layout}, {self.shape}{grid})"


def _layout(layout: object) -> Layout:
    if isinstance(layout, str) and layout in AXES:
        return Layout(layout)
    raise ShapeError(f"there is no layout {layout!r}; there are {', '.join(AXES)}")


def _sizes(sizes: Iterable[SupportsIndex]) -> tuple[int, ...]:
    """Sizes of axes as plain integers, also of NumPy's. Raises ShapeError."""
    try:
        return tuple(map(operator.index, sizes))
    except TypeError:
        raise ShapeError(f"sizes of a tensor are {sizes!r}: expected whole numbers") from None


Bundle = tuple[TensorSpec, ...]
"""The tensors that enter or leave an expression; a single tensor is a bundle of one."""


def image(channels: int, height: int, width: int) -> TensorSpec:
    """Spec of an image, channels first."""
    return TensorSpec(Layout.IMAGE, (channels, height, width))


def tokens(length: int, features: int, grid: tuple[int, int] | None = None) -> TensorSpec:
    """Spec of a sequence of `length` tokens of `features` each; time series and text too."""
    return TensorSpec(Layout.TOKENS, (length, features), grid)


def vector(features: int) -> TensorSpec:
    """Spec of a plain feature vector."""
    return TensorSpec(Layout.VECTOR, (features,))


def parse_spec(text: str) -> TensorSpec:
    """Reads what `str(spec)` writes: "image:3x32x32", "tokens:128x16", "vector:10".

    Raises:
        ShapeError: the text is no such thing; the message says what one looks like.
    """
    try:
        layout, _, sizes = text.strip().partition(":")
        return TensorSpec(Layout(layout.strip()), tuple(int(s) for s in sizes.split("x")))
    except (AttributeError, TypeError, ValueError):
        raise ShapeError(
            f"cannot read {text!r} as a tensor: expected image:3x32x32, tokens:128x16 or vector:10"
        ) from None


def describe(bundle: Bundle) -> str:
    """Bundle as people read it: "image:3x8x8", or "(image:3x8x8, vector:4)"."""
    if len(bundle) == 1:
        return str(bundle[0])
    return "(" + ", ".join(map(str, bundle)) + ")"
