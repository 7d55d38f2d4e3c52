"""The process above a worker, which takes all that the worker started along when it ends.

On Linux a worker process splits in two as it starts. The keeper stays, of a few megabytes; the
process below it works. Whatever that one starts, in sessions of their own or orphaned, stays
below the keeper, so that the keeper can end all of it: when the worker ends, when the driver asks
for it by SIGTERM, and when the driver dies, however it dies and whatever goes on below. Elsewhere
a thread of the worker waits for the death of the driver.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing import connection as waiting
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final, NoReturn

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_MOST_ROUNDS: Final = 200
"""Of ending processes, against one that starts others faster than they can be ended."""
_SECONDS_BETWEEN_LOOKS: Final = 1.0
"""Of a keeper that no signal reaches, at whether driver and worker live."""


def has_keeper() -> bool:
    """Whether workers of this system have one."""
    return sys.platform == "linux"


def split(close: Callable[[], object]) -> None:
    """Puts a keeper above this process, which goes on as its child. Called once, before threads.

    Args:
        close: what the keeper is to let go of, so that others see when the worker ends.
    """
    driver = multiprocessing.parent_process()
    if driver is None:
        return
    if not has_keeper():
        _watch(driver)
        return
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    keeper = os.getpid()
    worker = os.fork()
    if worker:
        close()
        _keep(worker, driver)
    # The keeper's main thread is all that it has: its end is that of the keeper.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        os._exit(1)


def end_strays() -> None:
    """Ends what a job has left behind: processes with a session of their own, and orphans. Called
    in a worker; its other children, such as those that load data, stay."""
    if not has_keeper() or multiprocessing.parent_process() is None:
        return
    keeper, worker, session = os.getppid(), os.getpid(), os.getsid(0)
    if _children(worker) == [] and _children(keeper) == [worker]:
        return

    def strays() -> list[int]:
        below = _below(_processes(), keeper)
        return [
            pid
            for pid, process in below.items()
            if pid != worker and (process.session != session or process.parent == keeper)
        ]

    if strays():
        _end(strays)


def _keep(worker: int, driver: BaseProcess) -> NoReturn:
    """The whole life of a keeper; ends as the worker does."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    death = _death_of(driver)
    status = None
    while status is None and not asked:
        ready = waiting.wait([heard, driver.sentinel, *death], _SECONDS_BETWEEN_LOOKS)
        if heard in ready:
            os.read(heard, 4096)
        status = _reap(worker)
        if set(ready) - {heard}:
            break
    keeper = os.getpid()
    _end(lambda: _below(_processes(), keeper), lambda: _reap(worker))
    if status is None:
        status = signal.SIGTERM if asked else signal.SIGKILL
    _end_alike(status)


def _death_of(driver: BaseProcess) -> list[int]:
    """What is readable once the driver is dead, beside its sentinel, which a process that the
    driver has forked may hold open."""
    if hasattr(os, "pidfd_open") and driver.pid is not None:
        with suppress(OSError):
            return [os.pidfd_open(driver.pid)]
    return []


def _reap(worker: int) -> int | None:
    """Takes note of all ends of children; the status of the worker, where it is among them."""
    status = None
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            if found[0] == worker:
                status = found[1]
    return status


def _end_alike(status: int) -> NoReturn:
    """Ends this process as another one ended, so that the driver learns of that."""
    if not os.WIFSIGNALED(status):
        os._exit(os.waitstatus_to_exitcode(status))
    number = os.WTERMSIG(status)
    import resource  # not on Windows

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.set_wakeup_fd(-1)
    with suppress(OSError, ValueError):  # SIGKILL has no handler
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    os._exit(1)


def _end(find: Callable[[], Iterable[int]], reap: Callable[[], Any] = lambda: None) -> None:
    """Kills processes until none is found: a killed one's children come up only then."""
    for _ in range(_MOST_ROUNDS):
        pids = list(find())
        if not pids:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):  # none starts another meanwhile
            for pid in pids:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        reap()
        os.sched_yield()


class _Process:
    """A line of /proc: parent and session of a process."""

    __slots__ = ("parent", "session")

    def __init__(self, parent: int, session: int) -> None:
        self.parent = parent
        self.session = session


def _processes() -> dict[int, _Process]:
    """All living processes by number; empty where the system does not tell."""
    found = {}
    with suppress(OSError):
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            with suppress(OSError, ValueError, IndexError):
                text = Path(f"/proc/{name}/stat").read_bytes()
                state, parent, _, session = text.rpartition(b")")[2].split()[:4]
                if state not in (b"Z", b"X"):
                    found[int(name)] = _Process(int(parent), int(session))
    return found


def _children(pid: int) -> list[int] | None:
    """Of all threads of a process; None where the system does not tell."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except OSError:
        return None
    return found


def _below(processes: dict[int, _Process], root: int) -> dict[int, _Process]:
    """The descendants of a process."""
    children = defaultdict(list)
    for pid, process in processes.items():
        children[process.parent].append(pid)
    found: dict[int, _Process] = {}
    open_ones = [root]
    while open_ones:
        for pid in children[open_ones.pop()]:
            if pid not in found and pid != root:
                found[pid] = processes[pid]
                open_ones.append(pid)
    return found


def _watch(driver: BaseProcess) -> None:
    def wait() -> None:
        driver.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
