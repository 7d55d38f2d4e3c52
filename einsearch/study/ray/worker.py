"""One worker of a cluster: an actor that supervises a process, and the driver's side of it."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

import ray

from einsearch.evaluate.machine import free_memory, share_out
from einsearch.study.executor import Job
from einsearch.study.packing import Packed
from einsearch.study.ray.nodes import Resources
from einsearch.study.ray.supervisor import Said, Supervisor

FETCH: Final = 60.0
"""Seconds that a result may take from its node to the driver."""


def actor_class(resources: Resources) -> Any:
    """The remote side: a `Supervisor` over the factory's arrays as the node's store holds them."""

    class Actor:
        def __init__(self, content: bytes, arrays: list[Any], path: tuple[str, ...]) -> None:
            # Where this machine has the driver's folders, its modules are found in them.
            sys.path += [place for place in path if place not in sys.path and Path(place).is_dir()]
            factory = Packed(content, tuple(ray.get(arrays)))
            self.supervisor = Supervisor(factory, resources.threads, share_of(resources))

        def run(self, job: Job, ticket: int) -> Iterator[Said]:
            yield from self.supervisor.run(job, ticket)

        @ray.method(concurrency_group="control")
        def cancel(self, ticket: int) -> None:
            self.supervisor.cancel(ticket)

        @ray.method(concurrency_group="control")
        def answer(self, ticket: int, stops: bool) -> None:
            self.supervisor.answer(ticket, stops)

        @ray.method(concurrency_group="control")
        def start(self) -> None:
            """Returns once the actor lives."""

    asked = dict(resources.request)
    decorate = cast(Any, ray.remote)(
        num_cpus=asked.pop("CPU", 0),
        num_gpus=asked.pop("GPU", 0),
        memory=asked.pop("memory", None),
        resources=asked,
        max_restarts=0,
        max_task_retries=0,
        concurrency_groups={"control": 1},
    )
    return decorate(Actor)


def share_of(resources: Resources) -> int | None:
    """Bytes that a worker of this node may hold: what it asks for, or its part of what is free."""
    if resources.memory is not None:
        return resources.memory
    cores = os.cpu_count() or 1
    workers = max(1, int(cores / resources.cpus)) if resources.cpus else cores
    return share_out(workers, free_memory()).worker


class Worker:
    """The driver's side of one actor.

    Attributes:
        actor: its handle.
        starting: a reference that is ready once the actor lives; None from then on.
        job: what it runs; None where it runs nothing, or what was cancelled.
        stream: what `run` says, as references; None while the worker is free.
        ticket: of the present attempt.
        began, heard: `time.monotonic()` when the job was sent, and of the last sign of life.
    """

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.starting: Any | None = actor.start.remote()
        self.job: Job | None = None
        self.stream: Any | None = None
        self.ticket = 0
        self.began = math.inf
        self.heard = math.inf

    @property
    def is_free(self) -> bool:
        return self.starting is None and self.stream is None

    @property
    def reference(self) -> Any | None:
        """What there is to wait for."""
        return self.starting or self.stream

    def take(self, job: Job, ticket: int) -> None:
        self.job, self.ticket = job, ticket
        self.began = self.heard = time.monotonic()
        self.stream = self.actor.run.options(num_returns="streaming").remote(job, ticket)

    def release(self) -> None:
        self.job = self.stream = None
        self.heard = math.inf

    def next_said(self) -> Said | None:
        """What it has said; None at the end of its `run`. Raises what Ray raises."""
        assert self.stream is not None
        try:
            reference = next(self.stream)
        except StopIteration:
            return None
        said: Said = ray.get(reference, timeout=FETCH)
        return said

    def kill(self) -> None:
        with suppress(Exception):  # a dead one, or a dead cluster
            ray.kill(self.actor, no_restart=True)
