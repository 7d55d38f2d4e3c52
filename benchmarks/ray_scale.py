"""How many workers one driver keeps busy on Ray: candidates that sleep, on workers of this machine.

    python benchmarks/ray_scale.py [--workers 2 8 32] [--seconds 1] [--trials 10000]
                                   [--searcher random] [--data 200]

Needs `pip install "einsearch[ray]"`, and about 200 MB of memory a worker. For each number of
workers it prints trials per second, efficiency (slept seconds over seconds that workers were
there for, starts not counted), and the driver's CPU milliseconds a trial. From the last follows
where a driver saturates: workers x (1 s / seconds of a trial) x CPU of a trial = 1. The record is a
journal on disk, and the searcher's computing is in it: `benchmarks/overhead.py` has that of the
others. Last, what a job costs with and without that many MB of data in the workers.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ray

from einsearch.grammar.load import load_grammar_file
from einsearch.resources import find_resource
from einsearch.searchers.registry import make_searcher
from einsearch.specs import image
from einsearch.study.describing import describe
from einsearch.study.events import Budget, Callbacks
from einsearch.study.executor import Finished, Job, ReportBack, Resized, Work
from einsearch.study.folder import RunFolder
from einsearch.study.loop import run_study
from einsearch.study.opening import drive
from einsearch.study.options import Options
from einsearch.study.ray.executor import RayExecutor
from einsearch.study.ray.nodes import Resources
from einsearch.study.result import Result
from einsearch.study.searchspace import search_space
from einsearch.trial import Trial, TrialState

DIRECTIONS = {"value": "maximize"}


def sleeper(seconds: float, data: Any = None) -> Work:
    """Work that takes its time and computes nothing."""
    size = 0 if data is None else data.nbytes

    def work(job: Job, report: ReportBack) -> Result:
        time.sleep(seconds)
        return Result(TrialState.COMPLETE, values={"value": float(size % 7)})

    return work


@dataclass
class Measured(Callbacks):
    """Notes when trials end."""

    ends: list[float]

    def on_trial(self, trial: Trial) -> None:
        if trial.state is TrialState.COMPLETE:
            self.ends.append(time.monotonic())


def start(workers: int, seconds: float, data: Any = None) -> RayExecutor:
    """An executor whose workers are all there."""
    executor = RayExecutor(
        partial(sleeper, seconds, data), workers, resources=Resources(cpus=1 / 64), address="local"
    )
    for number in range(workers):
        executor.submit(Job(number, ""))
    while executor.next_finished() is not None:
        pass
    if executor.capacity != workers:
        raise SystemExit(f"only {executor.capacity} of {workers} workers were placed")
    return executor


def throughput(
    workers: int, seconds: float, trials: int, searcher: str
) -> tuple[float, float, float]:
    """Trials per second, efficiency, CPU milliseconds of the driver a trial."""
    path = find_resource("grammars", "digits", ".ein")
    assert path is not None
    space = search_space(load_grammar_file(path), image(1, 8, 8), directions=DIRECTIONS)
    measured = Measured([])
    executor = start(workers, seconds)
    try:
        with tempfile.TemporaryDirectory() as parent:
            folder = RunFolder.create(Path(parent) / "run")
            options = Options(callbacks=measured, describe=describe)
            with drive(folder, DIRECTIONS) as driving:
                began, cpu = time.monotonic(), time.process_time()
                make = partial(make_searcher, searcher, space)
                run_study(make, executor, driving.record, Budget(trials), options)
                wall, cpu = time.monotonic() - began, time.process_time() - cpu
    finally:
        executor.close()
    done = len(measured.ends)
    return done / wall, done * seconds / (wall * workers), 1000 * cpu / done


def job_cost(data: int, jobs: int = 200) -> tuple[float, float]:
    """Seconds until a worker with that many MB is there, milliseconds of an empty job."""
    array = np.zeros(data * 10**6, np.uint8) if data else None
    began = time.monotonic()
    executor = start(1, 0.0, array)
    started = time.monotonic() - began
    try:
        began = time.monotonic()
        for number in range(jobs):
            executor.submit(Job(number, ""))
            while not isinstance(event := executor.next_finished(), Finished):
                assert isinstance(event, Resized)
        return started, 1000 * (time.monotonic() - began) / jobs
    finally:
        executor.close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 8, 32])
    parser.add_argument("--seconds", type=float, default=1.0, help="that a candidate takes")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--searcher", default="random", help="whose computing is the driver's too")
    parser.add_argument("--data", type=int, default=200, help="MB that every worker gets")
    options = parser.parse_args(arguments)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, Ray {ray.__version__}; candidates of {options.seconds:g} s\n")
    print("workers  trials  trials/s  efficiency  driver CPU ms/trial  saturates at workers")
    for workers in options.workers:
        # Few workers need not do all: what is measured is a rate.
        few = max(100, round(60 * workers / options.seconds))
        trials = options.trials if workers == max(options.workers) else min(options.trials, few)
        rate, efficiency, cpu = throughput(workers, options.seconds, trials, options.searcher)
        most = options.seconds / (cpu / 1000)
        row = f"{workers:7}  {trials:6}  {rate:8.2f}  {efficiency:10.1%}  {cpu:19.2f}  {most:20.0f}"
        print(row, flush=True)
    for data in (0, options.data):
        started, cost = job_cost(data)
        print(f"{data:4} MB of data: a worker after {started:.1f} s, an empty job {cost:.1f} ms")


if __name__ == "__main__":
    main()
