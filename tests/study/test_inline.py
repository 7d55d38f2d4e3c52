"""What is particular to the executor in the calling process; the contract has the rest."""

from __future__ import annotations

import os

import pytest

from einsearch.study.executor import Finished, Job, ReportBack
from einsearch.study.inline import InlineExecutor
from tests.study.work import do


def test_work_runs_in_this_process_one_job_at_a_time() -> None:
    executor = InlineExecutor(do)
    executor.submit(Job(0, "pid"))
    end = executor.next_finished()
    assert isinstance(end, Finished)
    assert (end.result, executor.capacity) == (os.getpid(), 1)


def test_results_need_not_pickle() -> None:
    executor = InlineExecutor(lambda job, report: lambda: job.number)
    executor.submit(Job(3, ""))
    end = executor.next_finished()
    assert isinstance(end, Finished)
    assert end.result is not None
    assert end.result() == 3


def test_a_job_waits_until_it_is_asked_for() -> None:
    done: list[int] = []
    executor = InlineExecutor(lambda job, report: done.append(job.number))
    executor.submit(Job(0, ""))
    executor.submit(Job(1, ""))
    assert done == []
    executor.next_finished()
    assert done == [0]


def test_ctrl_c_ends_the_job_and_reaches_the_driver() -> None:
    def work(job: Job, report: ReportBack) -> str:
        if job.number == 0:
            raise KeyboardInterrupt
        return "done"

    executor = InlineExecutor(work)
    executor.submit(Job(0, ""))
    executor.submit(Job(1, ""))
    with pytest.raises(KeyboardInterrupt):
        executor.next_finished()
    end = executor.next_finished()
    assert isinstance(end, Finished)
    assert (end.number, end.result) == (1, "done")
    assert executor.next_finished() is None
