"""A cluster that a search starts for itself: nobody else reaches it, and it is started again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from einsearch.study.executor import Finished, Job
from einsearch.study.ray.executor import RayExecutor
from tests.study import work

LISTENS = "0A"
LOOPBACK = ("0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000")
"""127.0.0.1, the same in IPv6, and ::1, as /proc has them."""


@pytest.fixture(scope="module")
def executor() -> Iterator[RayExecutor]:
    executor = RayExecutor(work.build, 1)
    yield executor
    executor.close()


def run(executor: RayExecutor, text: str = "square") -> Finished:
    executor.submit(Job(3, text))
    while not isinstance(event := executor.next_finished(), Finished):
        assert event is not None
    return event


def below(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += below(int(child))
    return found


def sockets(pid: int) -> set[str]:
    links = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.add(os.readlink(link))
        except OSError:
            continue  # closed meanwhile
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def listening() -> dict[str, str]:
    """Number of a socket -> the address that it listens on."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == LISTENS:
                found[columns[9]] = columns[1].rpartition(":")[0]
    return found


def test_it_listens_on_loopback_alone(executor: RayExecutor) -> None:
    assert run(executor).result == 9
    addresses = listening()
    own = {addresses[s] for pid in below(os.getpid()) for s in sockets(pid) if s in addresses}
    assert own
    assert own <= set(LOOPBACK)


def test_it_leaves_the_environment_as_it_was(executor: RayExecutor) -> None:
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in os.environ


def test_a_search_outlives_the_agent_of_the_dashboard(executor: RayExecutor) -> None:
    """Ray ends a node whose agent dies, and all that runs there."""
    run(executor)
    agents = [
        pid
        for pid in below(os.getpid())
        if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::DashboardAgent")
    ]
    assert agents
    for agent in agents:
        os.kill(agent, signal.SIGKILL)
    ends = [run(executor)]
    while ends[-1].failure is not None:
        assert ends[-1].is_machine_fault
        assert len(ends) < 4
        ends.append(run(executor))
    assert ends[-1].result == 9
