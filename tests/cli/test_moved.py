"""Runs that were moved, or whose data are elsewhere or changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einsearch as es
from einsearch.errors import RunError
from einsearch.study.folder import TASK, RunFolder
from einsearch.study.launch import resume, search_file
from einsearch.study.run import open_run
from einsearch.study.taskfile import recorded_fingerprint, recorded_input, recorded_task
from einsearch.study.trained import described_task, load_trained, train_again, train_in_full
from einsearch.tasks.registry import make_task
from tests.cli.conftest import Command

SPACE = """
grammar: g.ein
task: {name: arrays, path: data/d.npz}
training: {epochs: 1, batch: 32}
searcher: random
budget: {trials: 1}
executor: inline
final: {top: 1, epochs: 1, seeds: 1}
"""


def save(path: Path, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((60, 3)).astype(np.float32)
    np.savez(path, train_x=x, train_y=(x[:, 0] > 0).astype(np.int64))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with data, a run of them, and what it came from; moved since."""
    before = tmp_path / "before"
    (before / "data").mkdir(parents=True)
    save(before / "data/d.npz", 0)
    (before / "g.ein").write_text("start n\nn = linear(2..60) >> (relu | tanh) >> linear(4)\n")
    (before / "space.yaml").write_text(SPACE)
    search_file(before / "space.yaml", directory=before / "runs/one")
    before.rename(tmp_path / "after")
    return tmp_path / "after"


def test_a_run_without_data_is_shown_reported_and_exported(
    home: Path,
    cli: Command,
    tmp_path: Path,
) -> None:
    shutil.rmtree(home / "data")
    run = home / "runs/one"
    assert "linear" in cli("show", f"{run}:0").out
    for words in (("best", run), ("explain", f"{run}:0"), ("report", run), ("trials", run)):
        assert cli(*words).status == 0
    found = cli("export", run, "--to", tmp_path / "out")
    assert (found.status, found.err) == (0, "")
    assert "a = (" not in (tmp_path / "out/model.py").read_text()
    assert "MEAN" in (tmp_path / "out/model.py").read_text()
    trained = load_trained(open_run(run))
    assert trained.examples(3) is None
    with pytest.raises(RunError, match=r"data of the run .* are not there .*before/data/d\.npz.*"):
        resume(run, trials=2)
    status, _, err = cli("train", f"{run}:0")
    assert (status, "--data PATH" in err) == (1, True)


def test_a_moved_run_goes_on_with_the_data_that_moved_along(home: Path) -> None:
    run = home / "runs/one"
    assert len(resume(run, trials=2).trials) == 2
    settings = (run / "space.yaml").read_text()
    assert str(home / "data/d.npz") in settings
    assert "before" not in settings
    assert RunFolder(run).origin == run
    examples = load_trained(open_run(run)).examples(3)
    assert examples is not None
    assert examples.shape == (3, 3)


def test_data_may_lie_beside_the_run_or_where_one_says(home: Path, tmp_path: Path) -> None:
    run = home / "runs/one"
    (home / "data/d.npz").rename(home / "runs/d.npz")
    assert len(resume(run, trials=2).trials) == 2
    (home / "runs/d.npz").rename(tmp_path / "other.npz")
    assert len(resume(run, trials=3, data=tmp_path / "other.npz").trials) == 3
    assert len(resume(run, trials=4).trials) == 4


def test_other_data_are_refused_or_taken_on_purpose(home: Path, cli: Command) -> None:
    run = home / "runs/one"
    save(home / "data/d.npz", 1)
    with pytest.raises(RunError, match=r"began with something else: data/path has changed\. Its"):
        resume(run, trials=2)
    status, _, err = cli("resume", run, "--trials", 2)
    assert (status, "--accept-changes" in err) == (1, True)
    opened = open_run(run)
    assert len(opened.trials) == 1
    with pytest.raises(RunError, match="data/path has changed"):
        train_again(opened, opened.trials[0])
    with pytest.raises(RunError, match="data/path has changed"):
        train_in_full(opened, opened.trials[0], 1, 1)
    assert load_trained(opened).examples(3) is None
    assert len(resume(run, trials=2, accept_changes=True).trials) == 2
    assert len(resume(run, trials=3).trials) == 3


def test_a_file_of_a_folder_that_comes_goes_or_changes_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    x = np.random.default_rng(0).standard_normal((60, 3)).astype(np.float32)
    np.save(data / "train_x.npy", x)
    np.save(data / "train_y.npy", (x[:, 0] > 0).astype(np.int64))
    (tmp_path / "g.ein").write_text("start n\nn = linear(2..60) >> relu\n")
    (tmp_path / "space.yaml").write_text(SPACE.replace("data/d.npz", "data"))
    run = tmp_path / "run"
    search_file(tmp_path / "space.yaml", directory=run, final={"top": 0})
    np.save(data / "train_x.npy", x + 1)
    np.save(data / "test_x.npy", x)
    np.save(data / "test_y.npy", (x[:, 0] > 0).astype(np.int64))
    message = r"data/path/test_x.npy is new; data/path/test_y.npy is new; data/path/train_x.npy has"
    with pytest.raises(RunError, match=message):
        resume(run, trials=2)


def test_a_task_without_files_counts_by_its_arrays(tmp_path: Path) -> None:
    (tmp_path / "g.ein").write_text("start n\nn = linear(2..60) >> relu\n")
    space = tmp_path / "space.yaml"
    space.write_text(SPACE.replace("arrays, path: data/d.npz", "spirals, train: 64"))
    search_file(space, directory=tmp_path / "run", final={"top": 0})
    folder = RunFolder(tmp_path / "run")
    assert set(recorded_fingerprint(folder)) == {
        "data/training examples",
        "data/validation examples",
    }
    assert len(resume(folder.path, trials=2).trials) == 2
    settings = (folder.path / "space.yaml").read_text()
    (folder.path / "space.yaml").write_text(settings.replace("train: 64", "train: 80"))
    with pytest.raises(RunError, match="data/training examples has changed"):
        resume(folder.path, trials=3)


GRAMMAR = es.parse_grammar("start n\nn = linear(2..60) >> (relu | tanh)\n")


def size(derivation: Any) -> float:
    return float(derivation.graph().parameters)


def depth(derivation: Any) -> float:
    return float(derivation.graph().parameters > 100)


def test_another_objective_is_refused_or_taken_on_purpose(tmp_path: Path) -> None:
    es.search(GRAMMAR, size, input=es.vector(8), trials=2, directory=tmp_path / "run")
    with pytest.raises(RunError, match="source of the objective has changed"):
        resume(tmp_path / "run", objective=depth, trials=3)
    assert len(resume(tmp_path / "run", objective=size, trials=3).trials) == 3
    run = resume(tmp_path / "run", objective=depth, trials=4, accept_changes=True)
    assert len(run.trials) == 4


def test_a_lambda_counts_by_what_it_does(tmp_path: Path) -> None:
    es.search(GRAMMAR, lambda d: 1.0, input=es.vector(8), trials=2, directory=tmp_path / "run")
    again = lambda d: 1.0  # noqa: E731
    assert len(resume(tmp_path / "run", objective=again, trials=3).trials) == 3
    with pytest.raises(RunError, match=r"code of the objective in Python 3\.\d+ has changed"):
        resume(tmp_path / "run", objective=lambda d: 2.0, trials=4)


def test_a_run_that_kept_no_task_asks_for_its_data(home: Path) -> None:
    run = home / "runs/one"
    (run / TASK).unlink()
    assert recorded_task(RunFolder(run)) is None
    assert load_trained(open_run(run)).task.describe()["output"] == "vector:2"
    assert len(resume(run, trials=2).trials) == 2
    assert recorded_task(RunFolder(run)) is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, r"written by a later version of einsearch \(format 2\)"),
        ({"format": None}, "in line 1: format is empty: expected a whole number"),
        ({"task": 7}, "in line 1: task is 7: expected keys with values"),
        ({"task": {}}, "expected the keys fields and described"),
        ({"task": {"fields": {}, "described": {}}}, "the field name is missing"),
        ({"input": "image:a"}, "input: "),
    ],
)
def test_a_damaged_file_is_one_error(home: Path, change: dict[str, Any], message: str) -> None:
    path = home / "runs/one" / TASK
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    folder = RunFolder(home / "runs/one")
    read = recorded_input if "input" in change else recorded_task
    with pytest.raises(RunError, match=message):
        read(folder)


def test_statistics_and_specs_come_back_exactly(home: Path) -> None:
    folder = RunFolder(home / "runs/one")
    made = make_task({"name": "arrays", "path": str(home / "data/d.npz")})
    kept = described_task(folder)
    assert (kept.input, kept.output, kept.loss) == (made.input, made.output, made.loss)
    assert kept.statistics == made.statistics
    assert kept.describe() == made.describe()
    assert len(kept.train) == 0
