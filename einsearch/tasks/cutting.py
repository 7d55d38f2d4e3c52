"""Which examples are cut off for validation and for the test.

| data                | the part that is cut off                                               |
| ------------------- | ---------------------------------------------------------------------- |
| classes             | a random one with the classes in proportion                             |
| others              | a random one                                                            |
| groups              | whole groups, drawn at random                                           |
| in an order of time | the last ones; with groups, those whose last example is the latest      |
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.tasks.preparing import apart
from einsearch.tasks.rawdata import Raw


def cut_off(
    raw: Raw, fraction: float, seed: Any, place: object, split: str
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of the examples that stay, and of those that are cut off, each in order.

    Args:
        raw: the examples.
        fraction: of them that is cut off, about.
        seed: whatever `numpy.random.default_rng` takes.
        place: names the data in messages.
        split: what the part is for: valid or test.

    Raises:
        TaskError: there are too few examples, groups or times.
    """
    count = round(len(raw) * fraction)
    if not 0 < count < len(raw):
        raise TaskError(
            f"{place} has no {split} data, and {len(raw)} training example"
            f"{'' if len(raw) == 1 else 's'} are too few to cut {fraction:.0%} off for them: add "
            f"{split}_x and {split}_y, or examples, or say another fraction, {split}: 0.3"
        )
    groups, order = raw.marks.groups, raw.marks.order
    if groups is None and order is None:
        back, kept = apart(raw.y, count, seed)
        return kept, back
    blocks = _blocks(order if groups is None else groups)
    if not blocks.any():
        what, option = ("time", "order") if groups is None else ("group", "groups")
        raise TaskError(
            f"{place}: all examples to train on have the same {what}, so none can be cut off for "
            f"{split} data: add {split} data, or leave the option {option} out"
        )
    key = _drawn(blocks, seed) if order is None else _times(order, blocks)
    chosen = _last(blocks, key, count)
    back = np.flatnonzero(np.isin(blocks, chosen))
    kept = np.flatnonzero(~np.isin(blocks, chosen))
    return kept, back


def _blocks(marks: NDArray[Any] | None) -> NDArray[np.intp]:
    """(n,) numbers from 0 of what stays together: groups, or examples of one time."""
    blocks: NDArray[np.intp] = np.unique(np.asarray(marks), return_inverse=True)[1].reshape(-1)
    return blocks


def _times(order: NDArray[np.float64], blocks: NDArray[np.intp]) -> NDArray[np.float64]:
    """(blocks,) the latest time of each."""
    latest = np.full(int(blocks.max()) + 1, -np.inf)
    np.maximum.at(latest, blocks, order)
    return latest


def _drawn(blocks: NDArray[np.intp], seed: Any) -> NDArray[np.float64]:
    """(blocks,) random numbers."""
    return np.random.default_rng(seed).random(int(blocks.max()) + 1)


def _last(blocks: NDArray[np.intp], key: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The blocks of the largest keys, together nearest to so many examples; not all of them."""
    order = np.argsort(-key, kind="stable")[:-1]
    sums = np.cumsum(np.bincount(blocks)[order])
    return order[: int(np.argmin(np.abs(sums - count))) + 1]
