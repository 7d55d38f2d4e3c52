"""`~` wherever people give a path, in YAML too, and checkpoints of runs that are moved about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einsearch as es
from einsearch.errors import SpaceFileError
from einsearch.study.launch import resume, search_file
from einsearch.study.spacefile import load_space_file
from einsearch.tasks.registry import make_task


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and a working folder beside it that stays as it is."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    x = np.random.default_rng(0).standard_normal((60, 3)).astype(np.float32)
    np.savez(home / "d.npz", train_x=x, train_y=(x[:, 0] > 0).astype(np.int64))
    (home / "g.ein").write_text("start n\nn = linear(2..60) >> (relu | tanh) >> linear(4)\n")
    (home / "s.yaml").write_text(
        "grammar: ~/g.ein\ntask: {name: arrays, path: ~/d.npz}\n"
        "training: {epochs: 3}\nsearcher: random\nexecutor: inline\nfinal: {top: 0}\n"
        "budget: {trials: 2, epochs: {min: 1, checkpoints: ~/paused}}\n"
    )
    return home


def test_a_file_with_tildes_is_searched(home: Path) -> None:
    run = search_file("~/s.yaml", directory="~/runs/one")
    assert run.directory == home / "runs/one"
    assert (home / "paused").is_dir()
    assert list(Path.cwd().iterdir()) == []
    assert len(resume("~/runs/one", trials=3, data="~/d.npz").trials) >= 3


def test_tasks_and_grammars_with_tildes_are_read(home: Path) -> None:
    assert len(make_task({"name": "arrays", "path": "~/d.npz"}, Path.cwd()).train) == 51
    assert es.load_grammar("~/g.ein").start == "n"
    with pytest.raises(SpaceFileError, match=rf"there is no grammar {home}/other\.ein"):
        load_space_file("~/s.yaml").changed(grammar="~/other.ein")


def test_checkpoints_at_a_relative_path_are_found_from_elsewhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def objective(derivation: Any, stage: Any) -> float:
        for epoch in range(1, stage.epochs + 1):
            stage.report(epoch, float(epoch))
        stage.checkpoint = b"state"
        return 1.0

    (home / "one").mkdir()
    monkeypatch.chdir(home / "one")
    pruner = {"pruner": "asha", "min": 1, "max": 4, "checkpoints": "paused"}
    es.search(
        es.load_grammar("~/g.ein"),
        objective,
        input=es.vector(3),
        trials=1,
        searcher="random",
        directory="run",
        pruner=pruner,
    )
    settings = (home / "one/run/space.yaml").read_text()
    assert f"checkpoints: {home}/one/paused" in settings
    monkeypatch.chdir(home)
    run = resume("one/run", objective=objective, trials=2)
    assert [trial.state for trial in run.trials if trial.state is es.TrialState.FAILED] == []
    assert list(home.glob("*/paused")) == [home / "one/paused"]


@pytest.mark.parametrize(
    "url", ["s3://key:s3cret@bucket/a", "gs://bucket/a?token=s3cret", "memory://me:s3cret@a"]
)
def test_checkpoints_at_a_url_with_a_secret_are_refused(home: Path, url: str) -> None:
    text = (home / "s.yaml").read_text().replace("~/paused", f'"{url}"')
    (home / "s.yaml").write_text(text)
    with pytest.raises(SpaceFileError, match="the URL holds a secret") as caught:
        load_space_file(home / "s.yaml")
    assert "s3cret" not in caught.value.message
