"""Series of different lengths, and series with gaps: NaN stands for what is missing.

Archives pad shorter series with NaN at their ends. There the standardised series is 0, the mean of
training. A gap inside is filled on a straight line between its neighbours. One further feature
says for each step which share of its numbers was there: 1 for all, 0 for none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PRESENT = "present"
"""Name of the further feature."""


def spans(missing: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First step of each series that holds anything, and the step after the last, (n,) each.

    Args:
        missing: (n, length, features); no series misses everything.
    """
    there: NDArray[np.bool_] = ~np.all(missing, axis=2, keepdims=False)
    return there.argmax(axis=1), there.shape[1] - there[:, ::-1].argmax(axis=1)


def gaps_inside(missing: NDArray[np.bool_]) -> int:
    """How many numbers are missing between the first and the last step of their series."""
    first, end = spans(missing)
    steps = np.arange(missing.shape[1])
    inside = (steps >= first[:, None]) & (steps < end[:, None])
    return int((missing & inside[..., None]).sum())


def told_of_gaps(x: NDArray[Any]) -> tuple[str, str]:
    """What is told of series of which numbers are missing: their lengths, and their gaps.

    Args:
        x: (n, length, features), NaN where something is missing.
    """
    missing = np.isnan(x)
    first, end = spans(missing)
    lengths, whole = end - first, x.shape[1]
    low, high = int(lengths.min()), int(lengths.max())
    remark = f"{low} to {high} steps long, padded" if low < whole else ""
    inside = gaps_inside(missing)
    filled = f"{inside:,} numbers are missing inside of series, and are filled; " if inside else ""
    return remark, f"{filled}one further feature says which share of a step was there"


def flagged(normal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fills what is missing, and appends the share of each step that was there.

    Args:
        normal: (n, length, features) standardised, NaN where something is missing.

    Returns:
        (n, length, features + 1)
    """
    missing = np.isnan(normal)
    filled = np.where(missing, np.float32(0), normal)
    first, end = spans(missing)
    for series in np.flatnonzero(missing.any(axis=(1, 2))):
        inside = slice(first[series], end[series])
        for feature in np.flatnonzero(missing[series, inside].any(axis=0)):
            _fill(filled[series, inside, feature], missing[series, inside, feature])
    present = 1 - missing.mean(axis=2, dtype=np.float32, keepdims=True)
    return np.concatenate([filled, present], axis=2)


def _fill(values: NDArray[np.float32], missing: NDArray[np.bool_]) -> None:
    """Fills a stretch in place: between neighbours on a line, at its ends with the nearest."""
    steps = np.arange(len(values))
    if not missing.all():
        values[missing] = np.interp(steps[missing], steps[~missing], values[~missing])
