"""The supervisor of a worker: it answers while its process does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from einsearch.errors import TaskError
from einsearch.study.executor import Finished, Job, Report
from einsearch.study.packing import pack
from einsearch.study.ray import supervisor as module
from einsearch.study.ray.supervisor import Beat, Supervisor, Unable
from tests.study import work


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    made = Supervisor(pack(work.build))
    yield made
    made.close()


def test_it_says_what_happens_and_ends(supervisor: Supervisor) -> None:
    *reports, end = supervisor.run(Job(4, "reports"), 0)
    assert [report.epoch for report in reports if isinstance(report, Report)] == [1, 2, 3]
    assert isinstance(end, Finished)
    assert end.result == "reported"


def test_it_outlives_its_process(supervisor: Supervisor) -> None:
    (end,) = supervisor.run(Job(0, "sigsegv"), 0)
    assert isinstance(end, Finished)
    assert end.failure is not None
    assert end.failure[1].endswith("SIGSEGV")
    (end,) = supervisor.run(Job(1, "square"), 1)
    assert isinstance(end, Finished)
    assert end.result == 1


def test_it_gives_signs_of_life(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    said = supervisor.run(Job(0, "report-hang"), 7)
    while not isinstance(next(said), Report):
        pass
    monkeypatch.setattr(module, "SECONDS_BETWEEN_BEATS", 0.2)
    assert isinstance(next(said), Beat)
    assert isinstance(next(said), Beat)
    supervisor.cancel(7)
    assert not any(isinstance(item, Finished) for item in said)


def test_cancelling_may_come_first_and_concerns_one_attempt(supervisor: Supervisor) -> None:
    supervisor.cancel(1)
    assert list(supervisor.run(Job(0, "hang"), 1)) == []
    (end,) = supervisor.run(Job(0, "square"), 2)
    assert isinstance(end, Finished)


def test_cancelling_comes_from_another_thread(supervisor: Supervisor) -> None:
    said = supervisor.run(Job(0, "report-hang"), 3)
    while not isinstance(next(said), Report):
        pass
    thread = threading.Thread(target=supervisor.cancel, args=(3,))
    thread.start()
    assert not any(isinstance(item, Finished) for item in said)
    thread.join()


def test_work_that_cannot_be_built_is_said() -> None:
    made = Supervisor(pack(work.build_badly))
    (said,) = made.run(Job(0, "square"), 0)
    assert isinstance(said, Unable)
    assert isinstance(said.error, TaskError)
