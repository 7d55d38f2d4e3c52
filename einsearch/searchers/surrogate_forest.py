"""A forest of extremely randomised trees on features of architectures, for long histories.

Geurts, Ernst and Wehenkel, 2006, "Extremely Randomized Trees"; the deviation of a prediction as in
Hutter et al., 2014, "Algorithm Runtime Prediction: Methods and Evaluation", section 4.3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from einsearch.searchers.features import Features
from einsearch.searchers.overlap import Catalogue

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TREES: Final = 40
COLUMNS: Final = 300
"""Features that the trees see: those that vary most together with the values."""
_LEAF: Final = 3
_LEAST_DEVIATION: Final = 1e-6


class Trees:
    """A forest, grown once; it depends on the data alone.

    Args:
        catalogue: all architectures.
        rows: those that have values.
        values: theirs, shape (rows,), of mean 0.

    Attributes:
        expected: what is expected of the rows, shape (rows,).
    """

    def __init__(self, catalogue: Catalogue, rows: np.ndarray, values: np.ndarray) -> None:
        from sklearn.ensemble import ExtraTreesRegressor

        presence = [catalogue.presence(group)[rows] for group in catalogue.groups]
        self._columns = _telling(presence, values)
        self._forest = ExtraTreesRegressor(
            TREES, min_samples_leaf=_LEAF, max_features=0.4, random_state=0
        )
        seen = self._seen(presence)
        self._forest.fit(seen, values)
        self.expected: np.ndarray = self._forest.predict(seen)
        leaves = self._forest.apply(seen)
        self._variance = [_variance_by_leaf(leaves[:, tree], values) for tree in range(TREES)]

    def predict(
        self, catalogue: Catalogue, features: Sequence[Features]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean and deviation, each of shape (m,), and the leaf in each tree, shape (m, trees)."""
        seen = self._seen([catalogue.presence(group, features) for group in catalogue.groups])
        leaves: np.ndarray = self._forest.apply(seen)
        means = np.stack([tree.predict(seen) for tree in self._forest.estimators_])
        within = np.mean([self._variance[t][leaves[:, t]] for t in range(TREES)], axis=0)
        deviation = np.sqrt(means.var(axis=0) + within)
        return means.mean(axis=0), np.maximum(deviation, _LEAST_DEVIATION), leaves

    def _seen(self, presence: Sequence[csr_matrix]) -> np.ndarray:
        pairs = zip(presence, self._columns, strict=True)
        parts = [one[:, columns].toarray() for one, columns in pairs]
        return np.concatenate(parts, axis=1, dtype=np.float32)


class Forest:
    """Grown trees and what is under way, as a surrogate.

    The deviation shrinks near proposals under way, in proportion to the trees that put both into
    one leaf: a local penalty, after Gonzalez et al., 2016, "Batch Bayesian Optimization via Local
    Penalization".

    Args:
        catalogue: all architectures.
        trees: grown on those that had values then.
        pending: features of the proposals under way.

    Attributes:
        expected: what is expected of those that the trees saw, shape (rows,).
    """

    def __init__(
        self, catalogue: Catalogue, trees: Trees, pending: Sequence[Features] = ()
    ) -> None:
        self._catalogue = catalogue
        self._trees = trees
        self._pending = trees.predict(catalogue, pending)[2] if pending else None
        self.expected = trees.expected

    def predict(self, features: Sequence[Features]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of architectures, each of shape (m,)."""
        mean, deviation, leaves = self._trees.predict(self._catalogue, features)
        if self._pending is not None:
            shared = (leaves[:, None, :] == self._pending[None, :, :]).mean(axis=2).max(axis=1)
            deviation = np.maximum(deviation * np.sqrt(1 - shared), _LEAST_DEVIATION)
        return mean, deviation


def _telling(presence: Sequence[csr_matrix], values: np.ndarray) -> list[np.ndarray]:
    """Columns in each group of the features that vary most together with the values."""
    covariance = [np.abs(one.T @ values) for one in presence]
    ends = np.cumsum([0, *(len(one) for one in covariance)])
    order = np.argsort(-np.concatenate(covariance), kind="stable")
    chosen = np.sort(order[:COLUMNS])
    return [chosen[(chosen >= low) & (chosen < high)] - low for low, high in pairwise(ends)]


def _variance_by_leaf(leaves: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Variance of the values in each leaf, shape (largest number of a leaf + 1,)."""
    count = np.maximum(np.bincount(leaves), 1)
    mean = np.bincount(leaves, values) / count
    variance: np.ndarray = np.maximum(np.bincount(leaves, values**2) / count - mean**2, 0)
    return variance
