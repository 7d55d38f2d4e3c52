"""The benchmark of searchers: simulated workers, regrets, the baseline that is checked twice."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from quality import tables
from quality.baselines import regularised_evolution
from quality.cases import Case
from quality.figures import ratio_interval
from quality.simulate import regret_curve, simulate
from quality.synthetic import synthetic_case
from quality.tables import Table, table_case

from einsearch.searchers.base import Searcher
from einsearch.searchers.registry import make_searcher

RIGHT = (2, 0, 1, 1, 2, 0, 0, 1)
"""The best architecture of a made-up table."""


def made_up(name: str, folder: Path) -> Table:
    """Values fall by one for every position that is not right."""
    values = np.zeros((3,) * 8)
    for place in itertools.product(range(3), repeat=8):
        values[place] = sum(a == b for a, b in zip(place, RIGHT, strict=True))
    return Table("macro", 3, values, values)


def search(case: Case, searcher: str, workers: int = 1, seed: int = 0) -> list[float]:
    def make(seed: int) -> Searcher:
        return make_searcher(searcher, case.space, seed)

    return simulate(case, make, seed, workers, 24).regret


@pytest.mark.parametrize("workers", [1, 8])
def test_regret_never_rises_and_is_the_same_again(workers: int) -> None:
    case = synthetic_case("deceptive", 0)
    regret = search(case, "evolution", workers)
    assert len(regret) == 24
    assert all(later <= earlier + 0.1 for earlier, later in itertools.pairwise(regret))
    assert regret == search(case, "evolution", workers)


def test_a_permuted_table_holds_the_same_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "load_table", made_up)
    rng = np.random.default_rng(0)
    for name in ("macro", "macro-permuted"):
        case = table_case(name, Path(), 3)
        assert case.best == 8
        values = [case.objective(case.space.sample(rng))["test"] for _ in range(300)]
        assert np.mean(values) == pytest.approx(8 / 3, abs=0.35)


def test_the_independent_evolution_finds_the_best_of_an_easy_table() -> None:
    regret = regularised_evolution(made_up("", Path()), 0, 300, population=10, tournament=5)
    assert regret[0] > 2
    assert regret[-1] == 0
    assert regret == sorted(regret, reverse=True)


def test_a_search_that_ended_early_keeps_what_it_had() -> None:
    assert regret_curve([1.0, 3.0], 4.0, 4) == [3.0, 1.0, 1.0, 1.0]


def test_the_interval_of_a_ratio_holds_it() -> None:
    rng = np.random.default_rng(0)
    ratio, low, high = ratio_interval(rng.normal(1, 0.2, 200), rng.normal(2, 0.2, 200))
    assert low < 0.5 < high
    assert low < ratio < high
    assert high - low < 0.1
