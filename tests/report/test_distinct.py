"""Texts of networks, cut to where they differ."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.report.distinct import MARK, distinct

STEM = "conv2d(16, 3) >> batch_norm >> relu >> conv2d(32, 3, stride=2) >> batch_norm >> relu"
TAIL = "global_avg_pool >> linear(64) >> relu"

WORDS = st.lists(st.sampled_from(["relu", ">>", "linear(8)", "(a,", "b)"]), min_size=1, max_size=30)


def test_what_all_share_gives_way_to_where_they_differ() -> None:
    texts = [f"{STEM} >> {middle} >> {TAIL}" for middle in ("gelu", "silu", "kan(16, grid=5)")]
    assert distinct(texts, 24) == ["…relu >> gelu…", "…relu >> silu…", "…kan(16, grid=5)…"]


def test_several_places_are_shown_at_once() -> None:
    first, second = f"relu >> {STEM} >> gelu", f"relu >> {STEM} >> silu"
    third = f"tanh >> {STEM} >> gelu"
    cells = distinct([first, second, third], 20)
    assert cells[0].startswith("relu")
    assert cells[0].endswith("gelu")
    assert len(set(cells)) == 3


def test_one_that_goes_on_is_told_from_one_that_ends() -> None:
    short, long = distinct([STEM, f"{STEM} >> tanh"], 16)
    assert not short.endswith(MARK)
    assert long.endswith("tanh")


def test_a_text_that_fits_stays_whole_and_equal_ones_come_out_equal() -> None:
    assert distinct(["relu", STEM, STEM], 40)[0] == "relu"
    assert len(set(distinct([STEM, STEM], 40))) == 1
    assert distinct([], 40) == []


@given(st.lists(WORDS, max_size=12), st.integers(2, 60))
def test_no_cell_is_wider_than_asked(rows: list[list[str]], width: int) -> None:
    texts = [" ".join(row) for row in rows]
    cells = distinct(texts, width)
    assert all(len(cell) <= width for cell in cells)
    assert all(cell == text for cell, text in zip(cells, texts, strict=True) if len(text) <= width)


@pytest.mark.parametrize("depth", [2, 6, 12])
def test_a_hundred_relatives_are_all_told_apart(depth: int) -> None:
    rng = random.Random(depth)
    ends = ["relu", "gelu", "silu", "tanh"]
    texts = {f"{STEM} >> " + " >> ".join(rng.choices(ends, k=depth)) for _ in range(100)}
    assert len(set(distinct(sorted(texts), 60))) == len(texts)
