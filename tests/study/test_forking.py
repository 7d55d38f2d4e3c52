"""Workers are copies of a server that has imported what they need."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from einsearch.study import forking
from einsearch.study.executor import Finished, Job, ReportBack, Work
from einsearch.study.local import LocalExecutor


def build_telling() -> Work:
    """Its work tells who started the keeper above it, and what was imported before any job."""
    wanted = {"torch", "einsearch.study.warm", "sklearn.metrics"}
    imported = sorted(wanted & set(sys.modules))

    def work(job: Job, report: ReportBack) -> Any:
        with open(f"/proc/{os.getppid()}/stat", encoding="ascii") as file:
            above = int(file.read().rpartition(")")[2].split()[1])
        return imported, above

    return work


def test_workers_of_a_server_find_everything_imported() -> None:
    forking.start_server(trains=True)
    servers, imports = set(), []
    executor = LocalExecutor(build_telling, 2)
    try:
        for number in range(4):
            executor.submit(Job(number, ""))
        ends = [executor.next_finished() for _ in range(4)]
    finally:
        executor.close()
    for end in ends:
        assert isinstance(end, Finished)
        assert end.failure is None
        imports.append(end.result[0])
        servers.add(end.result[1])
    assert len(servers) == 1, "all have one server"
    assert os.getpid() not in servers
    if "einsearch.study.warm" in imports[0]:  # another test may have started a server before
        assert imports == [["einsearch.study.warm", "sklearn.metrics", "torch"]] * 4


def test_the_server_has_no_threads_of_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with forking._environment({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}):
        assert os.environ["OMP_NUM_THREADS"] == os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ
