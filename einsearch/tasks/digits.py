"""Task `digits`: 1,797 handwritten digits of 8x8 pixels, which scikit-learn carries along.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository, 1998 (its test part).
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.specs import image, vector
from einsearch.tasks.base import Loss, Split, Statistics, Task
from einsearch.tasks.preparing import measure, prepare, stratified_order
from einsearch.tasks.registry import register_task
from einsearch.tasks.telling import Reading

SPEC: Final = image(1, 8, 8)
CLASSES: Final = 10
SIZES: Final = {"train": 1097, "valid": 300, "test": 400}
SPLIT_SEED: Final = 1998
"""The splits are part of the task: results of all searches compare."""

Raw = tuple[NDArray[np.uint8], NDArray[np.int64]]


def _part(name: str) -> Raw:
    """Raw x (n, 1, 8, 8) and y (n,) of one split.

    Raises:
        TaskError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise TaskError(
            "the task digits takes its data from scikit-learn, which is not installed; "
            "run: pip install scikit-learn"
        ) from None
    bunch: Any = load_digits()
    order = stratified_order(bunch.target, np.random.default_rng(SPLIT_SEED))
    ends = dict(zip(SIZES, np.cumsum(list(SIZES.values())), strict=True))
    rows = np.sort(order[ends[name] - SIZES[name] : ends[name]])
    return bunch.images[rows, None].astype(np.uint8), bunch.target[rows].astype(np.int64)


def _read_test(statistics: Statistics) -> Split:
    return prepare(*_part("test"), SPEC, statistics, None)


@register_task("digits")
def digits() -> Task:
    """Which of ten digits an 8x8 image shows; 1,097 to train on, 300 valid, 400 test."""
    train, valid = _part("train"), _part("valid")
    statistics = measure(train[0], SPEC.feature_axis)
    return Task(
        name="digits",
        input=SPEC,
        output=vector(CLASSES),
        loss=Loss.CROSS_ENTROPY,
        train=prepare(*train, SPEC, statistics, None),
        valid=prepare(*valid, SPEC, statistics, None),
        read_test=partial(_read_test, statistics),
        statistics=statistics,
        reading=Reading(tests=SIZES["test"]),
    )
