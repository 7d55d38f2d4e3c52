"""Starts clusters and drivers, injects faults, and checks what must hold after every one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from einsearch.study.folder import RunFolder
from einsearch.study.opening import read_record
from einsearch.trial import Trial, TrialState
from tests.faults.objectives import LEDGER, Entry, read_ledger, score

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds after which something that should happen never will."""


def wait_for(what: str, is_true: Callable[[], Any]) -> Any:
    """The first true value of `is_true`; fails after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not (found := is_true()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)
    return found


class Nodes:
    """A cluster of `count` nodes with one CPU and one nominal GPU each, beside the head.

    Attributes:
        address: of the head.
        head: process number of its control service.
        raylets: process numbers of the nodes.
    """

    def __init__(self, count: int, ledger: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), LEDGER: str(ledger)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nodes", str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        self._read()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while not (line := self._process.stdout.readline()).startswith("{"):
            assert line, "the cluster did not start"
        state = json.loads(line)
        self.address: str = state["address"]
        self.head: int = state["head"]
        self.raylets: list[int] = state["raylets"]

    def add(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("add\n")
        self._process.stdin.flush()
        self._read()

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._process.communicate(timeout=60)


@contextmanager
def cluster(count: int, ledger: Path) -> Iterator[Nodes]:
    nodes = Nodes(count, ledger)
    try:
        yield nodes
    finally:
        nodes.close()


class Driver:
    """A search under way in a process of its own; `prepare` is called in that, before it begins.

    Attributes:
        output: what it has printed, once it has ended.
    """

    def __init__(
        self,
        folder: Path,
        nodes: Nodes,
        trials: int,
        objective: str = "slow",
        prepare: Callable[[], object] | None = None,
    ) -> None:
        self._log = folder.parent / f"driver-{time.monotonic_ns()}.log"
        arguments = [str(folder), nodes.address, str(trials), objective]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.drive", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                preexec_fn=prepare,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def told(self) -> int:
        """How many trials the searcher has heard of."""
        return sum(line.split(" ")[0].isdigit() for line in self.output.splitlines())

    def wait_until_told(self, count: int) -> None:
        wait_for(f"{count} trials; {self.output[-2000:]}", lambda: self.told >= count)

    def wait(self) -> int:
        return self.process.wait(timeout=PATIENCE)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def evaluating(ledger: Path) -> Entry:
    """An evaluation that is under way at this very moment."""

    def look() -> Entry | None:
        entries = read_ledger(ledger)
        ended = Counter((entry.process, entry.text) for entry in entries if entry.event == "end")
        for entry in reversed(entries):
            key = (entry.process, entry.text)
            if entry.event == "begin" and not ended[key] and is_alive(entry.process):
                return entry
        return None

    found: Entry = wait_for("an evaluation under way", look)
    return found


def is_alive(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def kill(process: int, number: int = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


@dataclass(frozen=True)
class Outcome:
    """What the record says in the end.

    Attributes:
        trials: all of them.
        states: how many of each state.
    """

    trials: list[Trial]
    states: Counter[TrialState]

    @property
    def failures(self) -> dict[int, str | None]:
        """Why trials have no value, by their numbers."""
        usual = (TrialState.COMPLETE, TrialState.DUPLICATE)
        return {trial.number: trial.reason for trial in self.trials if trial.state not in usual}


def check(folder: Path, ledger: Path, trials: int) -> Outcome:
    """What must hold after any fault: no finished trial lost or there twice, none left running,
    the budget spent exactly once, every value the one that was measured."""
    found = read_record(RunFolder(folder)).trials
    states = Counter(trial.state for trial in found)
    assert [trial.number for trial in found] == list(range(len(found)))
    assert states[TrialState.RUNNING] == 0
    originals = [trial for trial in found if trial.state is not TrialState.DUPLICATE]
    assert len(originals) == trials
    assert len({trial.hash for trial in originals}) == trials
    ends = {entry.text for entry in read_ledger(ledger) if entry.event == "end"}
    for trial in originals:
        if trial.state is TrialState.COMPLETE:
            assert dict(trial.values) == {"value": score(trial.text)}
            assert trial.text in ends or not ends
        else:
            assert trial.reason
    return Outcome(found, states)
