"""What is particular to worker processes: how they start, end, and whom they take along."""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from einsearch.errors import EinsearchError, TaskError
from einsearch.study import process
from einsearch.study.executor import Finished, Job, Report
from einsearch.study.inline import InlineExecutor
from einsearch.study.local import LocalExecutor
from einsearch.study.process import count_memory_kills, explain_death
from einsearch.study.worker import Parcel
from einsearch.trial import FailureKind
from tests.study import work

ROOT = Path(__file__).parents[2]


@contextmanager
def local(factory: Any = work.build, workers: int = 1, **options: Any) -> Iterator[LocalExecutor]:
    executor = LocalExecutor(factory, workers, **options)
    try:
        yield executor
    finally:
        executor.close()


def run_one(executor: LocalExecutor | InlineExecutor, text: str) -> Finished:
    executor.submit(Job(0, text))
    while not isinstance(event := executor.next_finished(), Finished):
        assert isinstance(event, Report)
    return event


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it reaped or not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] in "ZX"


def wait_until_gone(pid: int) -> None:
    end = time.monotonic() + 30
    while not is_gone(pid):
        assert time.monotonic() < end, "the process lives on"
        time.sleep(0.01)


def test_work_is_built_once_in_each_process() -> None:
    with local() as executor:
        results = [run_one(executor, "state").result for _ in range(3)]
        assert results == [(1, "1", False)] * 3
        assert run_one(executor, "pid").result == run_one(executor, "pid").result != os.getpid()
    with local(threads=3) as executor:
        assert run_one(executor, "state").result == (1, "3", False)


def test_several_processes_work() -> None:
    """Each of two holds a job at the same time: neither ends before both have reported."""
    with local(workers=2) as executor:
        pids = set()
        for number in range(2):
            executor.submit(Job(number, "report-hang"))
        for _ in range(2):
            event = executor.next_finished()
            assert isinstance(event, Report)
            pids.add(event.metrics["pid"])
        assert len(pids) == 2


def test_time_runs_out_while_a_job_goes_on() -> None:
    with local() as executor:
        executor.submit(Job(0, "hang"))
        assert executor.next_finished(timeout=0) is None
        assert executor.next_finished(timeout=0.01) is None
        executor.cancel(0)
        assert run_one(executor, "square").failure is None


def test_workers_leave_ctrl_c_to_the_driver() -> None:
    with local() as executor:
        assert run_one(executor, "interrupt").failure is None


def test_a_stopped_process_is_killed_too() -> None:
    with local() as executor:
        executor.submit(Job(0, "stop", seconds=0.2))
        end = executor.next_finished()
        assert isinstance(end, Finished)
        assert end.failure is not None
        assert end.failure[0] is FailureKind.TIME_LIMIT
        assert end.failure[1].startswith("killed after 1.")


@pytest.mark.parametrize(("text", "message"), [
    ("hoard", "it asked for more memory than there is for it"),
    ("hoard-shared", r"killed as it held [67]\d\d MB, more than its share"),
    ("hoard-in-a-child", r"killed as it held [67]\d\d MB, more than its share"),
])  # fmt: skip
def test_a_process_that_holds_too_much_memory_ends_alone(text: str, message: str) -> None:
    with local(memory=600_000_000) as executor:
        end = run_one(executor, text)
        assert end.failure is not None
        assert end.failure[0] is FailureKind.OUT_OF_MEMORY
        assert re.fullmatch(message, end.failure[1])
        assert not end.is_machine_fault
        assert run_one(executor, "square").failure is None


def test_children_of_a_killed_process_are_killed() -> None:
    with local() as executor:
        executor.submit(Job(0, "child"))
        report = executor.next_finished()
        assert isinstance(report, Report)
        executor.cancel(0)
        wait_until_gone(report.metrics["pid"])


def test_what_a_job_leaves_behind_ends_with_it() -> None:
    """But for its plain children: those of a pool serve the next job."""
    with local() as executor:
        executor.submit(Job(0, "sessions"))
        report, end = executor.next_finished(), executor.next_finished()
        assert isinstance(report, Report)
        assert isinstance(end, Finished)
        assert end.result == "started"
        assert is_gone(report.metrics["own"])
        assert is_gone(report.metrics["orphan"])
        assert not is_gone(report.metrics["child"])
        assert run_one(executor, "square").failure is None
    assert is_gone(report.metrics["child"])


@pytest.mark.parametrize("text", ["sessions-hang", "sessions-die"])
def test_sessions_of_their_own_end_with_a_killed_job(text: str) -> None:
    with local() as executor:
        executor.submit(Job(0, text, seconds=2.0))
        report, end = executor.next_finished(), executor.next_finished()
        assert isinstance(report, Report)
        assert isinstance(end, Finished)
        assert end.failure is not None
        for pid in report.metrics.values():
            wait_until_gone(pid)


@pytest.mark.parametrize(
    ("text", "result"), [("fork", 0), ("fork-raise", 0), ("fork-exit", 256), ("fork-report", 1)]
)
def test_a_child_that_comes_back_ends(text: str, result: int) -> None:
    for executor in (LocalExecutor(work.build, 1), InlineExecutor(work.do)):
        end = run_one(executor, text)
        assert (end.failure, end.result) == (None, result)
        assert run_one(executor, "square").result == 0
        assert executor.next_finished(0.0) is None
        executor.close()


def test_what_is_not_of_the_job_at_hand_is_ignored() -> None:
    with local() as executor:
        executor.submit(Job(5, "report-hang"))
        assert isinstance(executor.next_finished(), Report)
        (worker,) = executor._workers
        stray = pickle.dumps(Finished(4, "stray", None, False, 0.0))
        for parcel in (Parcel(4, True, stray), Parcel(5, False, stray), Parcel(5, False, b"")):
            executor._events.put((worker, parcel))
        assert executor.next_finished(0.0) is None
        assert worker.job == Job(5, "report-hang")


def test_death_is_noticed_while_a_child_holds_the_pipe() -> None:
    with local() as executor:
        executor.submit(Job(0, "orphan"))
        report, end = executor.next_finished(), executor.next_finished()
        assert isinstance(report, Report)
        assert is_gone(report.metrics["pid"])
        assert isinstance(end, Finished)
        assert end.failure == (FailureKind.DIED, "the process ended with exit code 7")


def test_a_process_killed_while_idle_is_replaced() -> None:
    with local() as executor:
        pid = run_one(executor, "pid").result
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until_gone(pid)
        ends = [run_one(executor, "pid") for _ in range(2)]
        # A job that was sent before the death is noticed is lost by the machine's fault.
        assert all(end.is_machine_fault for end in ends if end.failure)
        assert ends[1].failure is None
        assert ends[1].result != pid


def test_closing_kills_what_runs() -> None:
    with local() as executor:
        executor.submit(Job(0, "report-hang"))
        report = executor.next_finished()
    assert isinstance(report, Report)
    assert is_gone(report.metrics["pid"])


DRIVER = """
from einsearch.study.executor import Job
from einsearch.study.local import LocalExecutor
from tests.study.work import build

if __name__ == "__main__":
    executor = LocalExecutor(build, 1)
    executor.submit(Job(0, {text!r}))
    print(executor.next_finished().metrics["pid"], flush=True)
    {end}
"""


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Any]:
    """Starts a driver of one worker in a process of its own; gives it and its worker's pid."""
    started: list[tuple[subprocess.Popen[str], int]] = []

    def start(text: str, end: str) -> tuple[subprocess.Popen[str], int]:
        script = tmp_path / "driver.py"
        script.write_text(DRIVER.format(text=text, end=end))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(script)]
        driving = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert driving.stdout is not None
        started.append((driving, int(driving.stdout.readline())))
        return started[-1]

    yield start
    for driving, worker in started:
        driving.kill()
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
        driving.communicate()


def test_workers_die_with_a_killed_driver(driver: Any) -> None:
    driving, worker = driver("report-hang", "executor.next_finished()")
    driving.kill()
    wait_until_gone(worker)


def test_so_do_processes_of_theirs_with_a_session_of_their_own(driver: Any) -> None:
    driving, own = driver("own-session-hang", "executor.next_finished()")
    driving.kill()
    wait_until_gone(own)


def test_a_process_that_the_driver_has_forked_keeps_none_alive(driver: Any) -> None:
    """It holds the driver's ends of all pipes open."""
    fork = "import os; os.fork() or os._exit(len(os.read(0, 1))); executor.next_finished()"
    driving, worker = driver("report-hang", fork)
    driving.kill()
    wait_until_gone(worker)


def test_workers_outlive_the_thread_that_started_them() -> None:
    started: list[LocalExecutor] = []
    thread = threading.Thread(target=lambda: started.append(LocalExecutor(work.build, 1)))
    thread.start()
    thread.join()
    first = run_one(started[0], "pid").result
    assert first is not None
    assert run_one(started[0], "pid").result == first
    started[0].close()


def test_a_driver_that_forgets_to_close_ends_all_the_same(driver: Any) -> None:
    driving, worker = driver("report-hang", "pass")
    assert driving.wait(timeout=60) == 0
    wait_until_gone(worker)


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "workers.log"
    with local(log=log) as executor:
        run_one(executor, "print")
        run_one(executor, "escape")
        run_one(executor, "sigsegv")
    text = log.read_text()
    assert text.startswith("said by job 0\ntrial 0:\nTraceback (most recent call last):\n")
    assert "in raise_it" in text
    assert "ValueError: \\x1b[31mred" in text
    assert "Segmentation fault" in text


class TestStart:
    def test_an_error_of_the_factory_is_raised_as_it_is(self) -> None:
        with local(work.build_badly, workers=2) as executor:
            executor.submit(Job(0, "square"))
            with pytest.raises(TaskError, match=r"^there is no data\.npz$"):
                executor.next_finished()

    def test_an_unforeseen_error_is_explained(self) -> None:
        with local(work.build_wrongly) as executor:
            executor.submit(Job(0, "square"))
            with pytest.raises(EinsearchError, match="cannot start: KeyError: 'x'") as caught:
                executor.next_finished()
            assert "build_wrongly" in caught.value.__notes__[0]

    def test_death_while_starting_is_an_error(self) -> None:
        with local(work.build_and_die) as executor:
            executor.submit(Job(0, "square"))
            with pytest.raises(EinsearchError, match=r"before it was ready: .* exit code 9"):
                executor.next_finished()

    def test_kills_while_starting_do_not_go_on_for_ever(self) -> None:
        with local(work.build_killed) as executor:
            executor.submit(Job(0, "square"))
            with pytest.raises(EinsearchError, match=r"before it was ready: .* SIGKILL"):
                executor.next_finished()

    def test_a_factory_that_does_not_pickle_is_refused(self) -> None:
        with pytest.raises(EinsearchError, match="cannot be sent to worker processes"):
            LocalExecutor(partial(max, threading.Lock()))

    def test_a_script_without_a_guard_runs_once(self, tmp_path: Path) -> None:
        script = tmp_path / "unguarded.py"
        script.write_text(
            DRIVER.replace('if __name__ == "__main__":', "if True:").format(
                text="report-hang", end="pass"
            )
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, str(script)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.split()) == 1


@pytest.mark.parametrize(
    ("code", "has_memory_kill", "kind", "message", "is_machine_fault"),
    [
        (3, False, FailureKind.DIED, "the process ended with exit code 3", False),
        (0, True, FailureKind.DIED, "the process ended with exit code 0", False),
        (-9, True, FailureKind.OUT_OF_MEMORY, "SIGKILL: the machine had no memory left", False),
        (-9, False, FailureKind.DIED, "SIGKILL, which often means that memory ran out", True),
        (-15, True, FailureKind.DIED, "the process was ended by SIGTERM", True),
        (-11, True, FailureKind.DIED, "the process was ended by SIGSEGV", False),
        (-99, False, FailureKind.DIED, "the process was ended by signal 99", False),
    ],
)
def test_causes_of_death(
    code: int, has_memory_kill: bool, kind: FailureKind, message: str, is_machine_fault: bool
) -> None:
    death = explain_death(code, has_memory_kill=has_memory_kill)
    assert death.failure[0] is kind
    assert death.failure[1].endswith(message)
    assert death.is_machine_fault is is_machine_fault


def test_kills_for_memory_are_read_from_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, counter = tmp_path / "silent", tmp_path / "memory.events"
    silent.write_text("pgfault 3\noom_kill many\n")
    counter.write_text("low 0\noom 2\noom_kill 5\noom_group_kill 1\n")
    for paths, expected in (
        ((), 0),
        ((tmp_path / "missing", silent), 0),
        ((tmp_path / "missing", silent, counter), 5),
    ):
        monkeypatch.setattr(process, "_KERNEL_COUNTERS", paths)
        assert count_memory_kills() == expected
