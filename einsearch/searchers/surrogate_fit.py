"""`Regression`: a surrogate of one quantity, fitted anew from time to time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from einsearch.searchers.features import Features
from einsearch.searchers.observations import Observations
from einsearch.searchers.overlap import Catalogue
from einsearch.searchers.surrogate_forest import Forest, Trees
from einsearch.searchers.surrogate_gp import GaussianProcess, Kernel, fit_kernel
from einsearch.trial import Trial

Surrogate = GaussianProcess | Forest
Scale = Callable[[np.ndarray], np.ndarray]
"""Values of shape (n,) on the scale on which they are learned."""

_MOST_FITTED: Final = 250
"""Trials by which a kernel is chosen: the last ones."""


@dataclass(frozen=True)
class Quantity:
    """What is learned of trials.

    Attributes:
        values: it of all trials, shape (n,); NaN where it is not known.
        has: whether a trial, as told first, has it.
        scale: on which it is learned.
    """

    values: Callable[[Observations], np.ndarray]
    has: Callable[[Trial], bool]
    scale: Scale


class Regression:
    """Learns one quantity: by a Gaussian process, by a forest where there are too many trials.

    A kernel or a forest is fitted anew whenever a tenth more was told, of new trials and of such
    that went on after a pause, or the scale of all values changed. It is fitted to what was known
    at that time: it is a function of the trials, in the order told, and of nothing else.

    Args:
        seen: the trials.
        catalogue: their architectures.
        largest_process: trials above which a forest takes the place of the Gaussian process.
        quantity: what is learned.
    """

    def __init__(
        self, seen: Observations, catalogue: Catalogue, largest_process: int, quantity: Quantity
    ) -> None:
        self._seen = seen
        self._catalogue = catalogue
        self._largest_process = largest_process
        self._quantity = quantity
        self._fitted = 0
        self._kernel: Kernel | None = None
        self._trees: Trees | None = None
        self._tree_rows = np.zeros(0, dtype=np.int64)

    def surrogate(self, pending: Sequence[Features] = ()) -> tuple[Surrogate, np.ndarray]:
        """What is known, where at least one trial has the quantity, and by which rows.

        Args:
            pending: features of proposals under way; a forest is less in doubt near them.
        """
        self._fit()
        if self._trees is not None:
            return Forest(self._catalogue, self._trees, pending), self._tree_rows
        assert self._kernel is not None
        rows, values = self._known(self._seen)
        scaled = self._quantity.scale(values)
        return GaussianProcess(self._catalogue, rows, scaled, self._kernel), rows

    def _known(self, seen: Observations) -> tuple[np.ndarray, np.ndarray]:
        """Rows that have the quantity, and theirs."""
        values = self._quantity.values(seen)
        rows = np.flatnonzero(np.isfinite(values))
        return rows, values[rows]

    def _fit(self) -> None:
        """Chooses a kernel or grows a forest, where that is due."""
        told = enumerate(self._seen.told, start=1)
        news = [n for n, (trial, is_new) in told if not is_new or self._quantity.has(trial)]
        most = _mark(len(news))
        due = max(news[most - 1], self._seen.rescaled)
        if self._fitted == due:
            return
        self._fitted = due
        self._kernel, self._trees = None, None
        rows, values = self._known(self._seen.after(due))
        if not len(rows):  # all that had had it had failed by then
            rows, values = self._known(self._seen)
            self._fitted = 0
        rows, values = rows[:most], values[:most]
        if len(rows) > self._largest_process:
            self._tree_rows = rows
            self._trees = Trees(self._catalogue, rows, self._quantity.scale(values))
        else:
            last = slice(max(0, len(rows) - _MOST_FITTED), None)
            among = self._catalogue.among.among_only(rows[last])
            self._kernel = fit_kernel(among, self._quantity.scale(values[last]))


def _mark(count: int) -> int:
    """The largest number up to `count` at which a surrogate is fitted anew."""
    mark = 1
    while (larger := mark + max(1, mark // 10)) <= count:
        mark = larger
    return mark
