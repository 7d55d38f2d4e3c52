"""What goes into a record comes out of it; what Optuna sees; what cannot be opened."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState as OptunaState

from einsearch.errors import RunError
from einsearch.study.encoding import plain, restore
from einsearch.study.record import Record, sequence_of_events
from einsearch.study.storage import journal_storage, memory_storage, url_storage
from einsearch.trial import Trial, TrialState
from tests.study.support import trial

DIRECTIONS = {"score": "maximize", "size": "minimize"}
FINITE = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
).filter(lambda value: "$float" not in repr(value))
DECISIONS = st.lists(st.tuples(NAMES, NAMES, JSON), max_size=4).map(tuple)
FINISHED = st.sampled_from([s for s in TrialState if s.is_finished])


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    """A finished trial with anything in it."""
    state = draw(FINISHED)
    values = {"score": draw(FINITE), "size": draw(FINITE)}
    return Trial(
        number=0,
        text=draw(st.text(max_size=20)),
        state=state,
        decisions=draw(DECISIONS),
        hash=draw(st.text(max_size=10)),
        values=values if state is TrialState.COMPLETE else {},
        metrics=draw(st.dictionaries(NAMES, JSON, max_size=3)),
        parents=tuple(draw(st.lists(st.integers(0, 99), max_size=2))),
        origin=draw(NAMES),
        seed=draw(st.integers(0, 2**63)),
        parameters=draw(st.integers(0, 10**12)),
        flops=draw(st.integers(0, 10**15)),
        seconds=draw(FINITE),
        budget=draw(st.none() | FINITE),
        timings=draw(st.dictionaries(NAMES, FINITE, max_size=3)),
        reason=draw(st.text(max_size=20)),
        traceback=draw(st.text(max_size=20)),
    )


def same(left: Any, right: Any) -> bool:
    """Equality for which NaN equals NaN."""
    return repr(left) == repr(right)


@settings(max_examples=60)
@given(drawn=trials(), at_once=st.booleans())
def test_a_trial_comes_back_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, drawn: Trial, at_once: bool
) -> None:
    path = tmp_path_factory.mktemp("record") / "journal.log"
    record = Record(journal_storage(path, is_driver=True), directions=DIRECTIONS)
    if at_once:
        given_back = record.propose_finished(drawn, elapsed=2.5)
    else:
        proposed = record.propose(drawn)
        assert proposed.state is TrialState.RUNNING
        assert same(proposed.decisions, drawn.decisions)
        given_back = record.finish(drawn, elapsed=2.5)
    reopened = Record(journal_storage(path))
    assert same(given_back, drawn)
    assert same(reopened.trials, [drawn])
    assert same(reopened.entries, record.entries)
    assert reopened.directions == DIRECTIONS
    assert (reopened.told, reopened.elapsed) == (1, 2.5)


@given(value=JSON)
def test_plain_json_is_strict_and_goes_back(value: Any) -> None:
    assert same(restore(plain(value)), value)
    assert same(plain(value), plain(restore(plain(value))))


def test_numpy_and_tuples_become_what_json_has() -> None:
    mixed = {"a": np.float32(0.5), "b": (1, np.int64(2)), "c": np.array([1.0, np.nan])}
    assert plain(mixed) == {"a": 0.5, "b": [1, 2], "c": [1.0, {"$float": "nan"}]}
    with pytest.raises(TypeError, match="object cannot be recorded: only what JSON has"):
        plain({"a": object()})


def test_what_optuna_sees(tmp_path: Path) -> None:
    storage = journal_storage(tmp_path / "journal.log", is_driver=True)
    record = Record(storage, directions=DIRECTIONS)
    record.propose_finished(trial(0, TrialState.COMPLETE, score=0.5, size=3.0))
    record.propose_finished(trial(1, TrialState.FAILED))
    record.propose_finished(trial(2, TrialState.REJECTED))
    record.propose_finished(trial(3, TrialState.DUPLICATE, score=0.5, size=3.0))
    record.propose_finished(trial(4, TrialState.PRUNED, score=0.1))
    record.propose(trial(5))
    study = record.study
    assert [t.state for t in study.trials] == [
        OptunaState.COMPLETE,
        OptunaState.FAIL,
        OptunaState.FAIL,
        OptunaState.FAIL,
        OptunaState.PRUNED,
        OptunaState.RUNNING,
    ]
    assert study.trials[0].values == [0.5, 3.0]
    assert [d.name for d in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert study.metric_names == ["score", "size"]
    assert [t.number for t in study.best_trials] == [0]
    assert [t.state for t in record.trials] == [
        TrialState.COMPLETE,
        TrialState.FAILED,
        TrialState.REJECTED,
        TrialState.DUPLICATE,
        TrialState.PRUNED,
        TrialState.RUNNING,
    ]


@pytest.mark.parametrize("kind", ["memory", "journal", "sqlite"])
def test_every_storage_keeps_the_same(tmp_path: Path, kind: str) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    storage = {
        "memory": memory_storage,
        "journal": lambda: journal_storage(tmp_path / "journal.log", is_driver=True),
        "sqlite": lambda: url_storage(url),
    }[kind]()
    other = Record(storage, "other", {"loss": "minimize"})
    other.propose(trial(0))
    record = Record(storage, "mine", DIRECTIONS)
    record.propose(trial(0))
    record.propose_finished(trial(1, TrialState.REJECTED))
    record.finish(trial(0, TrialState.COMPLETE, score=1.0, size=2.0))
    record.write_attribute("end", {"reason": "trials"})
    again = (
        Record(storage if kind == "memory" else url_storage(url), "mine")
        if (kind != "journal")
        else Record(journal_storage(tmp_path / "journal.log"), "mine")
    )
    assert again.entries == record.entries
    assert again.read_attribute("end") == {"reason": "trials"}
    assert again.read_attribute("nothing") is None
    assert again.study.trials[0].values == [1.0, 2.0]


def test_a_result_without_optunas_state_is_a_finished_trial(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    record = Record(journal_storage(path, is_driver=True), directions=DIRECTIONS)
    record.propose(trial(0))
    record.finish(trial(0, TrialState.COMPLETE, score=1.0, size=2.0))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    reader = Record(journal_storage(path))
    assert reader.trials == record.trials
    assert reader.study.trials[0].state is OptunaState.RUNNING
    driver = Record(journal_storage(path, is_driver=True), directions=DIRECTIONS)
    assert driver.trials == record.trials
    assert driver.study.trials[0].values == [1.0, 2.0]


def test_the_order_of_events_is_that_of_the_calls() -> None:
    record = Record(memory_storage(), directions=DIRECTIONS)
    record.propose(trial(0))
    record.propose(trial(1))
    record.finish(trial(1, TrialState.FAILED))
    record.propose(trial(2))
    record.propose_finished(trial(3, TrialState.DUPLICATE))
    record.finish(trial(2, TrialState.FAILED))
    record.propose(trial(4))
    events = [(what, t.number) for what, t in sequence_of_events(record.entries)]
    assert events == [
        *(("ask", 0), ("ask", 1), ("tell", 1), ("ask", 2), ("ask", 3)),
        *(("tell", 3), ("tell", 2), ("ask", 4)),
    ]


def test_numbers_have_no_gaps_and_results_come_once() -> None:
    record = Record(memory_storage(), directions=DIRECTIONS)
    with pytest.raises(ValueError, match="trial 1 comes after 0 recorded ones"):
        record.propose(trial(1))
    record.propose_finished(trial(0, TrialState.FAILED))
    with pytest.raises(ValueError, match="trial 0 is FAILED: cannot finish it"):
        record.finish(trial(0, TrialState.FAILED))


def test_objectives_must_be_those_of_the_record(tmp_path: Path) -> None:
    storage = memory_storage()
    Record(storage, directions=DIRECTIONS)
    with pytest.raises(RunError, match="score: maximize, size: minimize, not score: minimize"):
        Record(storage, directions={"score": "minimize"})


def test_studies_of_others_are_refused() -> None:
    storage = memory_storage()
    with pytest.raises(RunError, match="the record memory has no study mine"):
        Record(storage, "mine")
    study = optuna.create_study(storage=storage, study_name="foreign")
    study.add_trial(optuna.trial.create_trial(value=1.0))
    for directions in (None, {"score": "minimize"}):
        with pytest.raises(RunError, match="the study foreign in memory was not made by einsearch"):
            Record(storage, "foreign", directions)
    mine = Record(storage, "mine", {"score": "minimize"})
    mine.study.add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(RunError, match="trial 0 in memory is damaged, or was not written by"):
        Record(storage, "mine")


def test_a_later_format_is_refused() -> None:
    storage = memory_storage()
    record = Record(storage, directions=DIRECTIONS)
    record.write_attribute("einsearch", {"format": 99, "directions": DIRECTIONS})
    with pytest.raises(RunError, match=r"later version of einsearch \(format 99"):
        Record(storage)


def test_after_a_failed_write_nothing_more_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.log"
    record = Record(journal_storage(path, is_driver=True), directions=DIRECTIONS, place="here")
    record.propose(trial(0))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match="cannot write the record here: No space left on device"):
            record.finish(trial(0, TrialState.FAILED))
    size = path.stat().st_size
    with pytest.raises(RunError, match="could not be written before; resume the run"):
        record.propose(trial(1))
    assert path.stat().st_size == size
    assert path.read_bytes().startswith(before)
    assert record.trials == [trial(0)]


def test_ctrl_c_waits_for_the_end_of_a_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.log"
    record = Record(journal_storage(path, is_driver=True), directions=DIRECTIONS)
    fsync = os.fsync

    def interrupted(descriptor: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        fsync(descriptor)

    record.propose(trial(0))
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        record.finish(replace(trial(0), state=TrialState.FAILED))
    monkeypatch.undo()
    assert record.trials[0].state is TrialState.FAILED
    assert Record(journal_storage(path)).trials == record.trials
    record.propose(trial(1))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_one_flush_a_trial_before_the_searcher_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.log"
    record = Record(journal_storage(path, is_driver=True), directions=DIRECTIONS)
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda _: flushed.append(path.stat().st_size))
    for number in range(3):
        record.propose(trial(number))
        record.report(number, 1, 0.5)
        assert len(flushed) == number
        assert Record(journal_storage(path)).trials[number] == trial(number)
        record.finish(trial(number, TrialState.COMPLETE, score=1.0, size=2.0))
        assert len(flushed) == number + 1
        assert flushed[-1] == path.stat().st_size
    record.propose_finished(trial(3, TrialState.DUPLICATE, score=1.0, size=2.0))
    assert len(flushed) == 4
    assert flushed[-1] == path.stat().st_size


class TestPauses:
    """A trial that is paused, goes on, and ends or is closed."""

    def record(self, path: Path) -> Record:
        return Record(journal_storage(path, is_driver=True), directions=DIRECTIONS)

    def paused(self, number: int, budget: float, score: float) -> Trial:
        values = {"score": score, "size": 2.0}
        made = trial(number, TrialState.PRUNED, **values)
        return replace(made, budget=budget, reason="third of five")

    def reopened(self, path: Path, record: Record) -> Record:
        """As a reader and as a driver have it, which must be as the record itself."""
        for read in (Record(journal_storage(path)), self.record(path)):
            assert read.entries == record.entries
            assert (read.told, read.elapsed) == (record.told, record.elapsed)
        return read

    def test_it_goes_on_and_ends(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.log"
        record = self.record(path)
        record.propose(trial(0))
        paused = record.finish(self.paused(0, 1.0, 0.3), 5.0, is_open=True)
        assert paused.state is TrialState.PRUNED
        assert record.entries[0].is_open
        assert self.reopened(path, record).study.trials[0].state is OptunaState.RUNNING
        running = record.promote(0, 3.0)
        assert (running.state, running.budget, running.reason) == (TrialState.RUNNING, 3.0, "")
        assert running.values == {"score": 0.3, "size": 2.0}
        assert self.reopened(path, record).trials == [running]
        record.propose(trial(1))
        again = record.finish(self.paused(0, 3.0, 0.5), 7.0, is_open=True)
        self.reopened(path, record)
        record.promote(0, 9.0)
        ended = record.finish(replace(self.paused(0, 9.0, 0.8), state=TrialState.COMPLETE), 9.0)
        read = self.reopened(path, record)
        assert read.study.trials[0].state is OptunaState.COMPLETE
        assert read.study.trials[0].values == [0.8, 2.0]
        assert (read.told, read.elapsed) == (3, 9.0)
        events = [(what, t.budget) for what, t in sequence_of_events(read.entries)]
        assert events == [("ask", 9.0), ("tell", 1.0), ("ask", None), ("tell", 3.0), ("tell", 9.0)]
        assert [t.trial for t in read.entries[0].tellings] == [paused, again, ended]

    def test_it_is_closed_for_good(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.log"
        record = self.record(path)
        record.propose(trial(0))
        paused = record.finish(self.paused(0, 1.0, 0.3), 5.0, is_open=True)
        closed = record.close_trial(replace(paused, reason="last of nine"))
        assert closed == replace(paused, reason="last of nine")
        read = self.reopened(path, record)
        assert not read.entries[0].is_open
        assert read.study.trials[0].state is OptunaState.PRUNED
        assert read.told == 1
        with pytest.raises(ValueError, match="trial 0 is PRUNED, and not paused"):
            record.promote(0, 3.0)

    def test_reports_are_intermediate_values_of_optuna(self, tmp_path: Path) -> None:
        record = self.record(tmp_path / "journal.log")
        record.propose(trial(0))
        record.report(0, 1, 0.25)
        record.report(0, 2, 0.5)
        assert record.study.trials[0].intermediate_values == {1: 0.25, 2: 0.5}

    def test_constraints_are_known_to_optuna(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.log"
        record = Record(journal_storage(path, is_driver=True), directions={"score": "maximize"})
        record.propose(trial(0))
        record.propose(trial(1))
        good = trial(0, TrialState.COMPLETE, score=0.5)
        better = trial(1, TrialState.COMPLETE, score=0.9)
        record.finish(replace(good, excess={"latency": -0.1}))
        record.finish(replace(better, excess={"latency": 0.5}, reason="slow"))
        read = Record(journal_storage(path))
        assert read.entries == record.entries
        assert read.trials[1].violation == 0.5
        assert [t.system_attrs["constraints"] for t in read.study.trials] == [[-0.1], [0.5]]
        assert read.study.best_trial.number == 0
