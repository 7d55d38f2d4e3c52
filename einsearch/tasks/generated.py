"""Small tasks drawn from a seed, one for each layout: to try a space, and for tests.

| task      | input        | answer                                                     |
| --------- | ------------ | ---------------------------------------------------------- |
| `bars`    | image 1x8x8  | direction (of 4) of a bright or dark bar                   |
| `spirals` | vector 2     | which of 2 interleaved spirals a point lies on             |
| `markers` | tokens 16x4  | which of 3 symbols follows the marker in a random sequence |
| `series`  | tokens 96x2  | shape of two events in a noisy series, and which is first  |
| `waves`   | vector 3     | a smooth function of 3 numbers (regression)                |
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from einsearch.specs import TensorSpec, image, tokens, vector
from einsearch.tasks.base import Loss, Split, Statistics, Task
from einsearch.tasks.preparing import measure, prepare
from einsearch.tasks.registry import register_task
from einsearch.tasks.telling import Reading

Draw = Callable[[int, np.random.Generator], tuple[NDArray[Any], NDArray[Any]]]
"""Draws n raw examples: x (n, *shape), and y (n,) class numbers or (n, dims) targets."""

Count = Annotated[int, Field(ge=16, le=1_000_000)]
Seed = Annotated[int, Field(ge=0)]

TRAIN: Final = 512
SYMBOLS: Final = 3
LENGTH: Final = 16
SERIES_LENGTH: Final = 96
_TRAIN, _VALID, _TEST = range(3)


def _read_test(
    draw: Draw,
    count: int,
    seed: int,
    spec: TensorSpec,
    statistics: Statistics,
    targets: Statistics | None,
) -> Split:
    return prepare(*draw(count, np.random.default_rng((seed, _TEST))), spec, statistics, targets)


def _generate(
    name: str, draw: Draw, spec: TensorSpec, outputs: int, loss: Loss, train: int, seed: int
) -> Task:
    """Each split has its own generator; valid and test have half as many examples as train."""
    raw = draw(train, np.random.default_rng((seed, _TRAIN)))
    raw_valid = draw(train // 2, np.random.default_rng((seed, _VALID)))
    statistics = measure(raw[0], spec.feature_axis)
    targets = measure(raw[1], 0) if loss is Loss.MEAN_SQUARED_ERROR else None
    return Task(
        name=name,
        input=spec,
        output=vector(outputs),
        loss=loss,
        train=prepare(*raw, spec, statistics, targets),
        valid=prepare(*raw_valid, spec, statistics, targets),
        read_test=partial(_read_test, draw, train // 2, seed, spec, statistics, targets),
        statistics=statistics,
        target_statistics=targets,
        reading=Reading(tests=train // 2),
    )


def _draw_bars(count: int, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    rows, columns = np.mgrid[0:8, 0:8] - 3.5
    lines = np.stack([rows, columns, rows - columns, rows + columns])
    y = rng.integers(4, size=count)
    shift = rng.uniform(-2, 2, size=(count, 1, 1))
    bars = np.abs(lines[y] - shift) < 1.0
    signed = np.where(rng.random((count, 1, 1)) < 0.5, bars, -1.0 * bars)
    return (signed + rng.normal(scale=0.3, size=bars.shape))[:, None], y


def _draw_spirals(count: int, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    y = rng.integers(2, size=count)
    radius = np.sqrt(rng.uniform(0.02, 1.0, size=count))
    angle = 3 * np.pi * radius + np.pi * y
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points + rng.normal(scale=0.02, size=points.shape), y


def _draw_markers(count: int, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    symbols = rng.integers(SYMBOLS, size=(count, LENGTH))
    place = rng.integers(LENGTH - 1, size=count)
    rows = np.arange(count)
    y = symbols[rows, place + 1]
    symbols[rows, place] = SYMBOLS
    return np.eye(SYMBOLS + 1)[symbols], y


def _draw_series(
    count: int, rng: np.random.Generator, noise: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    shape, is_second = rng.integers(3, size=count), rng.integers(2, size=count)
    rows, times = np.arange(count), np.arange(SERIES_LENGTH)
    first = rng.integers(4, 24, size=count)
    begin = np.stack([first, first + rng.integers(8, 24, size=count)], 1)
    begin[is_second == 1] = begin[is_second == 1, ::-1]
    length = rng.integers(16, 48, size=(count, 2))
    place = (times - begin[..., None]) / length[..., None]
    profiles = np.stack([np.ones_like(place), place, 1 - place])
    inside = (place >= 0) & (place <= 1)
    height = rng.normal(3.0, 0.5, size=(count, 2, 1))
    events = height * profiles[shape, rows] * inside
    x = events.transpose(0, 2, 1)
    return x + rng.normal(scale=noise, size=x.shape), 2 * shape + is_second


def _draw_waves(count: int, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    x = rng.uniform(-1, 1, size=(count, 3))
    y = np.sin(3 * x[:, 0]) + x[:, 1] * x[:, 2] + rng.normal(scale=0.02, size=count)
    return x, y[:, None]


@register_task("bars")
def bars(*, train: Count = TRAIN, seed: Seed = 0) -> Task:
    """Which of 4 directions a bright or dark bar has in a noisy 8x8 image."""
    return _generate("bars", _draw_bars, image(1, 8, 8), 4, Loss.CROSS_ENTROPY, train, seed)


@register_task("spirals")
def spirals(*, train: Count = TRAIN, seed: Seed = 0) -> Task:
    """Which of two interleaved spirals a point of the plane lies on."""
    return _generate("spirals", _draw_spirals, vector(2), 2, Loss.CROSS_ENTROPY, train, seed)


@register_task("markers")
def markers(*, train: Count = TRAIN, seed: Seed = 0) -> Task:
    """Which symbol follows the marker in a sequence of one-hot tokens."""
    spec = tokens(LENGTH, SYMBOLS + 1)
    return _generate("markers", _draw_markers, spec, SYMBOLS, Loss.CROSS_ENTROPY, train, seed)


@register_task("series")
def series(
    *,
    train: Count = TRAIN,
    noise: Annotated[float, Field(ge=0, le=10)] = 1.5,
    seed: Seed = 0,
) -> Task:
    """Which of 6 kinds a noisy series of two features is.

    In both features something happens once: it stays up, grows or fades (cylinder, bell and
    funnel: Saito, 1994). The kind is that shape, and in which feature it began first.
    """
    spec, draw = tokens(SERIES_LENGTH, 2), partial(_draw_series, noise=noise)
    return _generate("series", draw, spec, 6, Loss.CROSS_ENTROPY, train, seed)


@register_task("waves")
def waves(*, train: Count = TRAIN, seed: Seed = 0) -> Task:
    """A smooth function of three numbers, with a little noise; a regression."""
    return _generate("waves", _draw_waves, vector(3), 1, Loss.MEAN_SQUARED_ERROR, train, seed)
