"""How long a worker takes to its first trained candidate: the first one, and one that takes the
place of a worker which was killed; beside a process that is spawned anew.

    python benchmarks/worker_start.py
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from pathlib import Path

from common.machine import banner

from einsearch.evaluate.config import TrainingConfig
from einsearch.study import process
from einsearch.study.executor import Finished, Job
from einsearch.study.forking import start_server
from einsearch.study.local import LocalExecutor
from einsearch.study.training import TrainingWork

TEXT = "conv2d(8, 3) >> batch_norm >> relu"


def first_result(executor: LocalExecutor, number: int) -> float:
    """Seconds until a job of a worker that is yet to be started has ended."""
    began = time.perf_counter()
    executor.submit(Job(number, TEXT))
    while not isinstance(event := executor.next_finished(), Finished):
        pass
    if event.failure is not None:
        raise SystemExit(f"the candidate failed: {event.failure}")
    return time.perf_counter() - began


def measure(work: TrainingWork, repeats: int) -> tuple[float, float]:
    """Seconds of the first worker, and the least of those that took its place."""
    began = time.perf_counter()
    executor = LocalExecutor(work, 1)
    first_result(executor, 0)
    first = time.perf_counter() - began
    again = []
    for number in range(1, repeats + 1):
        executor.submit(Job(1000 + number, TEXT))
        executor.cancel(1000 + number)  # kills the worker
        again.append(first_result(executor, number))
    executor.close()
    return first, min(again)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    work = TrainingWork({"name": "bars"}, Path(), TrainingConfig(epochs=1))
    print(banner())
    print(f"{'':28}  {'first':>8}  {'the next':>8}")
    start_server(trains=True)
    first, again = measure(work, repeats)
    print(f"{'copies of a server':28}  {first:6.2f} s  {again:6.2f} s")
    process.worker_context = lambda: multiprocessing.get_context("spawn")  # type: ignore[attr-defined]
    first_spawned, spawned = measure(work, repeats)
    print(f"{'spawned':28}  {first_spawned:6.2f} s  {spawned:6.2f} s")
    print(f"ratio of the next            {spawned / again:.1f}")


if __name__ == "__main__":
    main()
