"""Task `arrays`: one's own data from an `.npz` file, a folder of `.npy` files, or a CSV or TSV.

Looked for are train_x, train_y, valid_x, valid_y, test_x, test_y (the Unseen NAS layout). Without
valid arrays, a part of training is cut off for them, in proportion to the classes; without test
arrays there is no final test. Integer y are class numbers from 0, floats are targets of a
regression. `layouts.py` says how the axes of x are understood, `tables.py` what a table must be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from einsearch.errors import TaskError
from einsearch.specs import Layout, TensorSpec, vector
from einsearch.tasks import checking
from einsearch.tasks.base import Loss, Split, Statistics, Task
from einsearch.tasks.checking import Pair
from einsearch.tasks.files import StoredArray, find_arrays
from einsearch.tasks.layouts import Arrangement, Channels, arrange
from einsearch.tasks.preparing import cut, measure, prepare
from einsearch.tasks.registry import register_task
from einsearch.tasks.tables import find_table_arrays, is_table

VALID_FRACTION: Final = 0.15

Raw = tuple[NDArray[Any], NDArray[Any]]
"""x (n, *spec.shape), and y (n,) class numbers or (n, dims) targets; not yet normalised."""


@register_task("arrays")
def arrays(
    *,
    path: Path,
    layout: Layout | None = None,
    channels: Channels | None = None,
    classes: Annotated[int, Field(ge=2)] | None = None,
    target: str | None = None,
    regression: bool = False,
    valid: Annotated[float, Field(gt=0, lt=1)] = VALID_FRACTION,
    seed: Annotated[int, Field(ge=0)] = 0,
    base: Path,
) -> Task:
    """Data from files.

    Args:
        path: the `.npz`, `.csv` or `.tsv` file, or the folder.
        layout: image, tokens or vector, where the shape of train_x does not say it.
        channels: first or last: where channels or features stand.
        classes: number of classes; the highest label + 1 if it is not given.
        target: of a table, the column that is to be told: its name, `first` or `last`.
        regression: of a table, whether whole numbers in that column are amounts, and no classes.
        valid: fraction of training to cut off when there are no valid arrays.
        seed: of that cut.
        base: folder that a relative `path` starts from.

    Raises:
        TaskError: the data cannot be used; the message says what is wrong and what to do.
    """
    place = base / path
    stored = _find(place, target, regression, classes)
    train, held_out, test = (
        checking.find_pair(stored, split, place) for split in ("train", "valid", "test")
    )
    if train is None:
        raise TaskError(f"{place} has no train_x and train_y: a task needs at least these")
    checking.check_target_shape(train[1], classes)
    for other in (held_out, test):
        if other is not None:
            checking.check_like_training(other, train)
    is_pixels = train[0].dtype == np.uint8 or train[0].dtype == np.bool_
    arrangement = arrange(str(train[0]), train[0].shape[1:], is_pixels, layout, channels)
    raw = _read(train, arrangement, classes)
    if checking.is_whole(train[1]) and classes is None:
        classes = checking.count_classes(train[1], raw[1])
    if held_out is None:
        raw_valid, raw = _cut_off(raw, valid, seed, place)
    else:
        raw_valid = _read(held_out, arrangement, classes)
    return _assemble(raw, raw_valid, test, arrangement, classes)


def _find(
    place: Path, target: str | None, regression: bool, classes: int | None
) -> Mapping[str, StoredArray]:
    if is_table(place):
        return find_table_arrays(place, target, regression, classes)
    stored = find_arrays(place)
    if target is not None or regression:
        raise TaskError(
            f"{place} holds arrays, where train_y is what is to be told: leave target and "
            "regression out, which are for CSV and TSV files"
        )
    return stored


def _cut_off(raw: Raw, fraction: float, seed: int, place: Path) -> tuple[Raw, Raw]:
    count = round(len(raw[0]) * fraction)
    if not 0 < count < len(raw[0]):
        raise TaskError(
            f"{place} has no valid arrays, and {len(raw[0])} training examples are too few to cut "
            f"{fraction:.0%} off for them: add valid_x and valid_y"
        )
    return cut(*raw, count, seed)


def _read(pair: Pair, arrangement: Arrangement, classes: int | None) -> Raw:
    """Data of one split, checked. Labels become (n,), targets (n, dims)."""
    x, y = (array.read() for array in pair)
    for array, values in zip(pair, (x, y), strict=True):
        if values.shape != array.shape or values.dtype != array.dtype:
            raise TaskError(f"{array} has changed since the run began: start a new run")
        checking.check_finite(array, values)
    if not checking.is_whole(pair[1]):
        return arrangement.apply(x), y.reshape(len(y), -1)
    labels = y.reshape(-1)
    highest = int(labels.max()) + 1 if classes is None else classes
    checking.check_labels(pair[1], labels, highest)
    return arrangement.apply(x), labels.astype(np.int64)


@dataclass(frozen=True)
class _TestReader:
    """Reads the test split from its files when it is called."""

    pair: Pair
    arrangement: Arrangement
    classes: int | None
    prepare: partial[Split]

    def __call__(self) -> Split:
        return self.prepare(*_read(self.pair, self.arrangement, self.classes))


def _assemble(
    raw: Raw, raw_valid: Raw, test: Pair | None, arrangement: Arrangement, classes: int | None
) -> Task:
    spec: TensorSpec = arrangement.spec
    statistics = measure(raw[0], spec.feature_axis)
    is_regression = classes is None
    targets: Statistics | None = measure(raw[1], 0) if is_regression else None
    prepared = partial(prepare, spec=spec, statistics=statistics, target_statistics=targets)
    return Task(
        name="arrays",
        input=spec,
        output=vector(raw[1].shape[1] if classes is None else classes),
        loss=Loss.MEAN_SQUARED_ERROR if is_regression else Loss.CROSS_ENTROPY,
        train=prepared(*raw),
        valid=prepared(*raw_valid),
        read_test=None if test is None else _TestReader(test, arrangement, classes, prepared),
        statistics=statistics,
        target_statistics=targets,
    )
