"""Beside every worker of a cluster: it runs jobs in a process of its own, and lives on when a
candidate takes that process down.

The supervisor never touches a candidate, so it can say how one died, kill one that hangs, and
answer its driver meanwhile.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from einsearch.errors import EinsearchError
from einsearch.study.executor import Finished, Job, Report
from einsearch.study.local import LocalExecutor
from einsearch.study.packing import Packed

SECONDS_BETWEEN_BEATS: Final = 5.0
"""A supervisor whose job has nothing to say gives a sign of life this often."""
_SECONDS_BETWEEN_LOOKS: Final = 0.1
"""At what the driver has asked for meanwhile."""


@dataclass(frozen=True)
class Beat:
    """A sign of life."""


@dataclass(frozen=True)
class Unable:
    """The work cannot be built, here or anywhere."""

    error: EinsearchError


Said = Finished | Report | Beat | Unable


class Supervisor:
    """Runs one job at a time, in a process that is replaced when it dies.

    Args:
        factory: builds the work.
        threads: that numerical libraries may use.
        memory: bytes that the process may use before it is killed; None for no limit.
    """

    def __init__(
        self,
        factory: Packed,
        threads: int = 1,
        memory: int | None = None,
    ) -> None:
        self._executor = LocalExecutor(factory, 1, threads=threads, memory=memory)
        self._lock = threading.Lock()
        self._cancelled: set[int] = set()
        self._answers: queue.SimpleQueue[tuple[int, bool]] = queue.SimpleQueue()

    def run(self, job: Job, ticket: int) -> Iterator[Said]:
        """Runs a job, and gives what there is to say about it as it happens.

        The last is a `Finished`, or `Unable`; after `cancel` there is none.

        Args:
            job: what to run.
            ticket: of this attempt; another one for every call.
        """
        self._executor.submit(job)
        spoke = time.monotonic()
        while True:
            try:
                event = self._executor.next_finished(_SECONDS_BETWEEN_LOOKS)
            except EinsearchError as error:
                yield Unable(error)
                return
            if self._is_cancelled(ticket):
                self._executor.cancel(job.number)
                return
            self._pass_answers_on(job.number, ticket)
            now = time.monotonic()
            if event is not None:
                yield event
                spoke = now
                if isinstance(event, Finished):
                    return
            elif now - spoke >= SECONDS_BETWEEN_BEATS:
                yield Beat()
                spoke = now

    def cancel(self, ticket: int) -> None:
        """Ends a `run` soon. Called from another thread, it may come before that or after."""
        with self._lock:
            self._cancelled.add(ticket)

    def answer(self, ticket: int, stops: bool) -> None:
        """Says to a job that waits at a report whether it ends there. As `cancel`, from any
        thread."""
        self._answers.put((ticket, stops))

    def close(self) -> None:
        """Kills the process."""
        self._executor.close()

    def _pass_answers_on(self, number: int, ticket: int) -> None:
        while not self._answers.empty():
            answered, stops = self._answers.get()
            if answered == ticket:
                self._executor.answer(number, stops)

    def _is_cancelled(self, ticket: int) -> bool:
        with self._lock:
            return ticket in self._cancelled
