"""Estimators that search for moments, and data that they learn in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

QUICK = {"training": {"epochs": 4, "batch": 16, "lr": 0.05}, "final": {"top": 0}}
PLAIN: dict[str, Any] = {
    "trials": 1,
    "grammar": "kan",
    "workers": 0,
    "random_state": 0,
    "settings": QUICK,
}
"""Parameters of a fit of two tenths of a second, in this process."""


def rows(count: int = 90, features: int = 4) -> tuple[NDArray[Any], NDArray[Any]]:
    """x (n, features), and classes (n,) of three, which follow from the first feature."""
    x = np.random.default_rng(0).normal(size=(count, features))
    return x, np.digitize(x[:, 0], [-0.5, 0.5])
