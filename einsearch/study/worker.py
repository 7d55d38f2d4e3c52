"""What runs inside a worker process: build the work once, then one job after the other.

Everything that goes to the driver is pickled here, with care: a result that cannot be pickled is
a failure of its job, not of the worker.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from einsearch.errors import EinsearchError
from einsearch.evaluate.machine import hold_to
from einsearch.files import open_append
from einsearch.shown import shortened, shown
from einsearch.study.executor import (
    Job,
    Report,
    Work,
    attempt,
    describe_failure,
)
from einsearch.study.keeper import end_strays, split
from einsearch.study.packing import Packed, dumps
from einsearch.study.sharing import Mapped
from einsearch.trial import FailureKind

_THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Ready:
    """The work is built; jobs may come.

    Attributes:
        pid: of the process that works.
    """

    pid: int


@dataclass(frozen=True)
class Broken:
    """The work cannot be built, here or anywhere."""

    error: EinsearchError


@dataclass(frozen=True)
class Answer:
    """What the driver says to a report of a job that waits; the only message of its kind."""

    stops: bool


@dataclass(frozen=True)
class Parcel:
    """A pickled message, so that one which cannot be unpickled is still attributed.

    Attributes:
        number: of the job.
        is_last: whether it is the job's `Finished`.
        content: pickled `Finished` or `Report`.
    """

    number: int
    is_last: bool
    content: bytes


Message = Ready | Broken | Parcel


@dataclass(frozen=True)
class Settings:
    """How a worker process is set up.

    Attributes:
        factory: unpacked only once the threads are limited.
        threads: that numerical libraries may use.
        memory: bytes that the process may hold; None for any number.
        log: file that its output is appended to; None for the driver's.
    """

    factory: Packed | Mapped
    threads: int
    memory: int | None
    log: Path | None


def run_worker(connection: Connection, settings: Settings) -> None:
    """The main function of a worker process; returns when the driver closes its end."""
    _leave_terminal(settings.log)
    split(connection.close)
    if settings.log is not None:
        faulthandler.enable(file=2)
    try:
        work = _build_work(settings)
    except BaseException as error:
        connection.send(Broken(_startup_error(error)))
        return
    connection.send(Ready(os.getpid()))
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        _run(connection, job, work, settings.log)


def _leave_terminal(log: Path | None) -> None:
    """Ctrl-C is the driver's to handle; a group of its own lets the driver kill all of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setpgrp"):
        os.setpgrp()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if log is not None:
        with open_append(log) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)


def _build_work(settings: Settings) -> Work:
    for name in _THREAD_VARIABLES:
        os.environ[name] = str(settings.threads)
    factory = settings.factory.unpack()
    _limit_threads(settings.threads)
    work = factory()
    _limit_threads(settings.threads)
    hold_to(settings.memory)
    return work


def _limit_threads(threads: int) -> None:
    """For torch that was imported before the environment was set."""
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def _startup_error(error: BaseException) -> EinsearchError:
    if isinstance(error, EinsearchError):
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            return EinsearchError(str(error))
        return error
    kind, message = describe_failure(error)
    cause = message if kind is FailureKind.ERROR else f"{kind}: {message}"
    explained = EinsearchError(f"the worker processes cannot start: {cause}")
    explained.add_note("".join(traceback.format_exception(error)))
    return explained


def _run(connection: Connection, job: Job, work: Work, log: Path | None) -> None:
    def report(epoch: int, metrics: Mapping[str, Any]) -> bool:
        content = dumps(Report(job.number, epoch, dict(metrics)))
        connection.send(Parcel(job.number, False, content))
        return job.waits and connection.recv().stops

    finished = attempt(work, job, report)
    end_strays()
    trace = finished.traceback or getattr(finished.result, "traceback", "")
    if trace and log is not None:
        print(f"trial {job.number}:\n{shown(trace)}", file=sys.stderr, flush=True)
    try:
        content = dumps(finished)
    except Exception as error:
        message = f"its result cannot be sent to the driver: {type(error).__name__}: {error}"
        lost = replace(finished, result=None, failure=(FailureKind.ERROR, shortened(message)))
        content = pickle.dumps(lost)
    connection.send(Parcel(job.number, True, content))
