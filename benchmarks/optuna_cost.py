"""What a suggestion of the `optuna` searcher costs, by sampler and number of finished trials.

    python benchmarks/optuna_cost.py [--trials 300] [--sampler tpe] [--space einspace] [--all]

CPU milliseconds to ask and tell one trial, means of the 20 trials that lead to each mark, deriving
included, on a flat space (the cell of NAS-Bench-201) and on a recursive one (einspace). Samplers
see at most the trials that the option `history` allows; with --all they see every trial.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

from overhead import GRAMMARS, Case, grammar, processor

from einsearch.searchers.optuna import SAMPLERS
from einsearch.searchers.registry import make_searcher
from einsearch.study.describing import trial_of
from einsearch.trial import Trial, TrialState

MARKS = (50, 100, 200, 300, 500, 1_000, 2_000)
WINDOW = 20
"""Trials that a figure is the mean of."""


def worth(trial: Trial) -> float:
    """How near the number of parameters is to e^10."""
    return -abs(math.log1p(trial.parameters) - 10)


def seconds_by_trial(case: Case, sampler: str, trials: int, sees_all: bool) -> list[float]:
    """CPU seconds of asking and telling each trial."""
    history = {"history": 10**9} if sees_all else {}
    searcher = make_searcher({"name": "optuna", "sampler": sampler, **history}, case.space)
    seconds = []
    for _ in range(trials):
        began = time.process_time()
        proposal = searcher.ask()
        spent = time.process_time() - began
        trial = trial_of(proposal, case.describe(proposal.derivation), 0, 0.0)
        done = replace(trial, state=TrialState.COMPLETE, values={"score": worth(trial)})
        began = time.process_time()
        searcher.tell(done)
        seconds.append(spent + time.process_time() - began)
    return seconds


def report(spaces: Sequence[str], samplers: Sequence[str], trials: int, sees_all: bool) -> None:
    """Measures and prints everything."""
    marks = [mark for mark in MARKS if mark <= trials]
    print(f"{processor()}; CPU milliseconds a trial\n")
    print(f"{'space':<12} {'sampler':<8}" + "".join(f"{f'at {mark:,}':>10}" for mark in marks))
    for space in spaces:
        case = grammar(space, GRAMMARS[space])
        for sampler in samplers:
            seconds = seconds_by_trial(case, sampler, trials, sees_all)
            means = [1e3 * sum(seconds[mark - WINDOW : mark]) / WINDOW for mark in marks]
            print(f"{space:<12} {sampler:<8}" + "".join(f"{m:>10.1f}" for m in means), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--sampler", nargs="+", choices=list(SAMPLERS), default=["tpe", "nsga2"])
    parser.add_argument("--space", nargs="+", choices=list(GRAMMARS), default=list(GRAMMARS))
    parser.add_argument("--all", action="store_true", help="let samplers see all trials")
    arguments = parser.parse_args()
    report(arguments.space, arguments.sampler, arguments.trials, arguments.all)


if __name__ == "__main__":
    main()
