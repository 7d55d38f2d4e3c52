"""How good is the best network after so many trials: every searcher, on spaces known everywhere.

    python benchmarks/search_quality.py --data DIR [--seeds 50] [--jobs 2] [--out DIR]

Regret (best value of the space less that of the best trial so far) at 50, 100 and 200 trials,
means over seeds with 95 % bootstrap confidence intervals, with 1 worker and with 8 whose jobs take
random times. The spaces are NAS-Bench-201 and NAS-Bench-Macro, tables that are read from
DIR/tabular (or from the folder that EINSEARCH_DATA names), the same with their operations permuted,
and two recursive grammars with made-up objectives, for which no data are needed. Beside all
registered searchers run regularised evolution with population 50 and tournament 10, an
independent implementation of it, and Optuna's TPE on the flat encoding.

With --out, every search is kept in DIR/searches.jsonl, and a later call runs what is missing there;
with --kept, too, it runs nothing and reports what there is.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from quality.baselines import FlatTPE, regularised_evolution
from quality.cases import Case
from quality.figures import Cell, plot, ratio_interval, table
from quality.simulate import Outcome, simulate
from quality.synthetic import synthetic_case
from quality.tables import load_table, table_case

from einsearch.searchers.base import Searcher
from einsearch.searchers.registry import DEFAULT_SEARCHER, all_searchers, make_searcher

TABLES = ("nasbench201", "macro", "nasbench201-permuted", "macro-permuted")
SYNTHETIC = ("targets", "deceptive")
MARKS = (50, 100, 200)

BASELINE = "evolution 50/10"
INDEPENDENT = "evolution 50/10, independent"
TPE = "TPE, flat"
CONFIGURATIONS: Mapping[str, Mapping[str, Any]] = {
    BASELINE: {
        "name": "evolution",
        "population": 50,
        "tournament": 10,
        "operators": ["subtree"],
    },
}
"""Searchers with options; all others run with their defaults."""


@dataclass(frozen=True)
class Search:
    """One search to run."""

    case: str
    searcher: str
    workers: int
    seed: int
    trials: int


def run(search: Search, folder: Path | None) -> Outcome:
    """Runs a search, in whichever process."""
    if search.searcher == INDEPENDENT:
        table_ = load_table(search.case, folder or Path())
        return Outcome(regularised_evolution(table_, search.seed, search.trials), 0.0, 0)
    if search.case in TABLES:
        case = table_case(search.case, folder or Path(), search.seed)
    else:
        case = synthetic_case(search.case, search.seed)

    def make(seed: int) -> Searcher:
        return _searcher(search.searcher, case, seed)

    return simulate(case, make, search.seed, search.workers, search.trials)


def _searcher(label: str, case: Case, seed: int) -> Searcher:
    if label == TPE:
        return FlatTPE(case, case.space, seed)
    return make_searcher(CONFIGURATIONS.get(label, label), case.space, seed)


def planned(arguments: argparse.Namespace) -> Iterator[Search]:
    """Every search that was asked for and makes sense."""
    for case in arguments.case:
        for workers in arguments.workers:
            for searcher in arguments.searcher:
                if searcher in (TPE, INDEPENDENT) and case not in TABLES:
                    continue
                if searcher == INDEPENDENT and (workers > 1 or "-" in case):
                    continue
                for seed in range(arguments.seeds):
                    yield Search(case, searcher, workers, seed, arguments.trials)


def run_all(searches: Sequence[Search], arguments: argparse.Namespace) -> dict[Search, Outcome]:
    """Runs what is not kept from an earlier call, in several processes."""
    kept = arguments.out / "searches.jsonl" if arguments.out else None
    done = _read(kept) if kept and kept.exists() else {}
    missing = [search for search in searches if search not in done and not arguments.kept]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        futures = {pool.submit(run, search, arguments.data): search for search in missing}
        for count, future in enumerate(as_completed(futures), start=1):
            search, outcome = futures[future], future.result()
            done[search] = outcome
            if kept:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([asdict(search), asdict(outcome)]) + "\n")
            if count % 50 == 0:
                print(f"  {count} of {len(missing)} searches", flush=True)
    return {search: done[search] for search in searches if search in done}


def _read(path: Path) -> dict[Search, Outcome]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {Search(**search): Outcome(**outcome) for search, outcome in rows}


def cells_of(outcomes: Mapping[Search, Outcome]) -> list[Cell]:
    """Outcomes by space and number of workers."""
    cells: dict[tuple[str, int], dict[str, list[Outcome]]] = {}
    for search, outcome in outcomes.items():
        cell = cells.setdefault((search.case, search.workers), {})
        cell.setdefault(search.searcher, []).append(outcome)
    return [
        Cell(
            case,
            workers,
            {label: np.array([one.regret for one in many]) for label, many in cell.items()},
            {label: float(np.mean([one.seconds for one in many])) for label, many in cell.items()},
        )
        for (case, workers), cell in cells.items()
    ]


def report(cells: Sequence[Cell], trials: int) -> str:
    """Tables of all cells, and how the default searcher compares with the baseline."""
    marks = [mark for mark in MARKS if mark <= trials] or [trials]
    parts = []
    for cell in cells:
        workers = "1 worker" if cell.workers == 1 else f"{cell.workers} workers"
        parts.append(f"### {cell.case}, {workers}\n\n{table(cell, marks)}\n")
        if DEFAULT_SEARCHER in cell.curves and BASELINE in cell.curves:
            mark = marks[min(1, len(marks) - 1)]
            pair = (cell.curves[name][:, mark - 1] for name in (DEFAULT_SEARCHER, BASELINE))
            ratio, low, high = ratio_interval(*pair)
            parts.append(
                f"{DEFAULT_SEARCHER}, the default, has {ratio:.2f} ({low:.2f}-{high:.2f}) of the "
                f"regret of {BASELINE} at {mark} trials.\n"
            )
    return "\n".join(parts)


def arguments_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    labels = [*all_searchers(), *CONFIGURATIONS, TPE, INDEPENDENT]
    parser.add_argument("--data", type=Path, default=os.environ.get("EINSEARCH_DATA"))
    parser.add_argument("--case", nargs="+", choices=[*TABLES, *SYNTHETIC])
    parser.add_argument("--searcher", nargs="+", choices=labels, default=labels)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, help="folder for table, plot and the searches")
    parser.add_argument("--kept", action="store_true", help="report what --out has, run nothing")
    arguments = parser.parse_args()
    arguments.data = Path(arguments.data) if arguments.data else None
    if arguments.case is None:
        arguments.case = [*(TABLES if arguments.data else ()), *SYNTHETIC]
    if arguments.data is None and set(arguments.case) & set(TABLES):
        parser.error("the tables need --data DIR, or the environment variable EINSEARCH_DATA")
    return arguments


def main() -> None:
    arguments = arguments_of()
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    cells = cells_of(run_all(list(planned(arguments)), arguments))
    text = report(cells, arguments.trials)
    print(text)
    if arguments.out:
        (arguments.out / "search_quality.md").write_text(text, encoding="utf-8")
        plot(cells, arguments.out / "search_quality.svg")


if __name__ == "__main__":
    main()
