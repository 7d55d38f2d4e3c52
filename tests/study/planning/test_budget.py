"""Searches that keep to their minutes, by a clock of the test's own."""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path
from typing import Any

import pytest

import einsearch as es
from einsearch.study.duplicates import count_spent
from einsearch.study.ending import TIME_UP
from einsearch.study.events import Budget, StopReason, StudyEnd
from einsearch.study.executor import Finished, Job, Report
from einsearch.study.loop import run_study
from einsearch.study.objective import ObjectiveWork
from einsearch.study.options import Options
from einsearch.study.planning.gate import Gate, Verdict
from einsearch.study.planning.spending import read_spent
from einsearch.study.planning.times import divide
from einsearch.study.record import Record
from einsearch.study.storage import memory_storage
from einsearch.trial import Trial, TrialState
from tests.study.support import Climber, bit_space

SPACE = bit_space(12)
DIRECTIONS = {"score": "maximize"}


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Slow:
    """One worker whose jobs take so many seconds by the test's clock, whatever they are allowed."""

    capacity = 1

    def __init__(self, time: Time, seconds: float) -> None:
        self.time, self.seconds = time, seconds
        self.jobs: deque[Job] = deque()
        self.ends: dict[int, float] = {}
        self.allowed: list[float | None] = []
        self.cancelled: list[int] = []
        self.judge = None
        self.work = ObjectiveWork(lambda d: {"score": d.text.count("1")}, SPACE.recall, "score")

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self.allowed.append(job.seconds)
        self.ends[job.number] = self.time.now + self.seconds

    def next_finished(self, timeout: float | None = None) -> Finished | Report | None:
        until = math.inf if timeout is None else self.time.now + timeout
        job = self.jobs[0]
        if self.ends[job.number] > until:
            self.time.now = until
            return None
        self.time.now = self.ends[job.number]
        self.jobs.popleft()
        return Finished(job.number, self.work(job, lambda *_: False), None, False, self.seconds)

    def cancel(self, number: int) -> None:
        self.cancelled.append(number)
        self.jobs = deque(job for job in self.jobs if job.number != number)

    def close(self) -> None:
        self.jobs.clear()


def search(
    record: Record, workers: Slow, minutes: float, gate: Gate | None = None, spent: float = 0.0
) -> StudyEnd:
    gate = gate or Gate(divide(60 * minutes, 1, 1, 1, 0))
    options = Options(clock=workers.time, gate=gate, spent=spent, describe=described)
    return run_study(
        lambda: Climber(SPACE, seed=1), workers, record, Budget(minutes=minutes), options
    )


def described(derivation: Any) -> Any:
    from einsearch.study.describing import Description

    return Description(derivation.text)


def memory() -> Record:
    return Record(memory_storage(), "study", DIRECTIONS)


def test_the_search_ends_in_time_and_what_is_under_way_ends_with_it() -> None:
    time = Time()
    workers, record = Slow(time, 25.0), memory()
    end = search(record, workers, minutes=2)
    assert end == StudyEnd(StopReason.TIME, "the search has used its part of 2 minutes")
    assert time.now == pytest.approx(120, abs=4)
    last = record.trials[-1]
    assert (last.state, last.reason) == (TrialState.FAILED, f"time-limit: {TIME_UP}")
    assert workers.cancelled == [last.number]
    complete = [t for t in record.trials if t.state is TrialState.COMPLETE]
    assert len(complete) == 4


def test_every_job_is_told_what_is_left() -> None:
    time = Time()
    workers = Slow(time, 50.0)
    search(memory(), workers, minutes=2)
    told = [seconds for seconds in workers.allowed if seconds is not None]
    assert len(told) == len(workers.allowed) == 3
    assert told == sorted(told, reverse=True)
    assert told[-1] < 20


def test_what_went_before_counts() -> None:
    time = Time()
    record = memory()
    search(record, Slow(time, 10.0), minutes=2, spent=60.0)
    assert time.now == pytest.approx(60, abs=4)
    spent = read_spent(record)
    assert spent.start == 60
    assert spent.total == pytest.approx(120, abs=4)
    began = time.now
    assert search(record, Slow(time, 10.0), minutes=2).reason is StopReason.TIME
    assert time.now == began, "a second session has nothing left"
    search(record, Slow(time, 10.0), minutes=3)
    assert time.now - began == pytest.approx(60, abs=8)


class Refusing(Gate):
    """Lets the first ones begin, and finds nothing after them to fit."""

    def __init__(self, admitted: int, reason: str) -> None:
        super().__init__(divide(6000, 1, 1, 1, 0))
        self.admitted, self.reason = admitted, reason
        self.told: list[Trial] = []

    def judge(self, trial: Trial, program: Any, left: float) -> Verdict:
        return Verdict("" if trial.number < self.admitted else self.reason)

    def learn(self, trial: Trial) -> None:
        self.told.append(trial)


def test_what_is_turned_down_costs_nothing_and_the_searcher_learns_of_it() -> None:
    time = Time()
    record, gate = memory(), Refusing(3, "too slow: predicted 9 s, allowed 1 s")
    end = search(record, Slow(time, 1.0), 100, gate)
    refused = [t for t in record.trials if t.state is TrialState.REJECTED]
    assert refused
    assert all(t.reason == gate.reason and t.seconds == 0 for t in refused)
    assert time.now == 3.0
    assert [t.number for t in gate.told] == [t.number for t in record.trials]
    assert end.reason is StopReason.EXHAUSTED
    assert "turned down, the last one as too slow: predicted 9 s" in end.message
    assert count_spent(record.trials) == 3 + len(refused)


def test_a_search_ends_when_nothing_fits_into_the_rest_of_its_time() -> None:
    time = Time()
    record, gate = memory(), Refusing(3, "too late: predicted 9 s for 1 epoch, 2 s are left")
    assert search(record, Slow(time, 1.0), 100, gate).reason is StopReason.TIME
    assert sum(t.state is TrialState.REJECTED for t in record.trials) == 5


def test_minutes_from_python_end_a_search_that_nothing_else_ends(tmp_path: Path) -> None:
    grammar = es.parse_grammar("start n\nn = linear(2..1000) >> (relu | tanh) >> linear(2..1000)\n")

    def score(derivation: Any) -> float:
        return float(derivation.graph().parameters)

    run = es.search(grammar, score, input=es.vector(8), minutes=0.02, searcher="random")
    assert run.state == "time"
    assert len(run.trials) > 1
    with pytest.raises(es.EinsearchError, match="minutes and hours mean the same"):
        es.search(grammar, score, input=es.vector(8), minutes=1, hours=1)
