"""Hashes of NAS-Bench-201's cells against evaluation in a finite field, and the paper's count."""

from __future__ import annotations

import itertools
import random

import pytest
from nasbench201_classes import (
    OPS,
    PUBLISHED,
    Cell,
    Rules,
    count,
    form,
    hashes,
    published_form,
    refines,
)

PRIME = 2**61 - 1
NUMBERS = random.Random(0)
WEIGHTS = [NUMBERS.randrange(PRIME) for _ in range(6)]
SCALES = {op: NUMBERS.randrange(PRIME) for op in OPS}
INPUT = NUMBERS.randrange(PRIME)


def outcome(cell: Cell, weights: dict[int, int]) -> int:
    """A cell of cubic polynomials: exact, and what is not the same is different."""

    def run(edge: int, x: int) -> int:
        op = OPS[cell[edge]]
        if op in ("zero", "identity"):
            return x if op == "identity" else 0
        return SCALES[op] * pow(x + weights.get(edge, 0), 3, PRIME) % PRIME

    a = run(0, INPUT)
    b = (run(1, INPUT) + run(2, a)) % PRIME
    return (run(3, INPUT) + run(4, a) + run(5, b)) % PRIME


def behaviour(cell: Cell) -> int:
    """The same for cells that some exchange of their layers' weights makes equal."""
    layers = [edge for edge in range(6) if OPS[cell[edge]].startswith("conv")]
    given = itertools.permutations(WEIGHTS, len(layers))
    return min(outcome(cell, dict(zip(layers, weights, strict=True))) for weights in given)


@pytest.mark.parametrize(
    "ops",
    [("zero", "identity", "conv3"), ("zero", "conv1", "pool"), ("identity", "conv1", "conv3")],
)
def test_hashes_are_equal_exactly_where_cells_compute_the_same(ops: tuple[str, ...]) -> None:
    """All 729 cells of three operations."""
    cells = list(itertools.product([OPS.index(op) for op in ops], repeat=6))
    hashed = hashes(cells)
    computed = {cell: behaviour(cell) for cell in cells}
    assert refines(hashed, computed)
    assert refines(computed, hashed)
    assert 100 < count(hashed) < 729


def test_the_independent_rule_has_the_same_classes() -> None:
    cells = random.Random(1).sample(list(itertools.product(range(5), repeat=6)), 2000)
    hashed, written = hashes(cells), {cell: form(cell) for cell in cells}
    assert refines(hashed, written)
    assert refines(written, hashed)


def test_stacked_cells_have_the_same_classes() -> None:
    cells = random.Random(2).sample(list(itertools.product(range(5), repeat=6)), 60)
    cells += [(0, 1, 2, 3, 4, 1), (0, 1, 4, 3, 2, 1), (0, 4, 1, 3, 3, 1), (4, 0, 1, 3, 0, 1)]
    single, stacked = hashes(cells), hashes(cells, whole=True)
    assert refines(single, stacked)
    assert refines(stacked, single)


def test_the_published_count_is_that_of_its_own_rule() -> None:
    cells = list(itertools.product(range(5), repeat=6))
    paper = {cell: published_form(cell) for cell in cells}
    assert count(paper) == PUBLISHED
    merged = {cell: form(cell, Rules(zero_layer=True, layers=False)) for cell in cells}
    assert refines(paper, merged)
    assert count(merged) == 4930


def test_a_layer_read_twice_is_not_two_layers() -> None:
    twice, two = (3, 0, 0, 0, 1, 0), (0, 3, 0, 3, 0, 1)
    assert form(twice) == "conv30(x)"
    read_twice = (3, 0, 1, 0, 1, 1)
    assert form(read_twice) == "conv30(x)+conv30(x)"
    assert form(two) == "conv30(x)+conv31(x)"
    assert len(set(hashes([twice, two, read_twice]).values())) == 3
