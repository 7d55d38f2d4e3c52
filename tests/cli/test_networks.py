"""Commands that take a network of a run further."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from einsearch.evaluate import candidate
from einsearch.evaluate.candidate import Job, Outcome
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.scoring import split_metrics
from einsearch.study.run import open_run
from einsearch.study.trained import load_trained
from tests.cli.conftest import Command


@pytest.fixture
def own(run: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may add to."""
    shutil.copytree(run, tmp_path / "own")
    return tmp_path / "own"


def test_train_gives_validation_and_test_scores(cli: Command, own: Path) -> None:
    words = ("train", own, "--trial", 1, "--epochs", 1, "--seeds", 2)
    status, out, _ = cli(*words, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["number"] == 1
    assert found["failures"] == []
    assert 0 <= found["test"]["accuracy"]["mean"] <= 1
    shown = cli(*words).out
    assert f"{100 * found['test']['accuracy']['mean']:.2f} %" in shown


@pytest.mark.parametrize("words", [("{own}:1",), ("{own}", "--trial", "1"), ("{own}:1", "-t", "1")])
def test_train_gives_the_recorded_score_again(
    cli: Command, own: Path, words: tuple[str, ...]
) -> None:
    called = [word.format(own=own) for word in words]
    status, out, _ = cli("train", *called, "--seeds", 0, "--json")
    (recorded,) = (t for t in json.loads(cli("trials", own, "--json").out) if t["number"] == 1)
    found = json.loads(out)
    assert status == 0
    assert found == {
        "number": 1,
        "again": {
            "values": recorded["values"],
            "recorded": recorded["values"],
            "same": True,
            "reason": "",
        },
        "files": [],
    }
    shown = cli("train", *called, "--seeds", 0).out
    value = f"{100 * recorded['values']['accuracy']:.2f} %"
    assert f"trained again  accuracy {value}, as recorded" in shown


def test_train_says_where_the_score_is_another(cli: Command, own: Path) -> None:
    settings = own / "space.yaml"
    settings.write_text(settings.read_text().replace("batch: 32", "batch: 2"))
    status, out, _ = cli("train", f"{own}:0", "--seeds", 0)
    assert status == 1
    assert "; recorded: accuracy " in out
    assert "(another machine, or other versions?)" in out


def test_two_different_trials_are_a_wrong_call(cli: Command, run: Path) -> None:
    status, _, err = cli("train", f"{run}:1", "--trial", 2)
    assert (status, err) == (2, f"error: {run}:1 names trial 1, and 2 is given beside it\n")


def test_a_trial_that_is_not_there_is_a_wrong_call(cli: Command, run: Path) -> None:
    assert cli("train", f"{run}:3").err == f"error: {run} has no trial 3; they run from 0 to 2\n"
    assert cli("export", f"{run}x:3").err == f"error: there is no run folder {run}x\n"
    err = cli("trials", f"{run}:1").err
    assert err == f"error: there is no run folder {run}:1; the run is {run}\n"


def test_a_trial_is_shown_and_explained_by_run_and_number(cli: Command, run: Path) -> None:
    (trial,) = (t for t in json.loads(cli("trials", run, "--json").out) if t["number"] == 2)
    shown = json.loads(cli("show", f"{run}:2", "--json").out)
    assert (shown["text"], shown["parameters"]) == (trial["text"], trial["parameters"])
    assert shown["input"] == "image:1x8x8"
    explained = [json.loads(cli("explain", *w, "--json").out) for w in ((f"{run}:2",), (run, 2))]
    assert explained[0] == explained[1]
    assert explained[0]["number"] == 2


def test_train_keeps_what_it_trained_and_touches_nothing_else(cli: Command, own: Path) -> None:
    copy = own.rename(own.with_name("a run"))
    (copy / "weights" / "trial-1.safetensors").unlink()
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    status, out, _ = cli("train", f"{copy}:1", "--epochs", 1, "--seeds", 2)
    assert status == 0
    after = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    names = sorted(path.name for path in after.keys() - before.keys())
    assert names[0] == "again-1.safetensors"
    assert [name.startswith("final-1-") for name in names] == [False, True, True, False]
    assert names[3] == "trained.json"
    assert f"einsearch export '{copy}:1'" in out
    (row,) = json.loads((copy / "trained.json").read_text())["networks"]
    assert str(copy / row["weights"]) in out
    trained = load_trained(open_run(copy), open_run(copy).trials[1])
    assert trained.full == row
    score_of = split_metrics(trained.network, trained.task, trained.task.valid, TrainingConfig())
    assert score_of["accuracy"] == row["kept"]["accuracy"]


def test_what_was_trained_before_is_not_trained_again(
    cli: Command, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", f"{own}:1", "--epochs", 1, "--json")
    assert cli(*words, "--seeds", 1).status == 0
    seeds: list[int] = []
    train = candidate.evaluate_candidate

    def count(job: Job, *given: Any) -> Outcome:
        seeds.append(job.seed)
        return train(job, *given)

    monkeypatch.setattr(candidate, "evaluate_candidate", count)
    second = json.loads(cli(*words, "--seeds", 2).out)
    first = open_run(own).trials[1].seed
    assert seeds == [first, first + 1], "as the search did, then the further seed in full"
    assert second["seeds"] == 2


def test_an_export_trains_again_where_weights_were_not_kept(
    cli: Command, own: Path, tmp_path: Path
) -> None:
    whole = open_run(own)
    trial = next(t for t in whole.trials if t.number != whole.final["networks"][0]["number"])
    (own / "weights" / f"trial-{trial.number}.safetensors").unlink()
    words = ("export", f"{own}:{trial.number}", "--format", "safetensors", "--to", tmp_path / "x")
    status, out, err = cli(*words)
    assert (status, out) == (1, "")
    assert f"`einsearch export {own}:{trial.number} --train` trains it again" in err
    assert not (tmp_path / "x").exists()
    status, out, err = cli(*words, "--train")
    assert status == 0
    assert (tmp_path / "x" / "network.safetensors").is_file()
    assert "as recorded" in err
    assert cli(*words, "--train").err.count("trained again") == 0


def test_export_writes_source_and_weights(cli: Command, run: Path, tmp_path: Path) -> None:
    status, out, _ = cli("export", run, "--to", tmp_path / "out")
    assert status == 0
    assert sorted(Path(line).name for line in out.splitlines()) == [
        "README.txt",
        "model.py",
        "weights.safetensors",
    ]
    assert all(Path(line).is_file() for line in out.splitlines())


def test_an_unknown_format_is_a_wrong_call(cli: Command, run: Path) -> None:
    status, _, err = cli("export", run, "--format", "pickle")
    assert status == 2
    assert "pickle is none of" in err
    assert "python" in err


def test_a_file_that_cannot_be_written_is_one_message(
    cli: Command, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "x"
    commands = (("report", run, "--to"), ("draw", "digits", "-o"), ("show", "relu", "-o"))
    for command in commands:
        status, out, err = cli(*command, path)
        assert (status, out) == (1, "")
        assert err.startswith(f"error: cannot write {path}: ")
        assert err.count("\n") == 1


def test_report_is_one_page(cli: Command, run: Path, tmp_path: Path) -> None:
    path = tmp_path / "pages" / "run.html"
    status, out, _ = cli("report", run, "--to", path)
    page = path.read_text(encoding="utf-8")
    assert (status, out) == (0, f"{path}\n")
    assert "Best network: trial" in page
    assert "test accuracy" in page
    assert page.count("<tr") == 1 + 3
    assert "train: 64" in page
