"""Expected nodes of a branching process, and how fast it grows, from the means of its calls.

Both are worked out group by group of cases that lead to each other; of large groups the growth is
found by repeated multiplication, between bounds that close in (Collatz, 1942; Wielandt, 1950).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from einsearch.derivation.means import Case, Mean

_LARGEST_DENSE: Final = 200
_MOST_ROUNDS: Final = 5_000
_PRECISION: Final = 1e-9

_Row = dict[int, float]


def expected(means: Mapping[Case, Mean], start: Case, which: int) -> tuple[float, float]:
    """Expected nodes of the start case, infinite from a growth of 1 on, and the growth: the
    largest spectral radius of the mean matrix.

    Args:
        means: of every case that the start leads to.
        which: 0 as drawn, 1 as built.
    """
    index = {case: number for number, case in enumerate(means)}
    rows: list[_Row] = [
        {index[called]: amount[which] for called, amount in mean.calls.items() if amount[which]}
        for mean in means.values()
    ]
    graph = nx.DiGraph((i, j) for i, row in enumerate(rows) for j in row)
    graph.add_nodes_from(range(len(rows)))
    # Groups come in an order in which each leads to earlier ones alone.
    groups = [sorted(group) for group in nx.strongly_connected_components(graph)]
    growth = max(_radius(rows, group) for group in groups)
    if growth >= 1 - 1e-12:
        return math.inf, growth
    own = [mean.nodes[which] for mean in means.values()]
    sizes = [0.0] * len(rows)
    for group in groups:
        _solve(rows, own, group, sizes)
    return sizes[index[start]], growth


def _within(rows: Sequence[_Row], group: Sequence[int]) -> NDArray[np.float64]:
    place = {number: i for i, number in enumerate(group)}
    matrix = np.zeros((len(group), len(group)))
    for i, number in enumerate(group):
        for called, amount in rows[number].items():
            if called in place:
                matrix[i, place[called]] = amount
    return matrix


def _radius(rows: Sequence[_Row], group: Sequence[int]) -> float:
    """Spectral radius of the calls within a group."""
    if len(group) == 1:
        return rows[group[0]].get(group[0], 0.0)
    if len(group) <= _LARGEST_DENSE:
        matrix = _within(rows, group)
        if not np.isfinite(matrix).all():
            return math.inf
        return float(np.abs(np.linalg.eigvals(matrix)).max())
    calls = _Calls(rows, group)
    vector = np.ones(len(group))
    low, high = 0.0, math.inf
    for _ in range(_MOST_ROUNDS):
        # With itself added the matrix has no other eigenvalue of that size.
        following = calls.times(vector) + vector
        ratios = following / vector - 1
        low, high = float(ratios.min()), float(ratios.max())
        if high - low < _PRECISION or not math.isfinite(high):
            break
        vector = following / following.max()
        if not vector.min() > 0:
            break
    return high if high < 1 else max(low, 1.0) if low >= 1 else (low + high) / 2


def _solve(
    rows: Sequence[_Row], own: Sequence[float], group: Sequence[int], sizes: list[float]
) -> None:
    """Expected nodes of a group, those of the groups that it leads to being known."""
    if len(group) == 1:
        (n,) = group
        called = own[n] + sum(amount * sizes[c] for c, amount in rows[n].items() if c != n)
        sizes[n] = called / (1 - rows[n].get(n, 0.0))
        return
    place = {number: i for i, number in enumerate(group)}
    given = np.array(
        [
            own[n] + sum(amount * sizes[c] for c, amount in rows[n].items() if c not in place)
            for n in group
        ]
    )
    if len(group) <= _LARGEST_DENSE:
        found = np.linalg.solve(np.eye(len(group)) - _within(rows, group), given)
    else:
        calls, found = _Calls(rows, group), given
        for _ in range(_MOST_ROUNDS):
            following = given + calls.times(found)
            settled = bool(np.abs(following - found).max() <= 1e-12 * following.max())
            found = following
            if settled:
                break
    for number, size in zip(group, found, strict=True):
        sizes[number] = float(size)


class _Calls:
    """The calls within a large group, most of which are none."""

    def __init__(self, rows: Sequence[_Row], group: Sequence[int]) -> None:
        place = {number: i for i, number in enumerate(group)}
        entries = [
            (i, place[called], amount)
            for i, number in enumerate(group)
            for called, amount in rows[number].items()
            if called in place
        ]
        self._size = len(group)
        self._callers = np.array([i for i, _, _ in entries])
        self._called = np.array([j for _, j, _ in entries])
        self._amounts = np.array([amount for _, _, amount in entries])

    def times(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        weights = self._amounts * vector[self._called]
        return np.bincount(self._callers, weights, minlength=self._size).astype(np.float64)
