"""The test figure of a column, and how far chance alone moves it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from outcome_parts.sets import Data

_NORMAL: Final = 1.96
"""Standard errors on each side of a mean, in its 95 % interval."""


@dataclass(frozen=True)
class Figure:
    """A figure on test data.

    Attributes:
        value: accuracy in per cent, rmse, or bits per character.
        error: its standard error over test examples.
    """

    value: float
    error: float


def of_classes(data: Data, found: NDArray[Any]) -> Figure:
    """Accuracy of answers, (n,) classes."""
    return of_accuracy(float(np.mean(found == data.test_y)), len(data.test_y))


def of_accuracy(accuracy: float, count: int) -> Figure:
    """An accuracy between 0 and 1 over so many examples. All right is not certain either: the
    error is that of half an example more right and half an example more wrong."""
    share = (accuracy * count + 0.5) / (count + 1)
    return Figure(100 * accuracy, 100 * math.sqrt(share * (1 - share) / count))


def of_numbers(data: Data, found: NDArray[Any]) -> Figure:
    """Root of the mean squared error of answers, (n,) numbers."""
    squares = (found - data.test_y) ** 2
    value = math.sqrt(squares.mean())
    return Figure(value, float(squares.std(ddof=1)) / math.sqrt(len(squares)) / (2 * value))


def of_text(bits: NDArray[Any]) -> Figure:
    """Bits per character, (windows, length); characters of a window are no independent draws."""
    windows = bits.mean(axis=1)
    return Figure(float(windows.mean()), float(windows.std(ddof=1)) / math.sqrt(len(windows)))


def of_search(data: Data, value: float, interval: tuple[float, float] | None = None) -> Figure:
    """What a search says of its test.

    Args:
        data: the set.
        value: accuracy from 0 to 1, rmse or bits per character.
        interval: its 95 % interval. Without one, errors of a regression are taken to be normal, and
            the spread between windows of text to be a fifth of the mean.
    """
    count = len(data.test_y)
    if data.kind == "classes":
        return of_accuracy(value, count)
    if interval is not None:
        return Figure(value, (interval[1] - interval[0]) / (2 * _NORMAL))
    spread = 1 / math.sqrt(2) if data.kind == "number" else 0.2
    return Figure(value, value * spread / math.sqrt(count))


def over_seeds(figures: list[Figure]) -> Figure:
    """The mean over seeds. Its error has that of the test, which all seeds share, and that of the
    few seeds."""
    values = [figure.value for figure in figures]
    seeds = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Figure(mean(values), math.hypot(mean(figure.error for figure in figures), seeds))
