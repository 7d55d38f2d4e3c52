"""Runs jobs in the calling process, one at a time, while the driver waits for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from einsearch.study.executor import Finished, Job, Judge, Report, Work, attempt


class InlineExecutor:
    """An executor without processes, for objectives that are cheap, or that must stay here.

    A job runs inside `next_finished`, whatever its timeout, and no limit on time holds. Ctrl-C
    goes through it, and ends the job under way.

    Args:
        work: what is done with a job.
    """

    def __init__(self, work: Work) -> None:
        self.judge: Judge | None = None
        self._work = work
        self._waiting: deque[Job] = deque()
        self._arrived: deque[Finished | Report] = deque()

    @property
    def capacity(self) -> int:
        return 1

    def submit(self, job: Job) -> None:
        self._waiting.append(job)

    def next_finished(self, timeout: float | None = None) -> Finished | Report | None:
        if not self._arrived and self._waiting:
            self._run(self._waiting.popleft())
        return self._arrived.popleft() if self._arrived else None

    def cancel(self, number: int) -> None:
        self._waiting = deque(job for job in self._waiting if job.number != number)
        self._arrived = deque(event for event in self._arrived if event.number != number)

    def close(self) -> None:
        self._waiting.clear()
        self._arrived.clear()

    def _run(self, job: Job) -> None:
        def report(epoch: int, metrics: Mapping[str, Any]) -> bool:
            event = Report(job.number, epoch, dict(metrics))
            self._arrived.append(event)
            return job.waits and self.judge is not None and self.judge(event)

        # Ctrl-C is the driver's.
        self._arrived.append(attempt(self._work, job, report, (Exception, SystemExit)))
