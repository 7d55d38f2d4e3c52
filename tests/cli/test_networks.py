"""Commands that take a network of a run further."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_train_gives_validation_and_test_scores(cli: Command, run: Path) -> None:
    words = ("train", run, "--trial", 1, "--epochs", 1, "--seeds", 2)
    status, out, _ = cli(*words, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["number"] == 1
    assert found["failures"] == []
    assert 0 <= found["test"]["accuracy"]["mean"] <= 1
    shown = cli(*words).out
    assert f"{100 * found['test']['accuracy']['mean']:.2f} %" in shown


@pytest.mark.parametrize("words", [("{run}:1",), ("{run}", "--trial", "1"), ("{run}:1", "-t", "1")])
def test_train_gives_the_recorded_score_again(
    cli: Command, run: Path, words: tuple[str, ...]
) -> None:
    called = [word.format(run=run) for word in words]
    status, out, _ = cli("train", *called, "--seeds", 0, "--json")
    (recorded,) = (t for t in json.loads(cli("trials", run, "--json").out) if t["number"] == 1)
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
    }
    shown = cli("train", *called, "--seeds", 0).out
    value = f"{100 * recorded['values']['accuracy']:.2f} %"
    assert f"trained again  accuracy {value}, as recorded" in shown


def test_train_says_where_the_score_is_another(cli: Command, run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    settings = copy / "space.yaml"
    settings.write_text(settings.read_text().replace("batch: 32", "batch: 2"))
    status, out, _ = cli("train", f"{copy}:0", "--seeds", 0)
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


def test_train_writes_nothing(cli: Command, run: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    cli("train", run, "--epochs", 1, "--seeds", 1)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


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
