"""Where a learning curve will end, from its beginning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

POWERS: Final = np.geomspace(0.1, 4.0, 40)
"""Exponents that are tried."""


def extrapolate(scores: Sequence[float], epoch: int, best: float) -> float:
    """The score at a later epoch, by the power law a - b t^-c that is nearest to the beginning.

    Args:
        scores: after epochs 1, 2, ...; at least two. More is better.
        epoch: the one to foretell.
        best: no score is above it.

    Returns:
        The score foretold; the last one where no rising curve fits.
    """
    seen = np.asarray(scores, dtype=float)
    times = np.arange(1, len(seen) + 1)
    found = (np.inf, float(seen[-1]))
    for power in POWERS:
        bases = np.stack([np.ones(len(seen)), -(times**-power)], axis=1)
        (a, b), *_ = np.linalg.lstsq(bases, seen, rcond=None)
        error = float(np.sum((bases @ (a, b) - seen) ** 2))
        end = float(a - b * epoch**-power)
        if b > 0 and error < found[0] - 1e-15:
            found = (error, end)
    return min(found[1], best)
