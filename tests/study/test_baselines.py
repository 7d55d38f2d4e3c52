"""Simple models beside the networks of a run: when they are scored, kept, tested and told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einsearch as es
from einsearch.baselines import models
from einsearch.baselines.models import Fit, Model
from einsearch.errors import RunError, SpaceFileError
from einsearch.specs import image
from einsearch.study import baselines
from einsearch.study.events import Callbacks
from einsearch.study.executor import Finished, Job
from einsearch.study.launch import resume, search_file, search_grammar
from einsearch.study.spacefile import load_space_file
from einsearch.trial import Trial

SPACE = """
grammar: g.ein
task: {name: arrays, path: data, target: y}
training: {epochs: 1}
searcher: random
budget: {trials: 2}
executor: inline
baselines: true
"""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A small search of a table with test data, of which three quarters are told by a rule."""
    (tmp_path / "data").mkdir()
    random = np.random.default_rng(0)
    rows = [f"{u:.3f},{v:.3f},{'ab'[int(u > 0)]}" for u, v in random.normal(size=(80, 2))]
    (tmp_path / "data/train.csv").write_text("\n".join(["u,v,y", *rows[:60]]))
    (tmp_path / "data/test.csv").write_text("\n".join(["u,v,y", *rows[60:]]))
    (tmp_path / "g.ein").write_text("language 1\nstart n\nn = linear(2..60) >> (relu | tanh)\n")
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path / "space.yaml"


class Notes(Callbacks):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.before: list[bool] = []

    def on_note(self, message: str) -> None:
        self.notes.append(message)


def said(folder: Path) -> dict[str, dict[str, Any]]:
    found = json.loads((folder / "baselines.json").read_text())
    return {row["name"]: row for row in found["baselines"]}


def test_models_are_scored_before_and_tested_after_the_search(space: Path, tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    class Watch(Notes):
        def on_trial(self, trial: Trial) -> None:
            seen.update(said(tmp_path / "run"))

    watch = Watch()
    run = search_file(space, directory=tmp_path / "run", callbacks=watch)

    names = ["dummy", "nearest neighbour", "linear model", "gradient boosting"]
    assert list(seen) == names
    assert not any("test" in row for row in seen.values())
    assert run.baselines is not None
    rows = said(tmp_path / "run")
    assert [set(rows[name]["test"]) for name in names] == [
        {"accuracy", "balanced_accuracy", "f1", "auc", "cross_entropy"}
    ] * 4
    assert rows["linear model"]["test"]["accuracy"] > rows["dummy"]["test"]["accuracy"]
    told = next(note for note in watch.notes if note.startswith("without a search, accuracy: "))
    assert told.endswith("dummy 53.33 %") or "dummy" in told


def test_a_model_that_fails_is_a_row_with_its_reason(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(fit: Fit) -> Any:
        raise ValueError("the oven is cold")

    monkeypatch.setattr(models, "MODELS", (Model("oven", broken, lambda task: True),))
    run = search_file(space, directory=tmp_path / "run")

    assert run.find_best() is not None
    row = said(tmp_path / "run")["oven"]
    assert row["failure"] == "error: ValueError: the oven is cold"
    assert row["valid"] == {}
    assert "test" not in row


def test_a_model_that_cannot_be_tested_says_why(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scored_once(fit: Fit) -> Any:
        if len(fit.train) > 55:
            raise ValueError("too many guests")
        return lambda x: np.zeros((len(x), 2), np.float32)

    monkeypatch.setattr(models, "MODELS", (Model("oven", scored_once, lambda task: True),))
    search_file(space, directory=tmp_path / "run")

    assert said(tmp_path / "run")["oven"]["untested"] == "error: ValueError: too many guests"


def test_what_does_not_fit_into_the_time_is_not_tested(space: Path, tmp_path: Path) -> None:
    run = search_file(space, directory=tmp_path / "run", final={"top": 0})
    assert run.folder is not None
    task = es_task(space)

    baselines.finish_baselines(run.folder, task, time.monotonic() - 1)
    assert {row["untested"] for row in said(tmp_path / "run").values()} == {"no time was left"}

    baselines.finish_baselines(run.folder, task, time.monotonic() + 100)
    assert not any("untested" in row for row in said(tmp_path / "run").values())
    assert all(row["test"] for row in said(tmp_path / "run").values())


def es_task(space: Path) -> Any:
    from einsearch.tasks.registry import make_task

    file = load_space_file(space)
    return make_task(file.task, file.base)


def test_test_data_that_cannot_be_read_are_a_reason(space: Path, tmp_path: Path) -> None:
    run = search_file(space, directory=tmp_path / "run", final={"top": 0})
    assert run.folder is not None
    task = es_task(space)
    test = tmp_path / "data/test.csv"
    test.write_text(test.read_text() + "\n0.1,0.2,c")

    baselines.finish_baselines(run.folder, task, time.monotonic() + 100)

    assert {"c" in row["untested"] for row in said(tmp_path / "run").values()} == {True}


def test_without_a_last_stage_nothing_is_tested(space: Path, tmp_path: Path) -> None:
    search_file(space, directory=tmp_path / "run", final={"top": 0})

    assert not any("test" in row for row in said(tmp_path / "run").values())


def test_going_on_keeps_what_was_scored(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search_file(space, directory=tmp_path / "run")
    before = (tmp_path / "run/baselines.json").read_text()

    def never(*given: Any) -> Any:
        raise AssertionError("it is scored again")

    monkeypatch.setattr(baselines, "score_on", never)
    monkeypatch.setattr(baselines, "score_on_test", never)
    resume(tmp_path / "run", trials=3)

    assert (tmp_path / "run/baselines.json").read_text() == before


def test_other_data_are_scored_again(space: Path, tmp_path: Path) -> None:
    search_file(space, directory=tmp_path / "run")
    before = json.loads((tmp_path / "run/baselines.json").read_text())
    train = tmp_path / "data/train.csv"
    train.write_text(train.read_text() + "\n0.5,0.5,b")

    resume(tmp_path / "run", trials=3, accept_changes=True)

    after = json.loads((tmp_path / "run/baselines.json").read_text())
    assert after["data"] != before["data"]


def test_folds_are_those_of_the_search(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, int]] = []

    def noted(fit: Fit) -> Any:
        sizes.append((len(fit.train), 0))
        return lambda x: np.zeros((len(x), 2), np.float32)

    monkeypatch.setattr(models, "MODELS", (Model("noted", noted, lambda task: True),))
    search_file(space, directory=tmp_path / "run", training={"epochs": 1, "folds": 3})

    assert sizes[:3] == [(40, 0)] * 3
    assert json.loads((tmp_path / "run/baselines.json").read_text())["folds"] == 3


@pytest.mark.parametrize(
    ("section", "budget", "seconds"),
    [
        (None, {"minutes": 10}, 18.0),
        (None, {"minutes": 60}, 20.0),
        (None, {"minutes": 0.1}, 0.0),
        (None, {"trials": 5}, 0.0),
        (True, {"trials": 5}, 20.0),
        (False, {"minutes": 10}, 0.0),
    ],
)
def test_the_time_is_a_small_part_of_the_minutes(
    space: Path, section: bool | None, budget: dict[str, Any], seconds: float
) -> None:
    file = load_space_file(space).changed(
        budget={"trials": None, "minutes": None, **budget}, baselines=section
    )

    assert baselines.seconds_for(file) == pytest.approx(seconds)


class Slow:
    """An executor whose first job never ends, and that notes what is cancelled."""

    judge = None
    capacity = 1

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.cancelled: list[int] = []

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def next_finished(self, timeout: float | None = None) -> Finished | None:
        return None

    def cancel(self, number: int) -> None:
        self.cancelled.append(number)

    def close(self) -> None:
        self.jobs.clear()


def test_what_does_not_end_in_time_is_cancelled(space: Path) -> None:
    executor = Slow()

    rows = baselines._scored(es_task(space), 1, executor, 2.0)

    assert executor.cancelled == [0, 1, 2, 3]
    assert {row["failure"] for row in rows} == {"not scored in 2.0 s"}


def test_nothing_is_scored_where_it_is_switched_off(space: Path, tmp_path: Path) -> None:
    run = search_file(space, directory=tmp_path / "run", baselines=False)

    assert run.baselines is None
    assert not (tmp_path / "run/baselines.json").exists()


def test_an_objective_of_ones_own_has_none(tmp_path: Path) -> None:
    grammar = es.load_grammar("digits")

    run = search_grammar(
        grammar,
        lambda derivation: 1.0,
        input=image(1, 8, 8),
        trials=1,
        directory=tmp_path / "run",
    )

    assert run.baselines is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found.pop("data"), "it lacks folds, data or baselines"),
        (lambda found: found.update(folds=0), "folds is 0"),
        (lambda found: found["baselines"][0].update(valid={"accuracy": "good"}), "accuracy"),
        (lambda found: found["baselines"][0].update(name="x" * 99), "name"),
        (lambda found: found["baselines"][0].update(seconds=-1.0), "seconds"),
    ],
)
def test_a_damaged_file_is_an_error_that_says_where(
    space: Path, tmp_path: Path, change: Callable[[Any], Any], message: str
) -> None:
    run = search_file(space, directory=tmp_path / "run", final={"top": 0})
    path = tmp_path / "run/baselines.json"
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))

    with pytest.raises(RunError, match=message):
        _ = run.baselines


def test_a_value_that_is_no_truth_is_an_error(space: Path) -> None:
    space.write_text(SPACE.replace("baselines: true", "baselines: perhaps"))

    with pytest.raises(SpaceFileError, match="baselines"):
        load_space_file(space)
