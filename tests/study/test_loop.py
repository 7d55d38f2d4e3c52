"""The loop: budgets, duplicates, exhaustion, failures, retries, workers, interruption, resume."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.errors import Reject, RunError
from einsearch.study.describing import Description
from einsearch.study.events import Budget, Callbacks, Several, StopReason, StudyEnd
from einsearch.study.executor import Finished, Job, Report
from einsearch.study.inline import InlineExecutor
from einsearch.study.loop import run_study
from einsearch.study.objective import ObjectiveWork
from einsearch.study.options import Options
from einsearch.study.record import Record
from einsearch.study.resuming import rebuild
from einsearch.study.storage import memory_storage
from einsearch.trial import FailureKind, Trial, TrialState
from tests.study.support import Bits, Climber, bit_space

SPACE = bit_space(10)
DIRECTIONS = {"score": "maximize"}
FAILURE = (FailureKind.DIED, "the worker was killed")


def describe(bits: Bits) -> Description:
    return Description(hash=bits.text, parameters=len(bits.text), metrics={"activation_memory": 7})


def ones(bits: Bits) -> float:
    """How many bits are set; some networks fail, some are rejected."""
    value = int(bits.text, 2)
    if value % 11 == 3:
        raise ValueError("bad luck")
    if value % 11 == 4:
        raise Reject("not this one")
    return bits.text.count("1")


def inline(objective: Callable[[Any], Any] = ones) -> InlineExecutor:
    return InlineExecutor(ObjectiveWork(objective, SPACE.recall, "score"))


class Listener(Callbacks):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def on_start(self, trials: Any, directions: Any, budget: Budget) -> None:
        self.heard.append(("start", len(trials), dict(directions), budget))

    def on_note(self, message: str) -> None:
        self.heard.append(("note", message))

    def on_proposal(self, trial: Trial) -> None:
        self.heard.append(("proposal", trial.number))

    def on_report(self, number: int, epoch: int, metrics: Mapping[str, Any]) -> None:
        self.heard.append(("report", number, epoch, dict(metrics)))

    def on_trial(self, trial: Trial) -> None:
        self.heard.append(("trial", trial.number, str(trial.state)))

    def on_end(self, end: StudyEnd) -> None:
        self.heard.append(("end", end))


class Workers:
    """An executor of several workers whose jobs end in an order that the test decides."""

    def __init__(self, capacity: int, choose: Callable[[int], int] = lambda n: 0) -> None:
        self.capacity = capacity
        self.jobs: deque[Job] = deque()
        self.submitted: list[Job] = []
        self.cancelled: list[int] = []
        self.faults: dict[int, int] = {}
        self.stop_after: int | None = None
        self.choose = choose
        self.work = ObjectiveWork(ones, SPACE.recall, "score")

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self.submitted.append(job)

    def next_finished(self, timeout: float | None = None) -> Finished | Report | None:
        if self.stop_after is not None:
            self.stop_after -= 1
            if self.stop_after < 0:
                raise KeyboardInterrupt
        running = min(len(self.jobs), self.capacity)
        place = self.choose(running) % running
        job = self.jobs[place]
        del self.jobs[place]
        if self.faults.get(job.number, 0) > 0:
            self.faults[job.number] -= 1
            return Finished(job.number, None, FAILURE, True, 0.5)
        return Finished(job.number, self.work(job, lambda *_: False), None, False, 0.25)

    def cancel(self, number: int) -> None:
        self.cancelled.append(number)

    def close(self) -> None:
        self.jobs.clear()


def search(
    record: Record, executor: Any = None, trials: int | None = 30, space: Any = SPACE, **given: Any
) -> StudyEnd:
    options = Options(describe=describe, **given)
    return run_study(
        lambda: Climber(space, seed=3), executor or inline(), record, Budget(trials), options
    )


def memory() -> Record:
    return Record(memory_storage(), directions=DIRECTIONS)


def essence(record: Record) -> list[Any]:
    """What must be equal for two runs of one search: all but times."""
    return [
        (t.number, t.text, t.state, t.values, t.reason, t.parents, t.origin, t.seed)
        for t in record.trials
    ]


def spent(record: Record) -> list[Trial]:
    return [t for t in record.trials if t.state is not TrialState.DUPLICATE]


def test_every_call_of_the_objective_is_a_trial_and_duplicates_are_not() -> None:
    calls: list[str] = []

    def counted(bits: Bits) -> float:
        calls.append(bits.text)
        return ones(bits)

    record = memory()
    end = search(record, inline(counted), trials=45, space=bit_space(6))
    assert end == StudyEnd(StopReason.TRIALS, "the budget of 45 trials is spent")
    assert [t.text for t in spent(record)] == calls
    assert len(set(calls)) == len(calls) == 45
    assert {t.state for t in record.trials} == {
        TrialState.COMPLETE,
        TrialState.FAILED,
        TrialState.REJECTED,
        TrialState.DUPLICATE,
    }


def test_what_a_trial_holds() -> None:
    record = memory()
    search(record, trials=40)
    for trial in spent(record):
        value = int(trial.text, 2) % 11
        wanted = {3: TrialState.FAILED, 4: TrialState.REJECTED}.get(value, TrialState.COMPLETE)
        reason = {3: "error: ValueError: bad luck", 4: "not this one"}.get(value, "")
        values = {} if reason else {"score": float(trial.text.count("1"))}
        assert (trial.state, trial.reason, trial.values) == (wanted, reason, values)
        assert trial.decisions == Bits(trial.text).decisions
        assert trial.hash == trial.text
        assert trial.parameters == 10
        assert trial.timings["propose"] > 0
    assert len({t.seed for t in record.trials}) == len(record.trials)


def test_a_duplicate_has_the_values_and_names_its_original() -> None:
    record = memory()
    search(record, trials=45, space=bit_space(6))
    duplicates = 0
    for trial in record.trials:
        if trial.state is TrialState.DUPLICATE:
            original = next(t for t in record.trials if t.hash == trial.hash)
            assert original.number < trial.number
            assert trial.values == original.values
            assert trial.reason.startswith(f"repeats trial {original.number}")
            assert original.reason in trial.reason
            assert trial.seconds == 0
            duplicates += 1
    assert duplicates > 3


def test_an_exhausted_space_ends_the_search_and_says_so() -> None:
    record = memory()
    end = search(record, trials=None, space=bit_space(3), max_duplicates=50)
    assert end.reason is StopReason.EXHAUSTED
    assert end.message == (
        "nothing new is left: 50 proposals in a row repeated one of the 8 architectures seen"
    )
    assert len(spent(record)) == 8
    assert all(t.state is TrialState.DUPLICATE for t in record.trials[-50:])
    before = len(record.trials)
    assert search(record, trials=None, space=bit_space(3), max_duplicates=50) == end
    assert len(record.trials) == before


def test_a_proposal_equal_to_one_under_way_waits_for_it() -> None:
    record = memory()
    workers = Workers(capacity=4, choose=lambda running: running - 1)
    end = search(record, workers, trials=None, space=bit_space(2), max_duplicates=30)
    assert end.reason is StopReason.EXHAUSTED
    assert len(workers.submitted) == 4
    assert len({job.text for job in workers.submitted}) == 4
    duplicates = [t for t in record.trials if t.state is TrialState.DUPLICATE]
    assert len(duplicates) == len(record.trials) - 4
    for trial in duplicates:
        original = next(t for t in record.trials if t.hash == trial.hash)
        assert trial.values == original.values
        told = [record.entries[t.number].told_as for t in (original, trial)]
        assert None not in told
        assert told == sorted(told)


@pytest.mark.parametrize(("capacity", "jobs"), [(1, 1), (7, 7), (8, 9), (32, 36)])
def test_workers_that_are_many_find_a_job_that_waits(capacity: int, jobs: int) -> None:
    workers, seen = Workers(capacity), []

    class Counting(Callbacks):
        def on_trial(self, trial: Trial) -> None:
            seen.append(len(workers.jobs))

    record = memory()
    search(record, workers, trials=120, space=bit_space(12), callbacks=Counting())
    assert len(spent(record)) == 120
    assert max(seen) == jobs - 1, "the one that ended is gone, and all others are there"


def test_minutes_count_over_sessions_and_what_is_under_way_ends() -> None:
    time = iter(range(0, 10**6, 100))
    record = memory()
    run = lambda: run_study(  # noqa: E731  the same call twice
        lambda: Climber(SPACE, seed=3),
        Workers(capacity=2),
        record,
        Budget(minutes=60),
        Options(describe=describe, clock=lambda: float(next(time))),
    )
    end = run()
    assert end == StudyEnd(StopReason.TIME, "the search has used its part of 60 minutes")
    assert all(t.state.is_finished for t in record.trials)
    assert record.elapsed >= 3600
    count = len(record.trials)
    assert run() == end
    assert len(record.trials) == count


def test_callbacks_hear_everything_in_order() -> None:
    def reporting(job: Job, report: Any) -> Any:
        report(1, {"loss": 0.5})
        return ObjectiveWork(ones, SPACE.recall, "score")(job, report)

    listener, second = Listener(), Listener()
    record = memory()
    end = search(record, InlineExecutor(reporting), trials=2, callbacks=Several(listener, second))
    assert listener.heard == second.heard
    assert listener.heard == [
        ("start", 0, DIRECTIONS, Budget(2)),
        ("proposal", 0),
        ("report", 0, 1, {"loss": 0.5}),
        ("trial", 0, str(record.trials[0].state)),
        ("proposal", 1),
        ("report", 1, 1, {"loss": 0.5}),
        ("trial", 1, str(record.trials[1].state)),
        ("end", end),
    ]


@pytest.mark.parametrize(("retries", "attempts", "state"), [
    (0, 1, TrialState.FAILED), (1, 2, TrialState.FAILED), (2, 3, TrialState.COMPLETE),
])  # fmt: skip
def test_a_death_is_retried_so_many_times(retries: int, attempts: int, state: TrialState) -> None:
    record, listener = memory(), Listener()
    workers = Workers(capacity=1)
    workers.faults[0] = 2
    search(record, workers, trials=2, retries=retries, callbacks=listener)
    assert [job.number for job in workers.submitted] == [0] * attempts + [1]
    assert record.trials[0].state is state
    if state is TrialState.FAILED:
        assert record.trials[0].reason == "died: the worker was killed"
    notes = [event[1] for event in listener.heard if event[0] == "note"]
    assert notes == ["trial 0 runs again: died: the worker was killed"] * (attempts - 1)


def test_failures_of_candidates_are_not_retried() -> None:
    record = memory()
    workers = Workers(capacity=1)
    search(record, workers, trials=30, retries=5)
    assert len(workers.submitted) == 30


def test_an_executor_that_loses_jobs_is_found_out() -> None:
    workers = Workers(capacity=2)
    workers.next_finished = lambda timeout=None: None  # type: ignore[method-assign]
    record = memory()
    with pytest.raises(RunError, match="the executor has lost trials 0, 1; resume the run"):
        search(record, workers)
    assert workers.cancelled == [0, 1]
    assert [t.state for t in record.trials] == [TrialState.RUNNING] * 2


@settings(max_examples=60)
@given(
    capacity=st.sampled_from([1, 2, 3, 4, 17]),
    order=st.lists(st.integers(0, 3), min_size=200, max_size=200),
    stops=st.lists(st.integers(0, 12), max_size=4),
    length=st.integers(3, 10),
)
def test_interrupted_and_resumed_with_any_workers_nothing_is_lost_or_run_twice(
    capacity: int, order: list[int], stops: list[int], length: int
) -> None:
    record, choices = memory(), iter(order)
    space = bit_space(length)
    finished: list[Trial] = []
    for stop in [*stops, None]:
        workers = Workers(capacity, lambda running: next(choices, 0))
        workers.stop_after = stop
        before = record.trials
        end = search(record, workers, trials=20, space=space, max_duplicates=40)
        outstanding = [t.number for t in before if not t.state.is_finished]
        resubmitted = [j.number for j in workers.submitted if j.number < len(before)]
        assert set(resubmitted) <= set(outstanding)
        assert [t for t in record.trials if t.number in {f.number for f in finished}] == finished
        finished = [t for t in record.trials if t.state.is_finished]
        if end.reason is StopReason.INTERRUPTED:
            assert sorted(workers.cancelled) == sorted(j.number for j in workers.jobs)
            assert "run again on resume" in end.message
    assert end.reason in (StopReason.TRIALS, StopReason.EXHAUSTED)
    assert all(t.state.is_finished for t in record.trials)
    assert len(spent(record)) == 20 or end.reason is StopReason.EXHAUSTED
    assert rebuild(lambda: Climber(space, seed=3), record.entries, check_all=True)[1] is None
    hashes = [t.hash for t in spent(record)]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("stop", [0, 1, 2, 7, 19, 29])
def test_a_resumed_search_of_one_worker_is_the_uninterrupted_one(stop: int) -> None:
    whole, parts = memory(), memory()
    search(whole, Workers(capacity=1))
    interrupted = Workers(capacity=1)
    interrupted.stop_after = stop
    assert search(parts, interrupted).reason is StopReason.INTERRUPTED
    listener = Listener()
    assert search(parts, Workers(capacity=1), callbacks=listener).reason is StopReason.TRIALS
    assert essence(parts) == essence(whole)
    assert not [event for event in listener.heard if event[0] == "note"]


def test_more_trials_later_are_those_of_a_longer_search() -> None:
    whole, parts = memory(), memory()
    search(whole, trials=30)
    search(parts, trials=12)
    search(parts, trials=30)
    assert essence(parts) == essence(whole)


def test_an_objective_of_costs_needs_no_value_from_the_work() -> None:
    directions = {"score": "maximize", "parameters": "minimize", "activation_memory": "minimize"}
    record = Record(memory_storage(), directions=directions)
    search(record, trials=3)
    complete = [t for t in record.trials if t.state is TrialState.COMPLETE]
    assert complete
    for trial in complete:
        assert trial.values == {
            "score": trial.text.count("1"),
            "parameters": 10,
            "activation_memory": 7,
        }


def test_weights_are_offered_before_the_trial_is_recorded() -> None:
    from einsearch.study.result import Result

    record, offered = memory(), []

    def work(job: Job, report: Any) -> Result:
        state = TrialState.PRUNED if job.number == 1 else TrialState.COMPLETE
        return Result(state, {"score": 1.0}, weights={"w": job.number})

    def keep(trial: Trial, weights: Mapping[str, Any], answers: Any) -> None:
        assert answers is None
        assert not record.trials[trial.number].state.is_finished
        offered.append((trial.number, trial.state, weights))

    search(record, InlineExecutor(work), trials=3, keep=keep)
    complete = TrialState.COMPLETE
    assert offered == [(0, complete, {"w": 0}), (2, complete, {"w": 2})]


def test_ctrl_c_while_the_searcher_is_rebuilt_ends_in_order() -> None:
    def interrupted() -> Climber:
        raise KeyboardInterrupt

    record = memory()
    end = run_study(interrupted, inline(), record, Budget(3))
    assert end.message == "interrupted; under way and run again on resume: 0 trials"
    assert record.read_attribute("end") == {"reason": "interrupted", "message": end.message}


def test_a_budget_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="a budget of -1 trials: expected 0 or more"):
        Budget(trials=-1)
