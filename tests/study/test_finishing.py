"""The full training at the end of a run: what it keeps, and how it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from einsearch.errors import TaskError
from einsearch.evaluate import candidate
from einsearch.evaluate.candidate import Job, Outcome
from einsearch.study.events import Callbacks
from einsearch.study.launch import resume, search_file
from einsearch.study.run import open_run
from einsearch.study.trained import load_trained
from einsearch.trial import Trial

FULL = 2
"""Epochs of a full training, and of no trial."""

SPACE = """
grammar: g.ein
task: {name: arrays, path: data, target: y}
training: {epochs: 1}
searcher: random
budget: {trials: 2}
executor: inline
final: {top: 1, epochs: 2, seeds: 2}
"""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A small search of a table with test data."""
    (tmp_path / "data").mkdir()
    rows = [f"{n % 7 / 7},{n % 2},{'ab'[n % 2]}" for n in range(60)]
    (tmp_path / "data/train.csv").write_text("\n".join(["u,v,y", *rows]))
    (tmp_path / "data/test.csv").write_text("\n".join(["u,v,y", *rows[:20]]))
    (tmp_path / "g.ein").write_text("language 1\nstart n\nn = linear(2..60) >> (relu | tanh)\n")
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path / "space.yaml"


class Spoiler(Callbacks):
    """Adds a test example of a class that training lacks, once the search is under way."""

    def __init__(self, space: Path) -> None:
        self.test = space.parent / "data/test.csv"
        self.good = self.test.read_text()

    def on_trial(self, trial: Trial) -> None:
        self.test.write_text(self.good + "\n0.1,0.2,c")

    def mend(self) -> None:
        self.test.write_text(self.good)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds that are trained in full from now on."""
    return full_trainings(monkeypatch, lambda count: None)


def full_trainings(monkeypatch: pytest.MonkeyPatch, before: Callable[[int], None]) -> list[int]:
    """The same; `before` is told how many there were, and may raise."""
    seeds: list[int] = []
    train = candidate.evaluate_candidate

    def watched(job: Job, *given: Any) -> Outcome:
        if job.training.epochs == FULL:
            seeds.append(job.seed)
            before(len(seeds))
        return train(job, *given)

    monkeypatch.setattr(candidate, "evaluate_candidate", watched)
    return seeds


def test_a_failing_test_keeps_the_training_and_is_made_good_later(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiler = Spoiler(space)
    message = "has changed since the run began.*Nothing was tested: mend the test data"
    with pytest.raises(TaskError, match=message):
        search_file(space, directory=tmp_path / "run", callbacks=spoiler)
    run = open_run(tmp_path / "run")
    assert run.final is not None
    (row,) = run.final["networks"]
    assert "has changed since the run began" in row["untested"]
    assert row["test"] == {}
    assert set(row["valid"]) >= {"accuracy", "cross_entropy"}
    assert load_trained(run, run.trials[row["number"]]).full == row

    spoiler.mend()
    seeds = counted(monkeypatch)
    whole = resume(tmp_path / "run")
    assert seeds == []
    assert whole.final is not None
    (tested,) = whole.final["networks"]
    assert "untested" not in tested
    assert 0 <= tested["test"]["accuracy"]["mean"] <= 1
    assert {k: tested[k] for k in ("valid", "kept", "weights")} == {
        k: row[k] for k in ("valid", "kept", "weights")
    }


def test_a_crash_between_seeds_loses_the_one_under_way_alone(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search_file(space, directory=tmp_path / "whole")

    def crash(count: int) -> None:
        if count == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        started = full_trainings(patched, crash)
        with pytest.raises(KeyboardInterrupt):
            search_file(space, directory=tmp_path / "run")
    seeds = counted(monkeypatch)
    run = resume(tmp_path / "run")
    assert seeds == started[1:]
    assert run.final == open_run(tmp_path / "whole").final


def test_other_training_data_train_anew(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search_file(space, directory=tmp_path / "run")
    seeds = counted(monkeypatch)
    train = space.parent / "data/train.csv"
    train.write_text(train.read_text().replace("u,v,y\n", "u,v,y\n0.5,0.5,a\n"))
    run = resume(tmp_path / "run", accept_changes=True)
    assert len(seeds) == 2
    assert run.final is not None
    assert len(run.final["networks"]) == 1


def test_a_damaged_file_of_a_seed_is_trained_again(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = search_file(space, directory=tmp_path / "run")
    (tmp_path / "run/final.json").unlink()
    first, second = sorted((tmp_path / "run/weights").glob("final-*"))
    whole = second.read_bytes()
    second.write_bytes(whole[:-9])
    seeds = counted(monkeypatch)
    again = resume(tmp_path / "run")
    assert len(seeds) == 1
    assert len(second.read_bytes()) == len(whole)
    assert all(
        np.array_equal(load(second.read_bytes())[name], t) for name, t in load(whole).items()
    )
    assert first.exists()
    assert again.final == run.final
