"""The contract of an executor: it carries jobs to where they run, and what came of them back.

The driver submits plain data and gets plain data. Whatever goes wrong with a job, an error, a
time limit, the death of the process that ran it, is a value in its `Finished`: nothing that a
candidate does raises in the driver, and no job is forgotten.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol, runtime_checkable

from einsearch.errors import EinsearchError
from einsearch.shown import shortened
from einsearch.traces import user_trace
from einsearch.trial import FailureKind

Failure = tuple[FailureKind, str]
"""Kind and message; a trial's reason is "kind: message"."""


@dataclass(frozen=True)
class Job:
    """One candidate to evaluate. Everything in it pickles.

    Attributes:
        number: of the trial; never that of another job under way.
        text: the architecture.
        seed: of its weights and its training.
        budget: fidelity (epochs) to evaluate at; None for all there is.
        payload: what else the work needs, such as the decisions.
        waits: whether the work waits at each report until the driver has judged it.
        seconds: that it may take from its start; None for any number. The work looks at the clock
            itself; where it does not come back, its process is killed.
    """

    number: int
    text: str
    seed: int = 0
    budget: float | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    waits: bool = False
    seconds: float | None = None


@dataclass(frozen=True)
class Finished:
    """A job's end.

    Attributes:
        number: of its trial.
        result: what the work returned; None after a failure.
        failure: why there is no result, or None.
        is_machine_fault: whether the failure may not be the candidate's, so that another attempt
            is worth it.
        seconds: wall-clock time that it ran.
        traceback: of what it raised, as `user_trace` gives it; empty where nothing was.
    """

    number: int
    result: Any | None
    failure: Failure | None
    is_machine_fault: bool
    seconds: float
    traceback: str = ""


@dataclass(frozen=True)
class Report:
    """Metrics of a job under way.

    Attributes:
        number: of its trial.
        epoch: from 1.
        metrics: by name.
    """

    number: int
    epoch: int
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Resized:
    """Workers have joined or left.

    Attributes:
        capacity: how many jobs run at the same time from here on.
    """

    capacity: int


Judge = Callable[[Report], bool]
"""Says of a report whether its job ends there."""

ReportBack = Callable[[int, Mapping[str, Any]], bool]
"""Takes an epoch and its metrics to the driver; True means that the work is to end there, which
only a job that waits is told."""

Work = Callable[[Job, ReportBack], Any]
"""What is done with a job. It returns a picklable result; an exception becomes a failure, so work
that tells rejections from failures returns them as results."""

WorkFactory = Callable[[], Work]
"""Builds the heavy state (data, task) once where jobs run, and gives the work. Picklable: a
function of a module, or `functools.partial` of one."""


@runtime_checkable
class Executor(Protocol):
    """Runs jobs somewhere. The driver alone calls it, from one thread.

    Every submitted job ends in exactly one `Finished`, after its reports, unless it is cancelled.

    Attributes:
        judge: asked at each report of a job that waits, in the driver's thread, while
            `next_finished` runs. None lets all of them go on.
    """

    judge: Judge | None

    @property
    def capacity(self) -> int:
        """How many jobs run at the same time; more may be submitted, and wait. May change."""
        ...

    def submit(self, job: Job) -> None:
        """Takes a job in; returns at once."""
        ...

    def next_finished(self, timeout: float | None = None) -> Finished | Report | Resized | None:
        """The next end of a job, or report of one, in the order of arrival; or that the capacity
        has changed.

        Args:
            timeout: seconds to wait; None waits for as long as there are jobs.

        Returns:
            None where the time ran out, or where there is nothing to wait for.

        Raises:
            EinsearchError: the workers cannot work at all, whatever the job.
        """
        ...

    def cancel(self, number: int) -> None:
        """Stops a job, at once where it can be. Nothing about it arrives any more. A number
        that is not under way is ignored."""
        ...

    def close(self) -> None:
        """Stops everything; jobs under way are lost. May be called twice."""
        ...


def kill_after(seconds: float | None) -> float:
    """Seconds after which the process of a job is killed. Work that looks at the clock ends by
    itself a little earlier: a new process costs time.

    Args:
        seconds: that the job may take; None for any number.
    """
    return math.inf if seconds is None else seconds + max(1.0, min(5.0, 0.1 * seconds))


def attempt(
    work: Work,
    job: Job,
    report: ReportBack,
    caught: tuple[type[BaseException], ...] = (BaseException,),
) -> Finished:
    """Runs a job in this process.

    A process that the work has forked, and that comes back from it, ends here: it is a copy of
    this one, and would go on with everything that this one does.

    Args:
        work: what is done with it.
        job: what to run.
        report: takes what it reports, in this process alone.
        caught: what becomes a failure of the job; anything else is raised.
    """
    home = os.getpid()

    def report_here(epoch: int, metrics: Mapping[str, Any]) -> bool:
        if os.getpid() != home:
            raise EinsearchError(
                "a process that the objective has forked reports an epoch: expected reports from "
                "the process that calls the objective"
            )
        return report(epoch, metrics)

    began = time.monotonic()
    result, failure, trace = None, None, ""
    try:
        result = work(job, report_here)
    except BaseException as error:  # SystemExit is the candidate's failure like any other
        if os.getpid() == home and not isinstance(error, caught):
            raise
        failure, trace = describe_failure(error), user_trace(error)
    if os.getpid() != home:
        _leave(trace or getattr(result, "traceback", ""))
    return Finished(job.number, result, failure, False, time.monotonic() - began, trace)


def _leave(trace: str) -> NoReturn:
    """Ends a forked process at once: buffers, and what happens at exit, are its parent's."""
    if trace:
        os.write(2, f"in a process that the objective has forked:\n{trace}\n".encode())
    os._exit(1 if trace else 0)


def describe_failure(error: BaseException) -> Failure:
    """Kind and message of what a job raised."""
    try:
        return _describe(error)
    except Exception:  # an exception that cannot even be printed
        return FailureKind.ERROR, type(error).__name__


def _describe(error: BaseException) -> Failure:
    if "torch" in sys.modules and isinstance(error, Exception):
        from einsearch.evaluate.faults import describe_fault

        fault = describe_fault(error)
        return fault.kind, fault.message
    if isinstance(error, MemoryError):
        return FailureKind.OUT_OF_MEMORY, shortened(
            str(error)
        ) or "it asked for more memory than there is for it"
    if isinstance(error, EinsearchError):
        return FailureKind.ERROR, shortened(str(error))
    return FailureKind.ERROR, shortened(f"{type(error).__name__}: {error}")
