"""Tabular benchmarks: NAS-Bench-201 and NAS-Bench-Macro, spaces written as grammars.

The permuted ones hold the same tables, but which operation of the grammar stands for which of the
table, and the order in which the grammar lists them, are drawn anew for every seed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from quality.cases import (
    REPORTED,
    STEERS,
    Case,
    by_decisions,
    grammar_of,
    grammar_text,
    shuffled,
    space_of,
)

from einsearch.derivation.derivation import Derivation


@dataclass(frozen=True)
class Table:
    """Measured accuracies of all architectures of a space.

    Attributes:
        grammar: name of the grammar file; alternative i of its choice is the table's value i.
        choices: values at each position.
        validation, test: per cent, arrays of shape (choices,) * positions.
    """

    grammar: str
    choices: int
    validation: np.ndarray
    test: np.ndarray

    @property
    def positions(self) -> int:
        return self.test.ndim


def _arranged(architectures: np.ndarray, values: np.ndarray, choices: int) -> np.ndarray:
    """Values of shape (n,) at the places that their architectures, (n, positions), name."""
    table = np.full((choices,) * architectures.shape[1], np.nan)
    table[tuple(architectures.T.astype(int))] = values
    if np.isnan(table).any():
        raise SystemExit("the table lacks architectures")
    return table


@lru_cache(maxsize=2)
def load_table(name: str, folder: Path) -> Table:
    """Reads a table.

    NAS-Bench-201: CIFAR-10 after 12 epochs; validation accuracy steers, test accuracy is
    reported. NAS-Bench-Macro has test accuracies alone: the mean of its three runs is both.
    """
    if name == "nasbench201":
        with np.load(folder / "tabular" / "nas_bench_201_cifar10_12epochs.npz") as data:
            arch = data["arch"]
            scores = [_arranged(arch, data[key], 5) for key in ("validation", "test")]
        return Table(name, 5, scores[0], scores[1])
    with np.load(folder / "tabular" / "nas_bench_macro.npz") as data:
        mean = _arranged(data["arch"], data["test_acc"].astype(float).mean(axis=1), 3)
    return Table(name, 3, mean, mean)


def table_case(name: str, folder: Path, seed: int) -> Case:
    """A tabular benchmark; "nasbench201-permuted" is another for each seed."""
    base, _, permuted = name.partition("-")
    table = load_table(base, folder)
    text, means = grammar_text(base), list(range(table.choices))
    if permuted:
        rng = np.random.default_rng((20, seed))
        text = _reordered(text, shuffled(rng, table.choices))
        means = shuffled(rng, table.choices)
    space = space_of(grammar_of(base, text), nodes=40)
    objective = partial(_look_up, table, means)
    best = float(table.test.max())
    return Case(name, space, by_decisions, objective, best, table.positions, table.choices)


def _look_up(table: Table, means: list[int], derivation: Derivation) -> dict[str, float]:
    place = tuple(means[value] for value in derivation.values)
    return {STEERS: float(table.validation[place]), REPORTED: float(table.test[place])}


def _reordered(text: str, order: list[int]) -> str:
    """The grammar with the alternatives of its one choice in another order."""

    def reorder(match: re.Match[str]) -> str:
        alternatives = match[2].split(" | ")
        return match[1] + " | ".join(alternatives[place] for place in order)

    return re.sub(r"(?m)^(\w+ = )(.* \| .*)$", reorder, text)
