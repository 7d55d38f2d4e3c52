"""What a run says: from memory, from its folder, while it runs, after it ended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from einsearch.errors import NoCompleteTrial, RunError
from einsearch.study.folder import RunFolder
from einsearch.study.opening import drive
from einsearch.study.run import Run, open_run
from einsearch.study.weights import WeightStore
from einsearch.trial import Trial, TrialState
from tests.study.support import trial
from tests.study.test_weights import weights_of

DIRECTIONS = {"score": "maximize", "size": "minimize"}


def some_trials() -> list[Trial]:
    complete = TrialState.COMPLETE
    return [
        trial(0, complete, score=0.5, size=3.0),
        trial(1, TrialState.FAILED),
        trial(2, complete, score=0.9, size=5.0),
        trial(3, TrialState.DUPLICATE, score=0.9, size=5.0),
        trial(4, complete, score=0.9, size=6.0),
        trial(5, TrialState.PRUNED, score=0.99),
    ]


def test_a_run_without_a_complete_trial_says_why_none_is() -> None:
    reasons = [*["error: no such column"] * 2, "x" * 500, *(f"reason {i}" for i in range(5))]
    with drive(None, DIRECTIONS) as driving:
        for number, reason in enumerate(reasons):
            failed = replace(trial(number, TrialState.FAILED), reason=reason)
            driving.record.propose_finished(failed)
        with pytest.raises(NoCompleteTrial) as caught:
            _ = Run(driving.record).best
    message = str(caught.value)
    assert message.startswith("no trial of 8 is complete: 2 FAILED (error: no such column), 1 ")
    assert "and 2 other reasons. run.trials[NUMBER].traceback" in message
    assert len(message) < 600


def test_best_front_and_architectures() -> None:
    with drive(None, DIRECTIONS) as driving:
        run = Run(driving.record)
        assert (run.find_best(), run.pareto_front, run.architectures) == (None, [], [])
        with pytest.raises(NoCompleteTrial, match="no trial is complete: none was made yet"):
            _ = run.best
        for done in some_trials():
            driving.record.propose_finished(done)
    trials = some_trials()
    assert run.trials == trials
    assert run.best == trials[2]
    assert run.pareto_front == [trials[2], trials[0]]
    assert run.architectures == [trials[2].text, trials[4].text, trials[0].text]
    assert (run.directory, run.final, run.weights(trials[2])) == (None, None, None)
    assert repr(run) == "<Run in memory: 6 trials, interrupted>"


def test_hypervolume_and_epochs() -> None:
    with drive(None, DIRECTIONS) as driving:
        run = Run(driving.record)
        assert (run.hypervolume(), run.epochs) == (0.0, 0)
        for done in some_trials():
            spans = [[0, 1], [1, 3]] if done.number != 3 else []
            driving.record.propose_finished(replace(done, metrics={"trained": spans}))
    assert run.hypervolume() == pytest.approx(0.4 * 1)
    assert run.hypervolume({"score": 0.0, "size": 10.0}) == pytest.approx(0.5 * 7 + 0.4 * 5)
    assert run.epochs == 15
    with pytest.raises(RunError, match="has no value for size"):
        run.hypervolume({"score": 0.0})


def test_equal_texts_are_one_architecture() -> None:
    with drive(None, {"score": "maximize"}) as driving:
        for number in range(3):
            done = Trial(number, "relu", TrialState.COMPLETE, values={"score": 1.0})
            driving.record.propose_finished(done)
        assert Run(driving.record).architectures == ["relu"]


def test_a_run_is_opened_while_it_goes_on_and_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "run"
    folder = RunFolder.create(path)
    with pytest.raises(RunError, match="has no record yet: no trial was made"):
        open_run(path)
    with drive(folder, DIRECTIONS) as driving:
        driving.record.propose(some_trials()[0])
        assert open_run(path).state == "running"
        assert [t.state for t in open_run(path).trials] == [TrialState.RUNNING]
        driving.record.finish(some_trials()[0])
        driving.record.write_attribute("end", {"reason": "hours", "message": ""})
        driving.record.propose(trial(1))
    run = open_run(path)
    assert run.state == "interrupted"
    with drive(folder, DIRECTIONS) as driving:
        driving.record.finish(some_trials()[1])
    run = open_run(path)
    assert run.state == "hours"
    assert run.directory == path
    assert run.trials == some_trials()[:2]
    assert run.entries[1].told_as == 1
    assert repr(run) == f"<Run in {path}: 2 trials, hours>"


def test_weights_and_final_results(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    trials = some_trials()
    with drive(folder, DIRECTIONS) as driving:
        driving.record.propose_finished(trials[0])
    WeightStore(folder, DIRECTIONS).offer(trials[0], weights_of(0))
    folder.write_final({"a": 1})
    run = open_run(folder.path)
    assert (run.weights(trials[0]) or {}).keys() == {"w", "n"}
    with pytest.raises(RunError, match="the weights of trial 2 were not kept"):
        run.weights(trials[2])
    assert run.final == {"a": 1}


def test_a_record_in_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    folder = RunFolder.create(tmp_path / "run", storage=url, study="mine")
    with drive(folder, DIRECTIONS) as driving:
        for done in some_trials():
            driving.record.propose_finished(done)
    assert open_run(folder.path).trials == some_trials()
    assert not folder.journal.exists()


def test_a_second_driver_is_refused_and_repairs_are_told(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    with drive(folder, DIRECTIONS) as driving:
        assert driving.notes == ()
        with pytest.raises(RunError, match="is in use by process"):
            drive(folder, DIRECTIONS)
        driving.record.propose_finished(some_trials()[0])
    with folder.journal.open("ab") as file:
        file.write(b'{"op_code": 4, "to')
    with drive(folder, DIRECTIONS) as driving:
        assert len(driving.notes) == 1
        assert "was torn (18 bytes)" in driving.notes[0]
        assert driving.record.trials == some_trials()[:1]


def test_a_driver_that_cannot_begin_gives_the_folder_back(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    with drive(folder, DIRECTIONS):
        pass
    with pytest.raises(RunError, match="has the objectives score: maximize, size: minimize"):
        drive(folder, {"other": "minimize"})
    with drive(folder, DIRECTIONS) as driving:
        assert driving.record.trials == []
