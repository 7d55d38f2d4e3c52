"""Runs jobs on a Ray cluster: long-lived workers, one candidate at a time each.

A worker is an actor that supervises a process. What a candidate does to the process, the actor
reports as a value; when the actor itself falls silent or dies, the machine was at fault, and
another one takes its place wherever there is room. Every wait here has an end, because Ray's own
may have none when a node is lost.
"""

from __future__ import annotations

import itertools
import math
import sys
import time
from collections import deque
from typing import Final

import ray
import ray.exceptions

from einsearch.errors import EinsearchError
from einsearch.shown import shortened
from einsearch.study.executor import (
    Failure,
    Finished,
    Job,
    Judge,
    Report,
    Resized,
    WorkFactory,
)
from einsearch.study.packing import pack
from einsearch.study.ray.connection import answers, connect, leave
from einsearch.study.ray.nodes import Resources, cannot_hold, living, places
from einsearch.study.ray.supervisor import Said, Unable
from einsearch.study.ray.worker import FETCH, Worker, actor_class
from einsearch.trial import FailureKind

SILENCE: Final = 30.0
"""Seconds without a sign of life after which a worker is given up."""
_LOOK: Final = 1.0
"""Seconds between looks at the clock while nothing arrives."""
_SURVEY: Final = 5.0
"""Seconds between looks at which nodes there are, and whether the head answers."""
_UNANSWERED: Final = 3
"""Looks in a row at which the head may fail to answer."""
_MOST_CLUSTERS: Final = 3
"""Clusters of our own that may be lost in a row, without a worker that started."""
_MOST_STARTS: Final = 3
"""Workers in a row that may die while they start, before the cluster is given up."""


class RayExecutor:
    """An executor on the nodes of a Ray cluster.

    Nodes may come and go: workers are placed wherever there is room.

    Args:
        factory: builds the work in each worker. Picklable, or of the calling script.
        workers: at most so many; None for as many as the cluster has room for.
        resources: of each worker.
        address: of the cluster, "auto" for the one of this machine; None for that of the
            environment variable RAY_ADDRESS, or else a cluster on this machine that lives as
            long as the executor.
        wait: seconds that the cluster may have no node for a worker, as one that scales itself.

    Raises:
        EinsearchError: there is no cluster, or none of its nodes can hold a worker.
    """

    def __init__(
        self,
        factory: WorkFactory,
        workers: int | None = None,
        *,
        resources: Resources | None = None,
        address: str | None = None,
        wait: float = 0.0,
    ) -> None:
        self.judge: Judge | None = None
        self._resources = resources or Resources()
        self._wanted = workers
        self._wait = wait
        self._waiting: deque[Job] = deque()
        self._arrived: deque[Finished | Report | Resized] = deque()
        self._workers: list[Worker] = []
        self._tickets = itertools.count()
        self._failed_starts = 0
        self._unanswered = 0
        self._is_lost = False
        self._surveyed = -math.inf
        self._packed = pack(factory, travels=address is not None)
        self._address = address
        self._lost_clusters = 0
        self._owns_cluster = False
        self._join()

    def _join(self) -> None:
        self._owns_cluster = connect(self._address)
        try:
            self._head = ray.get_runtime_context().gcs_address
            arrays = [ray.put(array) for array in self._packed.arrays]
            self._arguments = (self._packed.content, arrays, tuple(sys.path))
            self._class = actor_class(self._resources)
            self._room_since = time.monotonic()
            self._survey()
        except BaseException:
            self.close()
            raise

    @property
    def capacity(self) -> int:
        """Workers that live; 1 before the first does."""
        return max(1, sum(worker.starting is None for worker in self._workers))

    def submit(self, job: Job) -> None:
        self._waiting.append(job)
        self._assign()

    def next_finished(self, timeout: float | None = None) -> Finished | Report | Resized | None:
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            self._survey()
            self._assign()
            if self._arrived:
                return self._deliver(self._arrived.popleft())
            seconds = until - time.monotonic()
            if not self._has_jobs():
                return None
            if self._look(max(0.0, min(seconds, _LOOK))):
                continue
            self._give_up_silent()
            if seconds <= 0 and not self._arrived:
                return None

    def cancel(self, number: int) -> None:
        self._waiting = deque(job for job in self._waiting if job.number != number)
        for worker in self._workers:
            if worker.job is not None and worker.job.number == number:
                worker.job = None
                worker.actor.cancel.remote(worker.ticket)
        self._arrived = deque(
            event for event in self._arrived if isinstance(event, Resized) or event.number != number
        )

    def close(self) -> None:
        for worker in self._workers if not self._is_lost else ():
            worker.kill()
        self._workers.clear()
        self._waiting.clear()
        self._arrived.clear()
        if self._owns_cluster:
            self._owns_cluster = False
            leave()

    def _deliver(self, event: Finished | Report | Resized) -> Finished | Report | Resized:
        if isinstance(event, Report) and self.judge is not None:
            for worker in self._workers:
                if (
                    worker.job is not None
                    and worker.job.number == event.number
                    and worker.job.waits
                ):
                    worker.actor.answer.remote(worker.ticket, self.judge(event))
        return event

    def _has_jobs(self) -> bool:
        return bool(self._waiting) or any(worker.job is not None for worker in self._workers)

    def _assign(self) -> None:
        for worker in self._workers:
            if self._waiting and worker.is_free:
                worker.take(self._waiting.popleft(), next(self._tickets))

    def _survey(self) -> None:
        """Looks, now and then, whether the head answers, and hires for the room there is."""
        now = time.monotonic()
        if now - self._surveyed >= _SURVEY:
            self._surveyed = now
            if self._head_answers():
                self._hire(now)

    def _head_answers(self) -> bool:
        """Whether it does. Whatever one asks Ray meanwhile may wait for ever, or end the process.

        Raises:
            EinsearchError: it has not for too long.
        """
        self._unanswered = 0 if answers(self._head) else self._unanswered + 1
        if self._unanswered >= _UNANSWERED:
            self._is_lost = True
            raise EinsearchError(
                f"the head of the Ray cluster at {self._head} answers no more. Nothing that had "
                "finished is lost: start the cluster again, and resume the run"
            )
        return self._unanswered == 0

    def _hire(self, now: float) -> None:
        nodes = living(ray.nodes())  # type: ignore[no-untyped-call]
        room = sum(places(self._resources.request, node) for node in nodes)
        if not nodes and self._owns_cluster and self._lost_clusters < _MOST_CLUSTERS:
            self._start_again()
            return
        if room > 0:
            self._room_since = now
        elif now - self._room_since >= self._wait:
            raise EinsearchError(cannot_hold(self._resources, nodes))
        # Those that were asked for are hired at once: a cluster that scales itself sees them wait.
        target = room if self._wanted is None else self._wanted
        while len(self._workers) < target:
            self._workers.append(Worker(self._class.remote(*self._arguments)))

    def _start_again(self) -> None:
        """Starts another cluster of our own in place of one whose only node is dead: Ray ends a
        node as soon as one of the processes beside it dies, such as the dashboard's agent."""
        self._lost_clusters += 1
        lost = (FailureKind.DIED, "the Ray node of this machine was lost, and started again")
        for worker in self._workers:
            self._fail(worker, lost, is_machine_fault=True)
        self._workers.clear()
        leave()
        self._surveyed = -math.inf
        self._join()
        self._arrived.append(Resized(self.capacity))

    def _look(self, seconds: float) -> bool:
        """Waits for something to happen, and handles it; whether anything did."""
        waiting = {
            worker.reference: worker for worker in self._workers if worker.reference is not None
        }
        if not waiting:
            time.sleep(seconds)
            return False
        ready, rest = ray.wait(list(waiting), num_returns=1, timeout=seconds, fetch_local=False)
        if ready and rest:  # others, which are not to wait until all about this one is done
            ready += ray.wait(rest, num_returns=len(rest), timeout=0, fetch_local=False)[0]
        for reference in ready:
            self._hear(waiting[reference])
        return bool(ready)

    def _hear(self, worker: Worker) -> None:
        worker.heard = time.monotonic()
        try:
            if worker.starting is not None:
                ray.get(worker.starting, timeout=FETCH)
                worker.starting = None
                self._failed_starts = 0
                self._lost_clusters = 0
                self._arrived.append(Resized(self.capacity))
            else:
                self._take_in(worker, worker.next_said())
        except EinsearchError:
            raise
        except (ray.exceptions.RayError, TimeoutError) as error:
            self._bury(worker, error)
        except Exception as error:  # whatever a class of the candidate's does when it is rebuilt
            message = f"its result cannot be read by the driver: {type(error).__name__}: {error}"
            self._fail(worker, (FailureKind.ERROR, shortened(message)))
            self._dismiss(worker)

    def _take_in(self, worker: Worker, said: Said | None) -> None:
        match said:
            case Unable(error):
                raise error
            case Finished() | Report() if _is_of(said, worker.job):
                self._arrived.append(said)
            case None if worker.job is not None:
                raise ray.exceptions.RayError("its worker ended without a result")
        if said is None or (isinstance(said, Finished) and _is_of(said, worker.job)):
            worker.release()

    def _bury(self, worker: Worker, error: Exception) -> None:
        """Gives up a worker that died, or was cut off."""
        message = shortened(f"the worker was lost: {error}")
        if worker.starting is not None:
            self._failed_starts += 1
            if self._failed_starts >= _MOST_STARTS:
                raise EinsearchError(f"workers of the Ray cluster cannot start: {message}")
        kind = FailureKind.OUT_OF_MEMORY if is_memory_kill(error) else FailureKind.DIED
        self._fail(worker, (kind, message), is_machine_fault=True)
        self._dismiss(worker)

    def _give_up_silent(self) -> None:
        now = time.monotonic()
        for worker in list(self._workers):
            if worker.stream is not None and now - worker.heard > SILENCE:
                message = f"the worker gave no sign of life for {SILENCE:g} s"
                self._fail(worker, (FailureKind.DIED, message), is_machine_fault=True)
                self._dismiss(worker)

    def _fail(self, worker: Worker, failure: Failure, *, is_machine_fault: bool = False) -> None:
        if worker.job is not None:
            seconds = time.monotonic() - worker.began
            number = worker.job.number
            self._arrived.append(Finished(number, None, failure, is_machine_fault, seconds))

    def _dismiss(self, worker: Worker) -> None:
        worker.kill()
        self._workers.remove(worker)
        self._arrived.append(Resized(self.capacity))
        self._surveyed = -math.inf


def _is_of(said: Finished | Report, job: Job | None) -> bool:
    """Whether a worker speaks of the job that it has."""
    return job is not None and said.number == job.number


def is_memory_kill(error: Exception) -> bool:
    """Whether Ray ended a worker because its node had too little memory left."""
    text = str(error)
    return isinstance(error, ray.exceptions.OutOfMemoryError) or "running low on memory" in text
