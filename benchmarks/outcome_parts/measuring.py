"""One cell of the table, measured in a process of its own, whose memory is watched."""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from outcome_parts.columns import Column, measured
from outcome_parts.sets import read

_EVERY: Final = 0.5
"""Seconds between two looks at the memory."""


@dataclass(frozen=True)
class Order:
    """What is to be measured.

    Attributes:
        data_set: its name.
        folder: of data; None where it is not needed.
        column: how.
        seed: of it.
        minutes: of the wall.
        threads: cores that it may use.
        work: folder for files of searches; None for one that is removed again.
    """

    data_set: str
    folder: Path | None
    column: Column
    seed: int
    minutes: float
    threads: int
    work: Path | None = field(default=None)

    @property
    def key(self) -> str:
        """Names the result in a file of results; cheap columns do not depend on minutes."""
        time = f" {self.minutes:g} min" if self.column.takes_time else ""
        return f"{self.data_set} {self.column.label} {self.seed}{time} {self.threads} cores"


def measure(order: Order) -> dict[str, Any]:
    """Figure, error, wall and CPU seconds, peak memory in bytes; or `failed`, the reason."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(order, theirs))
    process.start()
    theirs.close()
    peak = 0
    while not ours.poll(_EVERY):
        peak = max(peak, _memory_of_tree(process.pid or 0))
    try:
        found: dict[str, Any] = ours.recv()
    except EOFError:
        process.join()
        found = {"failed": f"the process ended with status {process.exitcode}"}
    process.join()
    return {**found, "memory": peak}


def _work(order: Order, answers: Connection) -> None:
    """In the process: measures, and sends the result."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[: order.threads]
        os.sched_setaffinity(0, cores)
    found: dict[str, Any]
    try:
        data = read(order.data_set, order.folder)
        with tempfile.TemporaryDirectory() as temporary:
            work = (
                Path(temporary) if order.work is None else order.work / order.key.replace(" ", "_")
            )
            began = time.monotonic()
            figure, more = measured(
                order.column, data, order.seed, order.minutes, order.threads, work
            )
            seconds = time.monotonic() - began
        found = {"value": figure.value, "error": figure.error, "seconds": seconds, **more}
    except Exception as error:
        reason = "".join(traceback.format_exception_only(error)).strip()
        found = {"failed": reason}
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    answers.send({**found, "cpu": sum(used.ru_utime + used.ru_stime for used in spent)})


def _memory_of_tree(root: int) -> int:
    """Bytes of a process and its descendants; pages that several share count once between them."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(entry.parent.name)] = int(fields[1])
    tree, frontier = set(), {root}
    while frontier:
        tree |= frontier
        frontier = {child for child, parent in parents.items() if parent in frontier} - tree
    return sum(map(_memory, tree))


def _memory(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
