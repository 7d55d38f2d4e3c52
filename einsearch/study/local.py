"""Runs jobs in worker processes of this machine that live as long as the search.

Each worker builds its work (data, task) once, then runs one job at a time. One that overruns the
time limit is killed and replaced, as is one that died; its job becomes a failure.
"""

from __future__ import annotations

import atexit
import math
import pickle
import queue
import threading
import time
from collections import deque
from pathlib import Path
from typing import Final

from einsearch.errors import EinsearchError
from einsearch.shown import shortened
from einsearch.study.executor import (
    Failure,
    Finished,
    Job,
    Judge,
    Report,
    WorkFactory,
    kill_after,
)
from einsearch.study.packing import Packed, pack
from einsearch.study.process import Event, WorkerProcess
from einsearch.study.sharing import SharedArrays
from einsearch.study.worker import Broken, Message, Parcel, Ready, Settings
from einsearch.trial import FailureKind

_MOST_STARTS: Final = 3
"""Workers that may be killed in a row while they start, before the machine is given up."""
_SECONDS_BETWEEN_SIZES: Final = 0.1
"""Between looks at how much memory workers hold: an allocator fills a gigabyte in that time."""
_SPARE: Final = 1.05
"""Of its share, at which a worker is killed: its own allocator stops it before."""
_SECONDS_BETWEEN_LOOKS: Final = 1.0
"""Between looks at whether workers live: a child of theirs can keep the pipe of a dead one open."""


class LocalExecutor:
    """An executor on processes of this machine.

    Args:
        factory: builds the work in each process. Picklable, or packed.
        workers: processes.
        threads: that numerical libraries may use in each process.
        memory: bytes that each process may hold; None for no limit. Its allocator gives an error
            beyond that. Where it gets round that, by children or memory that others share, it is
            killed.
        log: file that the processes' output is appended to; None leaves it on the terminal.

    Raises:
        EinsearchError: the factory cannot be sent to another process.
    """

    def __init__(
        self,
        factory: WorkFactory | Packed,
        workers: int = 1,
        *,
        threads: int = 1,
        memory: int | None = None,
        log: Path | None = None,
    ) -> None:
        packed = factory if isinstance(factory, Packed) else pack(factory)
        self.judge: Judge | None = None
        self._shared = SharedArrays(packed)
        self._settings = Settings(self._shared.factory, threads, memory, log)
        self._waiting: deque[Job] = deque()
        self._arrived: deque[Finished | Report] = deque()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._failed_starts = 0
        self._capacity = workers
        self._workers: list[WorkerProcess] = []
        # Otherwise the exit of a driver that forgot to close waits for work that never ends.
        atexit.register(self.close)
        self._closed = threading.Event()
        self._hire()
        if memory is not None:
            threading.Thread(target=self._watch, args=(memory,), daemon=True).start()

    @property
    def capacity(self) -> int:
        return self._capacity

    def submit(self, job: Job) -> None:
        self._waiting.append(job)
        self._assign()

    def next_finished(self, timeout: float | None = None) -> Finished | Report | None:
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            while (event := self._next_event(0.0)) is not None:
                self._handle(*event)
            self._stop_overdue()
            self._assign()
            if self._arrived:
                return self._deliver(self._arrived.popleft())
            seconds = until - time.monotonic()
            if seconds <= 0 or not self._has_jobs():
                return None
            self._wait(seconds)

    def cancel(self, number: int) -> None:
        self._waiting = deque(job for job in self._waiting if job.number != number)
        for worker in list(self._workers):
            if worker.job is not None and worker.job.number == number:
                self._dismiss(worker)
        self._arrived = deque(event for event in self._arrived if event.number != number)

    def close(self) -> None:
        atexit.unregister(self.close)
        self._closed.set()
        for worker in self._workers:
            worker.kill()
        self._workers.clear()
        self._shared.close()
        self._waiting.clear()
        self._arrived.clear()

    def answer(self, number: int, stops: bool) -> None:
        """Says to a job that waits at a report whether it ends there. For callers without a
        `judge`; a number that is not under way is ignored."""
        for worker in self._workers:
            if worker.job is not None and worker.job.number == number:
                worker.answer(stops)

    def _deliver(self, event: Finished | Report) -> Finished | Report:
        if isinstance(event, Report) and self.judge is not None and self._waits(event.number):
            self.answer(event.number, self.judge(event))
        return event

    def _waits(self, number: int) -> bool:
        jobs = (worker.job for worker in self._workers)
        return any(job is not None and job.number == number and job.waits for job in jobs)

    def _has_jobs(self) -> bool:
        return bool(self._waiting) or any(worker.job is not None for worker in self._workers)

    def _next_event(self, seconds: float) -> Event | None:
        try:
            return self._events.get(timeout=seconds)
        except queue.Empty:
            return None

    def _wait(self, seconds: float) -> None:
        """Waits for an event, a deadline, or the time of the next look at the workers."""
        now = time.monotonic()
        nearest = min((worker.deadline - now for worker in self._workers), default=math.inf)
        event = self._next_event(max(0.0, min(seconds, nearest, _SECONDS_BETWEEN_LOOKS)))
        if event is not None:
            self._handle(*event)
        else:
            for worker in self._workers:
                if not worker.process.is_alive():
                    self._events.put((worker, None))

    def _handle(self, worker: WorkerProcess, message: Message | None) -> None:
        if worker not in self._workers:
            return  # it was killed meanwhile
        match message:
            case Ready(pid):
                worker.ready(pid)
                self._failed_starts = 0
            case Broken(error):
                self.close()
                raise error
            case Parcel() as parcel:
                self._receive(worker, parcel)
            case None:
                self._bury(worker)

    def _receive(self, worker: WorkerProcess, parcel: Parcel) -> None:
        """Takes in what a worker says of its job; nothing else is anybody's, whoever sent it."""
        if worker.job is None or worker.job.number != parcel.number:
            return
        try:
            event = pickle.loads(parcel.content)
            if isinstance(event, (Finished, Report)) and event.number == parcel.number:
                self._arrived.append(event)
        except Exception as error:  # whatever a class of the candidate's does when it is rebuilt
            if parcel.is_last:
                message = (
                    f"its result cannot be read by the driver: {type(error).__name__}: {error}"
                )
                self._fail(worker, (FailureKind.ERROR, shortened(message)))
        if parcel.is_last:
            worker.release()

    def _hire(self) -> None:
        """Starts processes for those that are missing."""
        while len(self._workers) < self._capacity:
            self._workers.append(WorkerProcess(self._settings, self._events))

    def _assign(self) -> None:
        if self._has_jobs():
            self._hire()
        for worker in self._workers:
            if self._waiting and worker.is_ready and worker.job is None:
                job = self._waiting.popleft()
                worker.take(job, kill_after(job.seconds))

    def _stop_overdue(self) -> None:
        for worker in list(self._workers):
            if time.monotonic() >= worker.deadline:
                message = f"killed after {time.monotonic() - worker.began:.3g} s"
                self._fail(worker, (FailureKind.TIME_LIMIT, message))
                self._dismiss(worker)

    def _watch(self, share: int) -> None:
        """A thread: the driver may be busy for longer than memory takes to fill."""
        while not self._closed.wait(_SECONDS_BETWEEN_SIZES):
            for worker in list(self._workers):
                worker.end_beyond(int(_SPARE * share))

    def _bury(self, worker: WorkerProcess) -> None:
        """Takes note of the death of a worker."""
        death = worker.death()
        self._workers.remove(worker)
        if worker.job is not None:
            self._fail(worker, death.failure, is_machine_fault=death.is_machine_fault)
        elif not worker.is_ready:
            self._failed_starts += 1
            if not death.is_machine_fault or self._failed_starts >= _MOST_STARTS:
                self.close()
                raise EinsearchError(
                    f"a worker process ended before it was ready: {death.failure[1]}. A script "
                    'that searches with workers needs its calls under "if __name__ == '
                    "'__main__':\"; otherwise see its output"
                )

    def _fail(
        self, worker: WorkerProcess, failure: Failure, *, is_machine_fault: bool = False
    ) -> None:
        if worker.job is not None:
            seconds = time.monotonic() - worker.began
            number = worker.job.number
            self._arrived.append(Finished(number, None, failure, is_machine_fault, seconds))

    def _dismiss(self, worker: WorkerProcess) -> None:
        worker.kill()
        self._workers.remove(worker)
