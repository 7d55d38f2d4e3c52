"""What is particular to workers on a cluster; the contract of executors has the rest."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import ray

from einsearch.errors import EinsearchError
from einsearch.study.executor import Finished, Job, ReportBack, Resized, Work
from einsearch.study.ray.executor import RayExecutor
from einsearch.study.ray.nodes import Resources
from tests.study import work

GPU = "CUDA_VISIBLE_DEVICES"


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """This machine as a cluster of four cores and two GPUs, if only by name."""
    ray.init("local", num_cpus=4, num_gpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def build_sum(values: Any) -> Work:
    values += 1  # would raise on memory that is shared with others

    def total(job: Job, report: ReportBack) -> tuple[float, int]:
        return float(values.sum()), os.getpid()

    return total


def build_gpu() -> Work:
    return lambda job, report: os.environ.get(GPU)


def finish(executor: RayExecutor, count: int) -> list[Finished]:
    for number in range(count):
        executor.submit(Job(number, "square"))
    ends: list[Finished] = []
    while len(ends) < count:
        event = executor.next_finished()
        assert event is not None
        if isinstance(event, Finished):
            ends.append(event)
    return ends


def test_large_data_are_built_once_in_each_worker() -> None:
    values = np.ones(200_000)
    executor = RayExecutor(partial(build_sum, values), 2)
    try:
        results: set[Any] = {end.result for end in finish(executor, 8)}
    finally:
        executor.close()
    assert {total for total, _ in results} == {400_000.0}
    assert len(results) <= 2
    assert values[0] == 1


def test_workers_fill_the_cluster_and_share_gpus() -> None:
    executor = RayExecutor(build_gpu, resources=Resources(cpus=0.5, gpus=0.5))
    try:
        while executor.capacity < 4:
            executor.submit(Job(0, ""))
            while not isinstance(executor.next_finished(), Finished):
                pass
        devices = {end.result for end in finish(executor, 40)}
    finally:
        executor.close()
    assert devices <= {"0", "1"}


def test_a_cluster_of_the_caller_stays() -> None:
    RayExecutor(work.build, 1).close()
    assert ray.is_initialized()


def test_what_no_node_can_hold_is_said_at_once() -> None:
    with pytest.raises(EinsearchError, match=r"a worker of 1 CPU, 3 GPU\. Its nodes have: .*2 GPU"):
        RayExecutor(work.build, resources=Resources(gpus=3))
    assert ray.is_initialized()


def test_joining_workers_are_told() -> None:
    executor = RayExecutor(work.build, 2)
    try:
        executor.submit(Job(0, "square"))
        events = []
        while (event := executor.next_finished()) is not None:
            events.append(event)
        assert any(isinstance(event, Resized) for event in events)
    finally:
        executor.close()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:6379"])
def test_an_address_where_nobody_is(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(EinsearchError, match=f"nobody answers at {address}"):
        RayExecutor(work.build, address=address)


def test_an_address_where_another_program_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):  # whether anybody listens, and what it is
                connection, _ = server.accept()
                with connection:
                    if connection.recv(100):
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(EinsearchError, match=f"answers at {address} is no head of a Ray"):
            RayExecutor(work.build, address=address)
        thread.join(10)
