"""`Regression`: a surrogate of one quantity, fitted anew from time to time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from einsearch.searchers.features import Features
from einsearch.searchers.overlap import Catalogue
from einsearch.searchers.surrogate_forest import Forest, Trees
from einsearch.searchers.surrogate_gp import GaussianProcess, Kernel, fit_kernel

Surrogate = GaussianProcess | Forest
Scale = Callable[[np.ndarray], np.ndarray]
"""Values of shape (n,) on the scale on which they are learned."""

_MOST_FITTED: Final = 250
"""Trials by which a kernel is chosen: the last ones."""


class Regression:
    """Learns one quantity: by a Gaussian process, by a forest where there are too many trials.

    A kernel or a forest is fitted anew whenever there are a tenth more trials, or a known value
    changed. It is a function of the trials, in the order told, and of nothing else.

    Args:
        catalogue: all architectures.
        largest_process: trials above which a forest takes the place of the Gaussian process.
        scale: of what is learned.
    """

    def __init__(self, catalogue: Catalogue, largest_process: int, scale: Scale) -> None:
        self._catalogue = catalogue
        self._largest_process = largest_process
        self._scale = scale
        self._state: tuple[int, int] = (0, 0)
        self._kernel: Kernel | None = None
        self._trees: Trees | None = None

    def surrogate(
        self, rows: np.ndarray, values: np.ndarray, changes: int, pending: Sequence[Features] = ()
    ) -> Surrogate:
        """What is known.

        Args:
            rows: the architectures that have the quantity; at least one.
            values: theirs, shape (rows,).
            changes: how often those of earlier rows may have changed.
            pending: features of proposals under way; a forest is less in doubt near them.
        """
        self._fit(rows, values, changes)
        if self._trees is not None:
            return Forest(self._catalogue, self._trees, pending)
        assert self._kernel is not None
        scaled = self._scale(values)
        return GaussianProcess(self._catalogue, rows, scaled, self._kernel)

    def _fit(self, rows: np.ndarray, values: np.ndarray, changes: int) -> None:
        """Chooses a kernel or grows a forest, where that is due."""
        count = _mark(len(rows))
        if self._state == (count, changes):
            return
        self._state = count, changes
        self._kernel, self._trees = None, None
        if count > self._largest_process:
            scaled = self._scale(values[:count])
            self._trees = Trees(self._catalogue, rows[:count], scaled)
        else:
            last = slice(max(0, count - _MOST_FITTED), count)
            among = self._catalogue.among.among_only(rows[last])
            self._kernel = fit_kernel(among, self._scale(values[last]))


def _mark(count: int) -> int:
    """The largest number up to `count` at which a surrogate is fitted anew."""
    mark = 1
    while (larger := mark + max(1, mark // 10)) <= count:
        mark = larger
    return mark
