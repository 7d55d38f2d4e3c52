"""`Overlap`: features that architectures share; `Catalogue`: a growing list of architectures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from einsearch.searchers.features import GROUPS, Features

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Overlap:
    """Features that m architectures share with n others, group by group.

    These are whole numbers and exact: they do not depend on when architectures were added.

    Attributes:
        common: shape (groups, m, n).
        left, right: how many features each has, shapes (groups, m) and (groups, n).
    """

    common: np.ndarray
    left: np.ndarray
    right: np.ndarray

    def with_only(self, columns: np.ndarray) -> Overlap:
        """With some of the n alone."""
        return Overlap(self.common[:, :, columns], self.left, self.right[:, columns])

    def among_only(self, rows: np.ndarray) -> Overlap:
        """Of a list with itself: some of it with themselves."""
        common = self.common[:, rows][:, :, rows]
        return Overlap(common, self.left[:, rows], self.right[:, rows])

    def beside(self, other: Overlap) -> Overlap:
        """Of the same m with the n and those of another overlap."""
        common = np.concatenate([self.common, other.common], axis=2)
        return Overlap(common, self.left, np.concatenate([self.right, other.right], axis=1))

    def above(self, other: Overlap) -> Overlap:
        """Of the m and those of another overlap with the same n."""
        common = np.concatenate([self.common, other.common], axis=1)
        return Overlap(common, np.concatenate([self.left, other.left], axis=1), self.right)

    @property
    def transposed(self) -> Overlap:
        """Of the n with the m."""
        return Overlap(self.common.transpose(0, 2, 1), self.right, self.left)


class Catalogue:
    """Features of a growing list of architectures."""

    def __init__(self) -> None:
        self._resize(len(GROUPS))

    def __len__(self) -> int:
        return len(self._rows[0])

    def _resize(self, groups: int) -> None:
        self._columns: list[dict[int, int]] = [{} for _ in range(groups)]
        self._rows: list[list[np.ndarray]] = [[] for _ in range(groups)]
        self._known = np.zeros((groups, 0, 0))

    @property
    def groups(self) -> range:
        """Numbers of the groups of features; all architectures have the same."""
        return range(len(self._columns))

    def add(self, features: Features) -> None:
        """Appends an architecture."""
        if not len(self):
            self._resize(len(features))
        for group, columns in enumerate(self._columns):
            row = [columns.setdefault(key, len(columns)) for key in sorted(features[group])]
            self._rows[group].append(np.array(row, dtype=np.int32))

    @property
    def sizes(self) -> np.ndarray:
        """How many features each has, shape (groups, n)."""
        return np.array([[len(row) for row in rows] for rows in self._rows], dtype=float)

    @property
    def among(self) -> Overlap:
        """Of all with all."""
        before, after = self._known.shape[1], len(self)
        if after > before:
            grown = np.empty((len(self.groups), after, after))
            grown[:, :before, :before] = self._known
            for group in self.groups:
                grown[group, before:, :] = self._common(group, self._rows[group][before:])
            grown[:, :before, before:] = grown[:, before:, :before].transpose(0, 2, 1)
            self._known = grown
        return Overlap(self._known, self.sizes, self.sizes)

    def overlap(self, others: Sequence[Features]) -> Overlap:
        """Of m others with all n."""
        common = [self._common(group, self._places(group, others)) for group in self.groups]
        sizes = [[len(one[group]) for one in others] for group in self.groups]
        return Overlap(np.stack(common), np.array(sizes, dtype=float), self.sizes)

    def presence(self, group: int, others: Sequence[Features] | None = None) -> csr_matrix:
        """Which architecture has which feature of a group, shape (n, features). The column of a
        feature stays what it is.

        Args:
            others: of these instead, as far as their features are known; shape (m, features).
        """
        rows = self._rows[group] if others is None else self._places(group, others)
        return self._matrix(group, rows)

    def _places(self, group: int, others: Sequence[Features]) -> list[np.ndarray]:
        columns = self._columns[group]
        rows = [[columns[key] for key in one[group] if key in columns] for one in others]
        return [np.array(row, dtype=np.int32) for row in rows]

    def _common(self, group: int, rows: list[np.ndarray]) -> np.ndarray:
        product = self._matrix(group, rows) @ self._matrix(group, self._rows[group]).T
        common: np.ndarray = product.toarray()
        return common

    def _matrix(self, group: int, rows: Sequence[np.ndarray]) -> csr_matrix:
        from scipy.sparse import csr_matrix

        ends = np.cumsum([0, *(len(row) for row in rows)])
        places = np.concatenate([*rows, np.zeros(0, dtype=np.int32)])
        shape = (len(rows), len(self._columns[group]))
        return csr_matrix((np.ones(len(places)), places, ends), shape=shape)
