"""Searches by successive halving with pauses: who goes on, what is paid, what a crash leaves."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState as OptunaState

from einsearch.study.budgets import Rungs
from einsearch.study.checkpoints import CheckpointStore
from einsearch.study.events import Budget, Callbacks, StopReason, StudyEnd
from einsearch.study.executor import Finished, Job, Report
from einsearch.study.folder import RunFolder
from einsearch.study.inline import InlineExecutor
from einsearch.study.loop import run_study
from einsearch.study.objective import ObjectiveWork
from einsearch.study.opening import drive
from einsearch.study.options import Options
from einsearch.study.places import FolderPlace
from einsearch.study.promoting import PromotingScheduler
from einsearch.study.record import Record
from einsearch.study.run import Run
from einsearch.study.storage import memory_storage
from einsearch.trial import Trial, TrialState
from tests.study.staged import Staged, after, value_of
from tests.study.support import Bits, Climber, bit_space
from tests.study.test_budgets import asha
from tests.study.test_loop import describe

SPACE = bit_space(10)
DIRECTIONS = {"score": "maximize"}
RUNGS = Rungs.between(1, 9, 3)


class Log(Callbacks):
    """Which trial was trained to which epoch, in order."""

    def __init__(self) -> None:
        self.jobs: list[tuple[int, float | None]] = []
        self.told: list[Trial] = []

    def on_proposal(self, trial: Trial) -> None:
        self.jobs.append((trial.number, trial.budget))

    def on_trial(self, trial: Trial) -> None:
        self.told.append(trial)


def search(
    record: Record,
    executor: Any,
    trials: int | None = 30,
    store: CheckpointStore | None = None,
    space: Any = SPACE,
    **given: Any,
) -> StudyEnd:
    scheduler = PromotingScheduler(RUNGS, record.directions, store or CheckpointStore())
    options = Options(describe=describe, scheduler=scheduler, **given)
    return run_study(lambda: Climber(space, seed=3), executor, record, Budget(trials), options)


def memory() -> Record:
    return Record(memory_storage(), directions=DIRECTIONS)


def inline(objective: Staged) -> InlineExecutor:
    return InlineExecutor(ObjectiveWork(objective, SPACE.recall, "score"))


def essence(record: Record) -> list[Any]:
    """What must be equal for two runs of one search: all but times."""
    return [
        (t.number, t.text, t.state, t.values, t.reason, t.parents, t.budget, t.metrics)
        for t in record.trials
    ]


def originals(record: Record) -> list[Trial]:
    return [t for t in record.trials if t.state is not TrialState.DUPLICATE]


@pytest.fixture(scope="module")
def whole() -> tuple[Record, Log, Staged]:
    """A search by one worker."""
    record, log, objective = memory(), Log(), Staged()
    end = search(record, inline(objective), callbacks=log)
    assert end.reason is StopReason.TRIALS
    return record, log, objective


class TestOneWorker:
    def test_who_goes_on_is_who_the_paper_says(self, whole: tuple[Record, Log, Staged]) -> None:
        record, log, _ = whole
        trials = originals(record)
        place = {trial.number: number for number, trial in enumerate(trials)}
        scores = [
            [value_of(Bits(t.text), after(Bits(t.text), epoch)) for epoch in RUNGS.epochs]
            for t in trials
        ]
        jobs = [(place[number], RUNGS.of(budget)) for number, budget in log.jobs]
        assert jobs == asha(scores, len(RUNGS.epochs), RUNGS.promote)
        assert Counter(rung for _, rung in jobs) == {0: 30, 1: 12, 2: 4}

    def test_every_epoch_is_trained_once(self, whole: tuple[Record, Log, Staged]) -> None:
        record, _, objective = whole
        assert max(Counter(objective.epochs).values()) == 1
        for trial in originals(record):
            assert ((trial.text, 1) in objective.epochs) is True
            spans = trial.metrics["trained"]
            ends = [0, *(end for _, end in spans)]
            assert spans == [list(span) for span in itertools.pairwise(ends)]
            assert ends[-1] == trial.budget
            assert len(trial.metrics["history"]) == trial.budget
        assert Run(record).epochs == len(objective.epochs)
        assert len(objective.epochs) < 30 * 9 / 3

    def test_states_and_values(self, whole: tuple[Record, Log, Staged]) -> None:
        record, _, _ = whole
        for trial in originals(record):
            assert trial.budget in RUNGS.epochs
            is_full = trial.budget == 9
            assert trial.state is (TrialState.COMPLETE if is_full else TrialState.PRUNED)
            bits = Bits(trial.text)
            assert trial.values == {"score": value_of(bits, after(bits, int(trial.budget)))}
            rung = RUNGS.of(trial.budget)
            start = f"rung {rung}, {trial.budget:g} epoch"
            assert trial.reason.startswith("" if is_full else start)
        worst = min(originals(record), key=lambda t: t.values["score"] + 100 * (t.budget or 0))
        assert ", behind trials " in worst.reason

    def test_the_searcher_hears_every_result(self, whole: tuple[Record, Log, Staged]) -> None:
        record, log, _ = whole
        told = [(t.number, t.budget) for t in log.told if t.state is not TrialState.DUPLICATE]
        assert told == log.jobs
        tellings = [telling for entry in record.entries for telling in entry.tellings]
        assert sorted(telling.position for telling in tellings) == list(range(len(log.told)))

    def test_optuna_knows_who_is_out(self, whole: tuple[Record, Log, Staged]) -> None:
        record, _, _ = whole
        study = record.study
        for trial, frozen in zip(record.trials, study.trials, strict=True):
            if trial.state is TrialState.DUPLICATE:
                continue
            is_full = trial.state is TrialState.COMPLETE
            assert frozen.state is (OptunaState.COMPLETE if is_full else OptunaState.PRUNED)
            assert list(frozen.intermediate_values) == list(range(1, int(trial.budget or 0) + 1))

    def test_the_same_seed_gives_the_same_search(self, whole: tuple[Record, Log, Staged]) -> None:
        again = memory()
        search(again, inline(Staged()))
        assert essence(again) == essence(whole[0])


class Interrupting(InlineExecutor):
    """One worker that Ctrl-C reaches after some results."""

    def __init__(self, objective: Staged, stop_after: int) -> None:
        super().__init__(ObjectiveWork(objective, SPACE.recall, "score"))
        self.stop_after = stop_after

    def next_finished(self, timeout: float | None = None) -> Finished | Report | None:
        self.stop_after -= 1
        if self.stop_after < 0:
            raise KeyboardInterrupt
        return super().next_finished(timeout)


class TestResuming:
    @pytest.mark.parametrize(
        ("stop", "loses"),
        [(0, False), (3, False), (20, False), (47, False), (106, False), (8, True), (80, True)],
    )
    def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(
        self, whole: tuple[Record, Log, Staged], tmp_path: Path, stop: int, loses: bool
    ) -> None:
        """Even where the checkpoints are gone: only more epochs are paid for then."""
        folder = RunFolder.create(tmp_path / "run")
        parts = Staged()
        with drive(folder, DIRECTIONS) as driving:
            store = CheckpointStore(FolderPlace(folder))
            end = search(driving.record, Interrupting(parts, stop), store=store)
            assert end.reason is StopReason.INTERRUPTED
        if loses:
            shutil.rmtree(folder.checkpoints, ignore_errors=True)
        with drive(folder, DIRECTIONS) as driving:
            end = search(driving.record, inline(parts), store=CheckpointStore(FolderPlace(folder)))
            assert end.reason is StopReason.TRIALS
            found = essence(driving.record)
            paid = Run(driving.record).epochs
        wanted = essence(whole[0])
        if loses:
            assert [row[:-1] for row in found] == [row[:-1] for row in wanted]
            assert paid >= Run(whole[0]).epochs
        else:
            assert found == wanted
            # The job that Ctrl-C took may have run an epoch or more before.
            assert max(Counter(parts.epochs).values()) <= 2
        assert not list(folder.checkpoints.glob("*"))

    def test_only_what_may_go_on_has_a_checkpoint(self, tmp_path: Path) -> None:
        folder = RunFolder.create(tmp_path / "run")
        with drive(folder, DIRECTIONS) as driving:
            record, store = driving.record, CheckpointStore(FolderPlace(folder))
            search(record, Interrupting(Staged(), 40), store=store)
            may = {e.trial.number for e in record.entries if e.is_open or not e.is_finished}
            stored = {int(p.stem.removeprefix("trial-")) for p in folder.checkpoints.iterdir()}
            assert stored == {n for n in may if record.entries[n].tellings}
            assert any(e.is_finished and not e.is_open for e in record.entries)
        folder.write("checkpoints/trial-99.ckpt", b"of a trial that the record does not list")
        with drive(folder, DIRECTIONS) as driving:
            search(
                driving.record,
                Interrupting(Staged(), 1),
                store=CheckpointStore(FolderPlace(folder)),
            )
        kept = (folder.checkpoints / "trial-99.ckpt").read_bytes()
        assert kept == b"of a trial that the record does not list"

    def test_more_trials_later_begin_with_those_that_are_open(self) -> None:
        record = memory()
        search(record, inline(Staged()), trials=9)
        before = record.trials
        assert {e.is_open for e in record.entries} == {False}
        search(record, inline(Staged()), trials=30)
        assert record.trials[: len(before)] == before
        assert len(originals(record)) == 30

    def test_few_checkpoints_are_enough(self, whole: tuple[Record, Log, Staged]) -> None:
        record, objective, store = memory(), Staged(), CheckpointStore()
        scheduler = PromotingScheduler(RUNGS, DIRECTIONS, store, keep=2)
        most = 0
        put = store.put

        def watched(number: int, content: bytes) -> None:
            nonlocal most
            put(number, content)
            most = max(most, len(store.numbers))

        store.put = watched  # type: ignore[method-assign]
        options = Options(describe=describe, scheduler=scheduler)
        searcher: Callable[[], Climber] = lambda: Climber(SPACE, seed=3)  # noqa: E731  read once
        run_study(searcher, inline(objective), record, Budget(30), options)
        assert most == 3
        assert [row[:-1] for row in essence(record)] == [row[:-1] for row in essence(whole[0])]


class TestEnds:
    @pytest.mark.parametrize("trials", [1, 2, 5])
    def test_somebody_is_trained_in_full(self, trials: int) -> None:
        record = memory()
        search(record, inline(Staged()), trials=trials)
        complete = [t for t in record.trials if t.state is TrialState.COMPLETE]
        assert len(complete) == 1
        assert complete[0].budget == 9

    def test_a_failure_on_the_way_up_ends_a_trial(self, whole: tuple[Record, Log, Staged]) -> None:
        full = next(t for t in whole[0].trials if t.state is TrialState.COMPLETE)
        record, log = memory(), Log()
        search(record, inline(Staged(breaks_at={full.text: 3})), callbacks=log)
        broken = record.trials[full.number]
        assert broken.state is TrialState.FAILED
        assert broken.reason == "error: RuntimeError: broken"
        assert broken.values == {}
        assert [t.state for t in log.told if t.number == full.number] == [
            TrialState.PRUNED,
            TrialState.FAILED,
        ]
        assert record.study.trials[full.number].state is OptunaState.FAIL

    def test_time_ends_it_where_it_stands(self) -> None:
        time = iter(range(10**6))
        record = memory()
        scheduler = PromotingScheduler(RUNGS, DIRECTIONS, CheckpointStore())
        end = run_study(
            lambda: Climber(SPACE, seed=3),
            inline(Staged()),
            record,
            Budget(minutes=0.6),
            Options(describe=describe, scheduler=scheduler, clock=lambda: float(next(time))),
        )
        assert end.reason is StopReason.TIME
        assert not any(entry.is_open for entry in record.entries)

    def test_an_exhausted_space_is_trained_to_the_end(self) -> None:
        record = memory()
        end = search(record, inline(Staged()), None, space=bit_space(3), max_duplicates=40)
        assert end.reason is StopReason.EXHAUSTED
        budgets = Counter(trial.budget for trial in originals(record))
        assert budgets == {1.0: 5, 3.0: 2, 9.0: 1}


class Shuffled:
    """Workers whose jobs end in an order that the test decides; Ctrl-C after some results."""

    def __init__(self, capacity: int, choose: Callable[[int], int], stop: int | None) -> None:
        self.capacity = capacity
        self.judge = None
        self.choose = choose
        self.stop = stop
        self.jobs: list[Job] = []
        self.work = ObjectiveWork(Staged(), SPACE.recall, "score")

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def next_finished(self, timeout: float | None = None) -> Finished:
        if self.stop is not None:
            self.stop -= 1
            if self.stop < 0:
                raise KeyboardInterrupt
        job = self.jobs.pop(self.choose(len(self.jobs)) % len(self.jobs))
        return Finished(job.number, self.work(job, lambda *_: False), None, False, 0.25)

    def cancel(self, number: int) -> None:
        self.jobs = [job for job in self.jobs if job.number != number]

    def close(self) -> None:
        self.jobs.clear()


@settings(max_examples=40)
@given(
    capacity=st.integers(1, 5),
    order=st.lists(st.integers(0, 4), min_size=150, max_size=150),
    stops=st.lists(st.integers(0, 15), max_size=3),
)
def test_with_many_workers_and_stops_nobody_is_lost_and_only_the_best_go_on(
    capacity: int, order: list[int], stops: list[int]
) -> None:
    record, choices, store = memory(), iter(order), CheckpointStore()
    for stop in [*stops, None]:
        end = search(record, Shuffled(capacity, lambda _: next(choices, 0), stop), 18, store)
    assert end.reason is StopReason.TRIALS
    trials = originals(record)
    assert len(trials) == 18
    assert all(t.state in (TrialState.PRUNED, TrialState.COMPLETE) for t in trials)
    for trial in trials:
        bits = Bits(trial.text)
        assert trial.values == {"score": value_of(bits, after(bits, int(trial.budget or 0)))}
        assert [telling.trial.budget for telling in record.entries[trial.number].tellings] == list(
            RUNGS.epochs[: RUNGS.epochs.index(int(trial.budget or 0)) + 1]
        )
    for rung, epochs in enumerate(RUNGS.epochs[:-1]):
        here = [t for t in trials if (t.budget or 0) >= epochs]
        scores = {t.number: value_of(Bits(t.text), after(Bits(t.text), epochs)) for t in here}
        on = [t.number for t in here if (t.budget or 0) > epochs]
        best = sorted(scores, key=lambda n: (-scores[n], n))[: len(here) // RUNGS.promote]
        assert set(best) <= set(on), f"one of the best of rung {rung} did not go on"
    assert store.numbers == set()
