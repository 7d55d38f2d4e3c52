"""What every executor must keep. Faults that would take the calling process down are asked only
of executors that have processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from einsearch.study.executor import Executor, Finished, Job, Report, Resized
from einsearch.study.inline import InlineExecutor
from einsearch.study.local import LocalExecutor
from einsearch.study.ray.executor import RayExecutor
from einsearch.study.ray.nodes import Resources
from einsearch.trial import FailureKind
from tests.study.work import BIG, build, do

LIMIT = 1.0
"""Seconds that a job may take where one hangs; much more than any other of those tests takes."""

HALF = Resources(cpus=0.5)
"""So that two workers find room on one core."""

WITH_PROCESSES: dict[str, Callable[[], Executor]] = {
    "local-1": lambda: LocalExecutor(build, 1),
    "local-2": lambda: LocalExecutor(build, 2),
    "ray-2": lambda: RayExecutor(build, 2, resources=HALF, address="local"),
}
ALL: dict[str, Callable[[], Executor]] = {"inline": lambda: InlineExecutor(do), **WITH_PROCESSES}
"""Executors by name."""


@pytest.fixture(scope="module", params=ALL)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """One for all tests: each must leave it able to work."""
    made = ALL[request.param]()
    yield made
    made.close()


@pytest.fixture(scope="module", params=WITH_PROCESSES)
def isolated(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made = WITH_PROCESSES[request.param]()
    yield made
    made.close()


def events(executor: Executor) -> list[Finished | Report]:
    """Everything that arrives until nothing is left to wait for, but changes of capacity."""
    arrived = []
    while (event := executor.next_finished()) is not None:
        if not isinstance(event, Resized):
            arrived.append(event)
    return arrived


def next_event(executor: Executor) -> Finished | Report | None:
    """What arrives next, but changes of capacity."""
    while isinstance(event := executor.next_finished(), Resized):
        pass
    return event


def run(
    executor: Executor, texts: Sequence[str], seconds: float | None = None
) -> dict[int, Finished]:
    """Ends of jobs by number, each with so much time; fails if one ends twice."""
    for number, text in enumerate(texts):
        executor.submit(Job(number, text, seconds=seconds))
    ends = [event for event in events(executor) if isinstance(event, Finished)]
    assert len(ends) == len(texts)
    return {end.number: end for end in ends}


def run_one(executor: Executor, text: str) -> Finished:
    return run(executor, [text])[0]


class TestEveryExecutor:
    def test_it_is_one(self, executor: Executor) -> None:
        assert isinstance(executor, Executor)
        assert executor.capacity >= 1

    def test_results_come_back(self, executor: Executor) -> None:
        end = run_one(executor, "none")
        assert (end.result, end.failure, end.is_machine_fault) == (None, None, False)
        assert end.seconds >= 0

    def test_jobs_arrive_as_they_were_sent(self, executor: Executor) -> None:
        job = Job(3, "job", seed=5, budget=2.5, payload={"decisions": [["a", "b", 1]]})
        executor.submit(job)
        end = next_event(executor)
        assert isinstance(end, Finished)
        assert end.result == job

    def test_many_jobs_each_end_once(self, executor: Executor) -> None:
        ends = run(executor, ["square"] * 300)
        assert {number: end.result for number, end in ends.items()} == {
            number: number**2 for number in range(300)
        }

    def test_big_results(self, executor: Executor) -> None:
        assert run_one(executor, "big").result == bytes(BIG)

    @pytest.mark.parametrize(
        ("text", "kind", "message"),
        [
            ("error", FailureKind.ERROR, "ValueError: wrong sizes"),
            ("task-error", FailureKind.ERROR, "no such column"),
            ("memory", FailureKind.OUT_OF_MEMORY, ""),
            ("exit", FailureKind.ERROR, "SystemExit: 3"),
            ("silent", FailureKind.ERROR, "SilentError"),
            ("stubborn", FailureKind.ERROR, "StubbornError: stubborn"),
            ("recurse", FailureKind.ERROR, "RecursionError: maximum recursion"),
        ],
    )
    def test_errors_are_values(
        self, executor: Executor, text: str, kind: FailureKind, message: str
    ) -> None:
        end = run_one(executor, text)
        assert end.failure is not None
        assert end.failure[0] is kind
        assert end.failure[1].startswith(message)
        assert (end.result, end.is_machine_fault) == (None, False)

    def test_failures_do_not_touch_other_jobs(self, executor: Executor) -> None:
        ends = run(executor, ["error", "square"] * 10)
        assert all((ends[n].failure is None) == (n % 2 == 1) for n in range(20))
        assert ends[19].result == 361

    def test_reports_come_before_their_end(self, executor: Executor) -> None:
        executor.submit(Job(4, "reports"))
        *reports, end = events(executor)
        assert reports == [Report(4, epoch, {"accuracy": epoch / 4}) for epoch in (1, 2, 3)]
        assert isinstance(end, Finished)
        assert end.result == "reported"

    def test_a_job_that_waits_ends_where_the_judge_says(self, executor: Executor) -> None:
        judged: list[Report] = []

        def judge(report: Report) -> bool:
            judged.append(report)
            return report.epoch == 2 + report.number

        executor.judge = judge
        try:
            for number in range(3):
                executor.submit(Job(number, "obey", waits=number != 1))
            arrived = events(executor)
        finally:
            executor.judge = None
        ends = {event.number: event.result for event in arrived if isinstance(event, Finished)}
        assert ends == {0: 2, 1: 20, 2: 4}
        assert [report.epoch for report in judged if report.number == 0] == [1, 2]
        assert [report.epoch for report in judged if report.number == 2] == [1, 2, 3, 4]
        assert not [report for report in judged if report.number == 1]
        reports = [event for event in arrived if isinstance(event, Report)]
        assert len(reports) == 2 + 19 + 4

    def test_nothing_to_wait_for(self, executor: Executor) -> None:
        assert next_event(executor) is None
        assert executor.next_finished(timeout=60) is None

    def test_a_cancelled_job_is_heard_of_no_more(self, executor: Executor) -> None:
        for number in range(4):
            executor.submit(Job(number, "square"))
        executor.cancel(3)
        executor.cancel(0)
        executor.cancel(99)
        assert sorted(event.number for event in events(executor)) == [1, 2]

    def test_a_cancelled_number_may_come_again(self, executor: Executor) -> None:
        executor.submit(Job(2, "reports"))
        assert isinstance(next_event(executor), Report)
        executor.cancel(2)
        assert run(executor, ["none", "none", "square"])[2].result == 4


@pytest.mark.parametrize("name", ALL)
def test_closing_with_jobs_under_way(name: str) -> None:
    executor = ALL[name]()
    for number in range(3):
        executor.submit(Job(number, "square"))
    executor.close()
    executor.close()
    assert next_event(executor) is None


class TestExecutorsWithProcesses:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("lock", "its result cannot be sent to the driver: TypeError: cannot pickle"),
            ("unreadable", "its result cannot be read by the driver: RuntimeError: cannot be re"),
        ],
    )
    def test_results_that_cannot_travel(self, isolated: Executor, text: str, message: str) -> None:
        end = run_one(isolated, text)
        assert end.failure is not None
        assert end.failure[0] is FailureKind.ERROR
        assert end.failure[1].startswith(message)

    def test_a_hanging_job_is_killed(self, isolated: Executor) -> None:
        ends = run(isolated, ["hang", "square", "square"], LIMIT)
        assert ends[0].failure is not None
        assert ends[0].failure[0] is FailureKind.TIME_LIMIT
        assert ends[0].failure[1].startswith("killed after ")
        assert ends[0].is_machine_fault is False
        assert ends[0].seconds >= LIMIT
        assert (ends[1].result, ends[2].result) == (1, 4)

    @pytest.mark.parametrize(
        ("text", "message", "is_machine_fault"),
        [
            ("sigkill", "SIGKILL, which often means that memory ran out", True),
            ("sigsegv", "SIGSEGV", False),
            ("quit", "exit code 7", False),
        ],
    )
    def test_death_is_a_value(
        self, isolated: Executor, text: str, message: str, is_machine_fault: bool
    ) -> None:
        ends = run(isolated, [text, "square"])
        assert ends[0].failure is not None
        assert ends[0].failure[0] is FailureKind.DIED
        assert ends[0].failure[1].endswith(message)
        assert ends[0].is_machine_fault is is_machine_fault
        assert ends[1].result == 1

    def test_a_running_job_can_be_cancelled(self, isolated: Executor) -> None:
        isolated.submit(Job(7, "report-hang"))
        assert isinstance(next_event(isolated), Report)
        isolated.cancel(7)
        assert next_event(isolated) is None
        assert run_one(isolated, "none").failure is None
