"""One worker process as its driver sees it: start, send, receive, kill, and why it died."""

from __future__ import annotations

import math
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from einsearch.evaluate.machine import resident_with_children
from einsearch.numbers import memory
from einsearch.study.executor import Failure, Job
from einsearch.study.forking import worker_context
from einsearch.study.keeper import has_keeper
from einsearch.study.mainmodule import without_main
from einsearch.study.worker import Answer, Message, Settings, run_worker
from einsearch.trial import FailureKind

_SECONDS_TO_END: Final = 1.0
"""For a process whose pipe is closed."""
_SECONDS_TO_CLEAR: Final = 10.0
"""For a keeper that ends all that is below it; it takes milliseconds."""
_FROM_OUTSIDE: Final = {signal.SIGKILL, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
"""Signals that no candidate gets for what it computes."""
_KERNEL_COUNTERS: Final = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))
"""Where Linux counts how often it killed a process for want of memory, as "oom_kill N"."""


@dataclass(frozen=True)
class Death:
    """Why a process ended.

    Attributes:
        failure: of the job that it ran.
        is_machine_fault: whether the job may do better elsewhere, or later.
    """

    failure: Failure
    is_machine_fault: bool


class WorkerProcess:
    """The driver's side of one worker process; a thread of it receives what the process sends.

    A thread, because a process that stops in the middle of a message would block its receiver.

    Attributes:
        process: the process.
        is_ready: whether it has built its work.
        pid: of the process that works, below `process`; None until it is ready.
        overgrown: bytes that it held when it was ended for holding too many; None otherwise.
        job: what it runs, or None.
        began: `time.monotonic()` when the job was sent.
        deadline: when the job must have ended.
    """

    def __init__(self, settings: Settings, events: queue.SimpleQueue[Event]) -> None:
        context = worker_context()
        self.connection, theirs = context.Pipe()
        # No daemon, which could not have children: data loaders want some.
        self.process = context.Process(target=run_worker, args=(theirs, settings), daemon=False)
        with _ctrl_c_held(), nullcontext() if settings.factory.needs_main else without_main():
            self.process.start()
        theirs.close()
        self.is_ready = False
        self.pid: int | None = None
        self.overgrown: int | None = None
        self.job: Job | None = None
        self.began = math.inf
        self.deadline = math.inf
        self._kills_before = count_memory_kills()
        threading.Thread(target=self._receive, args=(events,), daemon=True).start()

    def _receive(self, events: queue.SimpleQueue[Event]) -> None:
        with suppress(Exception):  # the end of the process, or nonsense in its pipe
            while True:
                events.put((self, self.connection.recv()))
        events.put((self, None))

    def ready(self, pid: int) -> None:
        """It has built its work."""
        self.is_ready = True
        self.pid = pid

    def take(self, job: Job, seconds: float) -> None:
        """Sends a job. To a dead worker too: its death is an event under way."""
        self.job = job
        self.began = time.monotonic()
        self.deadline = self.began + seconds
        self._kills_before = count_memory_kills()
        with suppress(OSError):
            self.connection.send(job)

    def answer(self, stops: bool) -> None:
        """Says to a job that waits whether it ends there."""
        with suppress(OSError):
            self.connection.send(Answer(stops))

    def release(self) -> None:
        """Its job has ended."""
        self.job = None
        self.deadline = math.inf

    def death(self) -> Death:
        """Why the process ended; one that only closed its pipe is killed."""
        self.process.join(_SECONDS_TO_END)
        self.kill()
        if self.overgrown is not None:
            message = f"killed as it held {memory(self.overgrown)}, more than its share"
            return Death((FailureKind.OUT_OF_MEMORY, message), False)
        has_memory_kill = count_memory_kills() > self._kills_before
        return explain_death(self.process.exitcode or 0, has_memory_kill=has_memory_kill)

    def end_beyond(self, most: int) -> None:
        """Ends the process if it and its children hold more bytes than that. Called from any
        thread."""
        if self.pid is None or (used := resident_with_children(self.pid)) <= most:
            return
        self.overgrown = used
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, signal.SIGKILL)

    def kill(self) -> None:
        """Ends the process, its children, and theirs, at once."""
        if has_keeper():
            self.process.terminate()
            self.process.join(_SECONDS_TO_CLEAR)
        if self.process.pid is not None and hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()


Event = tuple[WorkerProcess, Message | None]
"""What a process says; None for its end."""


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """A process started here is born with Ctrl-C blocked: no traceback of a half-started one."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def explain_death(code: int, *, has_memory_kill: bool) -> Death:
    """What an exit code says.

    Args:
        code: of a process as `multiprocessing` gives it: -n for signal n.
        has_memory_kill: whether the kernel has killed processes for want of memory meanwhile.
    """
    if code >= 0:
        return Death((FailureKind.DIED, f"the process ended with exit code {code}"), False)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL" and has_memory_kill:
        message = "the process was ended by SIGKILL: the machine had no memory left"
        return Death((FailureKind.OUT_OF_MEMORY, message), False)
    hint = ", which often means that memory ran out" if name == "SIGKILL" else ""
    failure = (FailureKind.DIED, f"the process was ended by {name}{hint}")
    return Death(failure, -code in _FROM_OUTSIDE)


def count_memory_kills() -> int:
    """How many processes the kernel has killed for want of memory; 0 where it does not say."""
    for path in _KERNEL_COUNTERS:
        with suppress(OSError, ValueError):
            for line in path.read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0
