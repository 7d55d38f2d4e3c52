"""Tests of overlaps against Python's own sets."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from einsearch.searchers.features import GROUPS, Features
from einsearch.searchers.overlap import Catalogue, Overlap

SETS = st.tuples(*[st.frozensets(st.integers(0, 12), max_size=6) for _ in GROUPS])
LISTS = st.lists(SETS, min_size=1, max_size=6)


def catalogue(features: list[Features]) -> Catalogue:
    made = Catalogue()
    for one in features:
        made.add(one)
    return made


def counted(left: list[Features], right: list[Features]) -> np.ndarray:
    """The oracle."""
    groups = range(len(GROUPS))
    return np.array([[[len(a[g] & b[g]) for b in right] for a in left] for g in groups])


@given(known=LISTS, others=LISTS)
def test_common_features_are_counted(known: list[Features], others: list[Features]) -> None:
    overlap = catalogue(known).overlap(others)
    assert np.array_equal(overlap.common, counted(others, known))
    assert np.array_equal(overlap.left, [[len(one[g]) for one in others] for g in range(5)])
    assert np.array_equal(overlap.right, [[len(one[g]) for one in known] for g in range(5)])


@given(first=LISTS, second=LISTS, third=LISTS)
def test_growing_changes_nothing(
    first: list[Features], second: list[Features], third: list[Features]
) -> None:
    grown = catalogue(first)
    for more in (second, third):
        assert len(grown.among.left[0]) == len(grown)
        for one in more:
            grown.add(one)
    together = [*first, *second, *third]
    assert np.array_equal(grown.among.common, counted(together, together))


@given(left=LISTS, right=LISTS)
def test_parts_make_the_whole(left: list[Features], right: list[Features]) -> None:
    one, other = catalogue(left), catalogue(right)
    cross = one.overlap(right)
    whole = one.among.beside(cross.transposed).above(cross.beside(other.among))
    everything = catalogue([*left, *right]).among
    same(whole, everything)
    rows = np.arange(len(left))
    same(everything.among_only(rows), one.among)
    same(everything.with_only(rows).transposed, one.overlap([*left, *right]).transposed)


def same(one: Overlap, other: Overlap) -> None:
    assert np.array_equal(one.common, other.common)
    assert np.array_equal(one.left, other.left)
    assert np.array_equal(one.right, other.right)


@given(known=LISTS, others=LISTS)
def test_presence_keeps_its_columns(known: list[Features], others: list[Features]) -> None:
    made = catalogue(known)
    before = [made.presence(group).toarray() for group in range(len(GROUPS))]
    for one in others:
        made.add(one)
    for group, rows in enumerate(before):
        after = made.presence(group).toarray()[: len(known)]
        assert np.array_equal(after[:, : rows.shape[1]], rows)
        assert not after[:, rows.shape[1] :].any()
        assert np.array_equal(made.presence(group, known).toarray(), after)
