"""Work that behaves in all the ways that an executor must bear; a job's text names the way."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from einsearch.errors import TaskError
from einsearch.study.executor import Job, ReportBack, Work

BIG = 20_000_000
"""Bytes of a result that fits into no pipe."""


class Unreadable:
    """Pickles, but cannot be rebuilt."""

    def __reduce__(self) -> tuple[Callable[[], NoReturn], tuple[()]]:
        return _refuse_to_be_rebuilt, ()


def _refuse_to_be_rebuilt() -> NoReturn:
    raise RuntimeError("cannot be rebuilt")


class SilentError(Exception):
    """Cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class StubbornError(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("stubborn")
        self.lock = threading.Lock()


def raise_it(error: BaseException) -> NoReturn:
    raise error


def recurse() -> int:
    return recurse() + 1


def hang() -> NoReturn:
    """For ever, and deaf to polite signals."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(60)


def report_epochs(job: Job, report: ReportBack) -> str:
    for epoch in (1, 2, 3):
        report(epoch, {"accuracy": epoch / 4})
    return "reported"


def obey(job: Job, report: ReportBack) -> int:
    """How many epochs it was let go on for."""
    for epoch in range(1, 20):
        if report(epoch, {"accuracy": epoch / 4}):
            return epoch
    return 20


def report_then_hang(job: Job, report: ReportBack) -> NoReturn:
    report(1, {"pid": os.getpid()})
    hang()


def start_child_then_hang(job: Job, report: ReportBack) -> NoReturn:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    report(1, {"pid": child.pid})
    hang()


def start_sessions(job: Job, report: ReportBack) -> str:
    """Starts a child with a session of its own, an orphan, and one that stays a child."""
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    own = subprocess.Popen(sleep, start_new_session=True, env={})
    orphan = subprocess.run(["sh", "-c", "sleep 600 >&- & echo $!"], stdout=-1, check=True)
    child = subprocess.Popen(sleep)
    report(1, {"own": own.pid, "orphan": int(orphan.stdout), "child": child.pid})
    return "started"


def start_sessions_then_hang(job: Job, report: ReportBack) -> NoReturn:
    start_sessions(job, report)
    hang()


def start_sessions_then_die(job: Job, report: ReportBack) -> NoReturn:
    start_sessions(job, report)
    die(signal.SIGKILL)
    raise AssertionError


def own_session_then_hang(job: Job, report: ReportBack) -> NoReturn:
    own = subprocess.Popen(["sleep", "600"], start_new_session=True, env={})
    report(1, {"pid": own.pid})
    hang()


def fork_and_come_back(job: Job, report: ReportBack) -> int:
    """Its child returns too, and says something of its own."""
    if os.fork() == 0:
        return -1
    os.wait()
    return job.number


def fork_and_raise(job: Job, report: ReportBack) -> int:
    if os.fork() == 0:
        raise RuntimeError("the child's own failure")
    os.wait()
    return job.number


def fork_and_report(job: Job, report: ReportBack) -> int:
    """What its child ended with: it reports, which it may not."""
    if os.fork() == 0:
        report(1, {"accuracy": 0.0})
    return os.waitstatus_to_exitcode(os.wait()[1])


def leave_orphan(job: Job, report: ReportBack) -> NoReturn:
    """Dies, while a child out of reach keeps the pipe to the driver open."""
    child = os.fork()
    if child == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    report(1, {"pid": child})
    os._exit(7)


def hoard() -> NoReturn:
    """Holds on to more and more memory."""
    held = []
    while True:
        held.append(b"x" * 20_000_000)
        time.sleep(0.01)


def hoard_shared() -> NoReturn:
    """The same with memory that no limit of the process counts."""
    held = mmap.mmap(-1, 4_000_000_000)
    while True:
        held.write(b"x" * 20_000_000)
        time.sleep(0.01)


def hoard_in_a_child() -> None:
    """The same in a child process, which inherits no memory but the limit."""
    child = os.fork()
    if child == 0:
        hoard_shared()
    os.waitpid(child, 0)


def die(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


WAYS: Mapping[str, Callable[[Job, ReportBack], Any]] = {
    "square": lambda job, report: job.number**2,
    "job": lambda job, report: job,
    "pid": lambda job, report: os.getpid(),
    "state": lambda job, report: (
        STATE["built"],
        os.environ.get("OMP_NUM_THREADS"),
        multiprocessing.current_process().daemon,
    ),
    "big": lambda job, report: bytes(BIG),
    "none": lambda job, report: None,
    "reports": report_epochs,
    "obey": obey,
    "error": lambda job, report: raise_it(ValueError("wrong\nsizes")),
    "escape": lambda job, report: raise_it(ValueError("\x1b[31mred")),
    "task-error": lambda job, report: raise_it(TaskError("no such column")),
    "memory": lambda job, report: raise_it(MemoryError()),
    "exit": lambda job, report: sys.exit(3),
    "silent": lambda job, report: raise_it(SilentError()),
    "stubborn": lambda job, report: raise_it(StubbornError()),
    "recurse": lambda job, report: recurse(),
    "lock": lambda job, report: threading.Lock(),
    "unreadable": lambda job, report: Unreadable(),
    "hang": lambda job, report: hang(),
    "report-hang": report_then_hang,
    "child": start_child_then_hang,
    "sessions": start_sessions,
    "sessions-hang": start_sessions_then_hang,
    "sessions-die": start_sessions_then_die,
    "own-session-hang": own_session_then_hang,
    "fork": fork_and_come_back,
    "fork-raise": fork_and_raise,
    "fork-exit": lambda job, report: sys.exit(3) if os.fork() == 0 else os.wait()[1],
    "fork-report": fork_and_report,
    "sigkill": lambda job, report: die(signal.SIGKILL),
    "sigsegv": lambda job, report: die(signal.SIGSEGV),
    "stop": lambda job, report: die(signal.SIGSTOP),
    "orphan": leave_orphan,
    "quit": lambda job, report: os._exit(7),
    "interrupt": lambda job, report: os.kill(os.getpid(), signal.SIGINT),
    "hoard": lambda job, report: hoard(),
    "hoard-shared": lambda job, report: hoard_shared(),
    "hoard-in-a-child": lambda job, report: hoard_in_a_child(),
    "print": lambda job, report: print(f"said by job {job.number}", flush=True),
}

STATE: dict[str, int] = {"built": 0}


def do(job: Job, report: ReportBack) -> Any:
    """Behaves as the job's text says."""
    return WAYS[job.text](job, report)


def build() -> Work:
    """The factory of well-behaved workers."""
    STATE["built"] += 1
    return do


def build_badly() -> Work:
    raise TaskError("there is no data.npz")


def build_wrongly() -> Work:
    raise KeyError("x")


def build_and_die() -> Work:
    os._exit(9)


def build_killed() -> Work:
    die(signal.SIGKILL)
    return do
