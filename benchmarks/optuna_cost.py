"""What a suggestion of the `optuna` searcher costs, by sampler and number of finished trials.

    python benchmarks/optuna_cost.py [--trials 2000] [--sampler tpe] [--space einspace] [--all]

CPU milliseconds to ask and tell one trial, means of the 20 trials that lead to each mark, deriving
included, on a flat space (the cell of NAS-Bench-201), a larger one and a recursive one (einspace).
The trials before them are random draws. Samplers see at most the trials that the option `history`
allows; with --all they see every trial.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from overhead import GRAMMARS, NODES, Case, grammar, processor

from einsearch.searchers.base import Proposal
from einsearch.searchers.optuna_samplers import SAMPLERS
from einsearch.searchers.registry import make_searcher
from einsearch.study.describing import trial_of
from einsearch.trial import Trial, TrialState

MARKS = (50, 100, 200, 300, 500, 1_000, 2_000)
WINDOW = 20
"""Trials that a figure is the mean of."""


def worth(trial: Trial) -> float:
    """How near the number of parameters is to e^10."""
    return -abs(math.log1p(trial.parameters) - 10)


def means_at(case: Case, sampler: str, marks: Sequence[int], sees_all: bool) -> Iterator[float]:
    """CPU milliseconds of asking and telling a trial, before each mark."""
    history = {"history": 10**9} if sees_all else {}
    searcher = make_searcher({"name": "optuna", "sampler": sampler, **history}, case.space)
    for number in range(max(marks)):
        if not any(mark - WINDOW <= number < mark for mark in marks):
            rng = np.random.default_rng((1, number))
            trial = finished(case, Proposal(number, case.space.sample(rng)))
            searcher.recall(trial)
            searcher.tell(trial)
            continue
        if number + WINDOW in marks:
            spent = 0.0
        began = time.process_time()
        proposal = searcher.ask()
        spent += time.process_time() - began
        trial = finished(case, proposal)
        began = time.process_time()
        searcher.tell(trial)
        spent += time.process_time() - began
        if number + 1 in marks:
            yield 1e3 * spent / WINDOW


def finished(case: Case, proposal: Proposal) -> Trial:
    """The trial of a proposal, with what it is worth."""
    trial = trial_of(proposal, case.describe(proposal.derivation), 0, 0.0)
    return replace(trial, state=TrialState.COMPLETE, values={"score": worth(trial)})


def report(spaces: Sequence[str], samplers: Sequence[str], trials: int, sees_all: bool) -> None:
    """Measures and prints everything."""
    marks = [mark for mark in MARKS if mark <= trials]
    print(f"{processor()}; CPU milliseconds a trial\n")
    print(f"{'space':<12} {'sampler':<8}" + "".join(f"{f'at {mark:,}':>10}" for mark in marks))
    for space in spaces:
        case = grammar(space, NODES.get(space, 60))
        for sampler in samplers:
            print(f"{space:<12} {sampler:<8}", end="", flush=True)
            for mean in means_at(case, sampler, marks, sees_all):
                print(f"{mean:>10.1f}", end="", flush=True)
            print()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--sampler", nargs="+", choices=list(SAMPLERS), default=list(SAMPLERS))
    parser.add_argument("--space", nargs="+", choices=list(GRAMMARS), default=list(GRAMMARS))
    parser.add_argument("--all", action="store_true", help="let samplers see all trials")
    arguments = parser.parse_args()
    report(arguments.space, arguments.sampler, arguments.trials, arguments.all)


if __name__ == "__main__":
    main()
