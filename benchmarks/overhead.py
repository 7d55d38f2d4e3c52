"""What a trial costs beside its evaluation: ask, describe, record, tell, with a free objective.

    python benchmarks/overhead.py [--trials 2000] [--searcher evolution] [--space bits]
    python benchmarks/overhead.py --grammar nasbench201 darts einspace

CPU milliseconds a trial, on the whole and over the 100 trials that lead to each of some marks; how
many times the first thousand's the last thousand take, and the largest memory so far. `loop` is
what a fixed loop took before and after, which tells how fast the machine was. `bits` is bit strings
(the machinery alone) and `chain` a small grammar; of packaged grammars networks are drawn, varied
and hashed as well: of about 210, 210 and 40 nodes for those above. The record is a journal on disk,
flushed before the searcher hears of a result. A space without anything left ends a search early.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from common.machine import pace, processor

from einsearch.derivation.decisions import Interval
from einsearch.derivation.decisions import Path as Address
from einsearch.derivation.limits import Limits
from einsearch.derivation.machine import Chooser
from einsearch.errors import SearcherError
from einsearch.grammar.load import load_grammar_file, load_grammar_text
from einsearch.grammar.model import Grammar
from einsearch.resources import find_resource, resource_folder
from einsearch.searchers.base import SearchSpace
from einsearch.searchers.registry import all_searchers, make_searcher
from einsearch.specs import image
from einsearch.study.describing import Describe, Description, describe
from einsearch.study.events import Budget, Callbacks
from einsearch.study.folder import RunFolder
from einsearch.study.inline import InlineExecutor
from einsearch.study.loop import run_study
from einsearch.study.objective import ObjectiveWork, derivation_payload
from einsearch.study.opening import drive
from einsearch.study.options import Options
from einsearch.study.searchspace import search_space
from einsearch.trial import Trial

PEERS = {
    "Optuna 5.0, random, in memory": 1.7,
    "Optuna 5.0, random, journal file": 11.2,
    "Optuna 5.0, random, SQLite": 73.0,
    "Optuna 5.0, TPE (500 trials), journal file": 43.0,
    "NePS 0.16, random or evolution (191 to 199)": 195.0,
}
"""CPU milliseconds a trial, measured on a 2-core machine; Optuna on 20 conditional parameters."""

MARKS = (100, 1_000, 10_000)
BITS = 60
CHAIN = """
start network
network = step >> step >> step >> step >> step >> step >> step >> step >> step >> step
step = relu | tanh | sigmoid | leaky_relu | conv2d(channels, {1, 3, 5})
"""
"""A small grammar: ten steps, each of seven."""
NODES = {"nasbench201": 300, "darts": 300}
"""Limits on nodes to draw from packaged grammars under; 60 for others."""
GRAMMARS = ("nasbench201", "darts", "einspace")
"""Those that are measured where none is asked for."""
OWN = ("bits", "chain")
THOUSAND = 1_000
DIRECTIONS = {"score": "maximize"}


class Case(NamedTuple):
    """A space, what describes its derivations, and what they are worth."""

    space: SearchSpace
    describe: Describe
    objective: Callable[[Any], float]


@dataclass(frozen=True)
class Bits:
    """A string of bits in place of a network."""

    bits: tuple[int, ...]

    @property
    def text(self) -> str:
        return "".join(map(str, self.bits))

    @property
    def decisions(self) -> tuple[tuple[str, str, int], ...]:
        return tuple((f"bits/{place}", "{0, 1}", bit) for place, bit in enumerate(self.bits))


def bits() -> Case:
    """Strings of 60 bits; a mutation turns one over."""

    def sample(rng: np.random.Generator) -> Any:
        return Bits(tuple(rng.integers(2, size=BITS).tolist()))

    def mutate(parent: Any, rng: np.random.Generator) -> Any:
        place = int(rng.integers(BITS))
        return Bits((*parent.bits[:place], 1 - parent.bits[place], *parent.bits[place + 1 :]))

    def crossover(left: Any, right: Any, rng: np.random.Generator) -> Any:
        cut = int(rng.integers(1, BITS))
        children = left.bits[:cut] + right.bits[cut:], right.bits[:cut] + left.bits[cut:]
        return tuple(map(Bits, children))

    def guided(chooser: Chooser) -> Any:
        draw = Interval(0, 1, is_integer=True)
        path = Address(None, "bits")
        choices = (chooser.candidates(draw, path, str(place)) for place in range(BITS))
        return Bits(tuple(next(values) for values in choices))

    space = SearchSpace(sample, mutate, crossover, directions=DIRECTIONS, guided=guided)
    return Case(space, lambda derived: Description(derived.text), lambda d: float(sum(d.bits)))


def grammar(name: str, nodes: int = 60) -> Case:
    """A packaged grammar on 3x32x32 images."""
    path = find_resource("grammars", name, ".ein")
    if path is None:
        raise SystemExit(f"there is no packaged grammar {name}")
    return _derived(load_grammar_file(path, resource_folder("grammars")), Limits(nodes, depth=20))


def chain() -> Case:
    """Small networks of a small grammar."""
    return _derived(load_grammar_text(CHAIN, "chain.ein"), Limits())


def _derived(loaded: Grammar, limits: Limits) -> Case:
    space = search_space(loaded, image(3, 32, 32), directions=DIRECTIONS, limits=limits)
    return Case(space, describe, lambda derived: -abs(math.log1p(derived.program.cost.flops) - 14))


class Clock(Callbacks):
    """CPU time after every trial, duplicates included."""

    def __init__(self) -> None:
        self.seconds = [time.process_time()]

    def on_trial(self, trial: Trial) -> None:
        self.seconds.append(time.process_time())

    def milliseconds(self, first: int, last: int) -> float:
        """Mean a trial between two of them."""
        return 1e3 * (self.seconds[last] - self.seconds[first]) / (last - first)

    @property
    def mean(self) -> float:
        return self.milliseconds(0, len(self.seconds) - 1)

    def before(self, mark: int) -> str:
        """Mean over the 100 trials that lead to a mark; a dash if the search ended before it."""
        if mark >= len(self.seconds):
            return "-"
        return f"{self.milliseconds(mark - 100, mark):.2f}"

    @property
    def growth(self) -> str:
        """Cost of the last thousand trials over that of the first; a dash for less than two."""
        last = len(self.seconds) - 1
        if last < 2 * THOUSAND:
            return "-"
        quotient = self.milliseconds(last - THOUSAND, last) / self.milliseconds(0, THOUSAND)
        return f"{quotient:.2f}"


def measure(case: Case, searcher: str, trials: int) -> Clock:
    """Runs one search in a run folder of its own."""
    clock = Clock()
    work = ObjectiveWork(case.objective, case.space.recall, "score")
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder) / "run")
        with drive(run, DIRECTIONS) as driving:
            run_study(
                lambda: make_searcher(searcher, case.space),
                InlineExecutor(work),
                driving.record,
                Budget(trials),
                Options(callbacks=clock, describe=case.describe, payload=derivation_payload),
            )
    return clock


def peak_memory() -> float:
    """Largest memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(spaces: Sequence[str], names: Sequence[str], trials: int) -> None:
    """Measures and prints everything."""
    print(f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{trials} trials, CPU milliseconds a trial\n")
    marks = "".join(f"{f'at {mark:,}':>11}" for mark in MARKS)
    print(f"{'space':<12} {'searcher':<17} {'mean':>7}{marks} {'growth':>7} {'MiB':>5} {'loop':>5}")
    worst = 0.0
    for label in spaces:
        own = {"bits": bits, "chain": chain}
        for name in names:
            # Anew for each: nothing is to be known of a grammar from another search.
            case = own[label]() if label in own else grammar(label, NODES.get(label, 60))
            before = pace()
            try:
                clock = measure(case, name, trials)
            except SearcherError as error:
                print(f"{label:<12} {name:<17} {error}")
                continue
            worst = max(worst, clock.mean)
            marked = "".join(f"{clock.before(mark):>11}" for mark in MARKS)
            loop = (before + pace()) / 2
            ends = f"{clock.growth:>7} {peak_memory():>5.0f} {loop:>5.0f}"
            print(f"{label:<12} {name:<17} {clock.mean:>7.2f}{marked} {ends}", flush=True)
    print(f"\nothers, and how many times our worst mean ({worst:.2f}) they take:")
    for name, milliseconds in PEERS.items():
        print(f"  {name:<44} {milliseconds:>7.1f}  x{milliseconds / worst:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--searcher", nargs="+", default=list(all_searchers()))
    parser.add_argument("--space", nargs="+", choices=OWN, help="small spaces to measure on")
    parser.add_argument("--grammar", nargs="+", metavar="NAME", help="packaged grammars to measure")
    arguments = parser.parse_args()
    spaces = [*(arguments.space or ()), *(arguments.grammar or ())] or [*OWN, *GRAMMARS]
    report(spaces, arguments.searcher, arguments.trials)


if __name__ == "__main__":
    main()
