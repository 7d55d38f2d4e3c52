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


def houses(count: int = 120) -> Any:
    """A frame of pandas with words, truths, dates and gaps, and the prices that follow from it."""
    import pandas as pd

    rng = np.random.default_rng(0)
    area = rng.uniform(20, 200, count)
    town = rng.integers(0, 3, count)
    frame = pd.DataFrame(
        {
            "area": np.where(rng.random(count) < 0.1, np.nan, area),
            "town": np.array(["Bern", "Basel", None], dtype=object)[town],
            "garden": rng.random(count) < 0.5,
            "built": pd.Timestamp("1950-01-01")
            + pd.to_timedelta(rng.integers(0, 9000, count), "D"),
            "code": [f"0{n % 4}" for n in range(count)],
            "rooms": rng.integers(1, 8, count),
        },
        index=range(1000, 1000 + count),
    )
    return frame, 100 * area + 20_000 * town
