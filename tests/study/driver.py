"""A driver that kills itself, as the machine or the user might, at the n-th moment of its work.

Moments are the steps of writing, so that every kind of half-written state occurs.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from einsearch.study.checkpoints import CheckpointStore
from einsearch.study.events import Budget, Callbacks
from einsearch.study.folder import RunFolder
from einsearch.study.inline import InlineExecutor
from einsearch.study.loop import run_study
from einsearch.study.objective import ObjectiveWork
from einsearch.study.opening import drive
from einsearch.study.options import Options
from einsearch.study.places import FolderPlace
from einsearch.study.pruning import make_scheduler
from einsearch.study.spacefile import EpochsSection
from einsearch.study.storage import DriverJournal
from einsearch.trial import Trial
from tests.study.staged import Staged
from tests.study.support import Climber, bit_space
from tests.study.test_loop import describe, ones

SPACE = bit_space(6)
TRIALS = 12


class Log(Callbacks):
    """Notes what has been told, in a file that outlives a kill."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_trial(self, trial: Trial) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{trial.number}\n")


def kill_at(moment: int) -> None:
    """Dies at the n-th write, flush, lock or unlock of the journal, before it or amid it."""
    count = 0

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **named)

        return counted

    write = DriverJournal.write

    def torn(self: Any, logs: list[dict[str, Any]]) -> None:
        nonlocal count
        count += 1
        if count == moment:
            lines = "".join(json.dumps(log) + "\n" for log in logs).encode()
            with open(self._path, "ab") as file:
                file.write(lines[: 997 * moment % len(lines)])
            os.kill(os.getpid(), signal.SIGKILL)
        write(self, logs)

    DriverJournal.write = torn  # type: ignore[method-assign]
    for name in ("fsync", "symlink", "rename"):
        setattr(os, name, dying(getattr(os, name)))


def run(path: Path, pruner: str | None = None) -> None:
    """Begins or goes on with the search in a folder."""
    directions = {"score": "maximize"}
    folder = RunFolder(path) if path.exists() else RunFolder.create(path)
    objective = ones if pruner is None else Staged()
    executor = InlineExecutor(ObjectiveWork(objective, SPACE.recall, "score"))
    epochs = None if pruner is None else EpochsSection(pruner=pruner, min=1, max=4, promote=2)  # type: ignore[arg-type]
    options = Options(
        seed=5,
        callbacks=Log(path / "told.log"),
        describe=describe,
        scheduler=make_scheduler(epochs, 4, directions, CheckpointStore(FolderPlace(folder))),
    )
    with drive(folder, directions) as driving:
        run_study(lambda: Climber(SPACE, seed=3), executor, driving.record, Budget(TRIALS), options)


def run_until(path: Path, moment: int, pruner: str | None = None) -> None:
    """The same, killed at that moment, counted from when the folder is there."""
    if not path.exists():
        RunFolder.create(path)
    kill_at(moment)
    run(path, pruner)


def told(path: Path) -> list[int]:
    """Numbers of the trials that the searcher was told, over all sessions."""
    log = path / "told.log"
    return [int(line) for line in log.read_text().split()] if log.exists() else []
