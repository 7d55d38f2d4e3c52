"""Searches of data from the command line: what is told, and what is asked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from einsearch.api import open_run
from einsearch.cli.sources import set_values, spelt
from einsearch.study.spacefile import load_space_file
from tests.cli.conftest import Command
from tests.study.test_fromdata import houses

QUICK = (
    "--trials",
    2,
    "--executor",
    "inline",
    "--set",
    "training.epochs=1",
    "--set",
    "final.epochs=1",
)


def test_a_table_is_searched_tested_and_searched_again(cli: Command, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    status, out, err = cli("search", houses(tmp_path), "--target", "price", "--run", folder, *QUICK)
    assert status == 0
    lines = err.splitlines()
    assert lines[0] == f"Searching houses in {folder}"
    assert lines[1].startswith("48 rows of 2 features, a number price from ")
    assert "--target-kind classes makes classes of them" in lines[2]
    assert lines[3].endswith("is kept back for the test, --test 0 keeps none")
    assert lines[4].startswith("grammar ")
    assert "test rmse" in out
    made = folder / "space.yaml"
    assert made.read_text().startswith(f"# Made from {tmp_path / 'houses.csv'}: 48 rows of 2 feat")
    assert load_space_file(made).task["target"] == "price"
    status, out, err = cli("search", made, "--run", tmp_path / "again", "--trials", 1, "--json")
    assert status == 0, err
    assert json.loads(out)["final"]["test"]


def test_a_run_of_data_goes_on_for_further_minutes(cli: Command, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ("search", houses(tmp_path), "--target", "price", "--run", folder, "--no-baselines")
    assert cli(*words, *QUICK).status == 0
    spent = open_run(folder).spent.total
    status, _, err = cli("resume", folder, "--more", 0.1, "--executor", "inline")
    assert status == 0, err
    minutes = open_run(folder).minutes
    assert minutes is not None
    assert minutes == pytest.approx(spent / 60 + 0.1)
    status, _, err = cli("resume", folder, "--more", 1, "--minutes", 2)
    assert status == 2
    assert "--more and --minutes say the same: give one of them" in err


def test_minutes_are_divided_in_brief_before_the_search(cli: Command, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 3))
    np.savez(tmp_path / "rows.npz", x=x, y=(x[:, 0] > 0).astype(int))
    words = ("--minutes", 0.2, "--trials", 1, "--executor", "inline", "--run", tmp_path / "run")
    err = cli("search", tmp_path / "rows.npz", *words).err
    assert "12.0 s in all: search " in err
    assert "a candidate takes " in err


def test_a_plan_says_what_was_understood(cli: Command, tmp_path: Path) -> None:
    words = ("plan", houses(tmp_path), "--target", "price", "--minutes", 1)
    status, out, _ = cli(*words)
    assert status == 0
    assert out.startswith("48 rows of 2 features, a number price from ")
    assert "\ngrammar " in out
    assert "full training  " in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("houses.csv",), "Say --target first, --target last, or the name of a column; its first "),
        (("houses.csv", "--target", "prize"), "has no column prize; did you mean price?"),
        (("house.csv", "--target", "price"), "there is no file .*; did you mean houses.csv?"),
        (
            ("report.pdf",),
            "report.pdf is neither data nor a search space. Data are .csv, .tsv, .npz",
        ),
        (("one.npy",), "one.npy is neither data nor a search space"),
        (("empty",), "empty has no train_x and train_y"),
        (("digits", "--target", "x"), "digits is a search space, .*: leave --target out"),
        (("houses.csv", "--submit", "http://x"), "--submit takes a search-space file"),
        (("houses.csv", "--set", "training"), "--set training: expected KEY=VALUE"),
        (("houses.csv", "--target", "price", "--set", "training.epoch=1"), "did you mean epochs"),
        (
            ("houses.csv", "--target", "price", "--grammar", "nope"),
            "no packaged grammar named nope",
        ),
    ],
)
def test_a_mistake_is_one_clear_error(
    cli: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    told: str,
) -> None:
    houses(tmp_path)
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.4 \xff")
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "one.npy", np.zeros(3))
    monkeypatch.chdir(tmp_path)
    status, out, err = cli("search", *words)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert re.search(told, err)
    assert not (tmp_path / "runs").exists()


def test_a_search_of_nothing_teaches(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    houses(tmp_path)
    monkeypatch.chdir(tmp_path)
    status, _, err = cli("search")
    assert status == 2
    assert "einsearch search houses.csv --target price --minutes 10" in err
    assert "Data here: houses.csv" in err


def test_other_commands_say_what_finds_a_network_for_data(cli: Command, tmp_path: Path) -> None:
    path = houses(tmp_path)
    status, _, err = cli("check", path)
    assert status == 2
    assert f"{path} is data: einsearch search {path} finds a network for them" in err


def test_keys_are_set_by_their_sections() -> None:
    pairs = ["task.header=true", "training.lr=0.1", "training.epochs=3", "require=[input]"]
    task, sections = set_values(pairs)
    assert task == {"header": True}
    assert sections == {"training": {"lr": 0.1, "epochs": 3}, "require": ["input"]}


def test_advice_is_in_the_words_of_the_command_line() -> None:
    assert spelt("leave it out, ignore: [a b]") == 'leave it out, --ignore "a b"'
    assert spelt("say header: true or layout: tokens") == (
        "say --set task.header=true or --layout tokens"
    )
    assert spelt("no features beside a target: ignore leaves none") == (
        "no features beside a target: ignore leaves none"
    )
    assert spelt("/data/mine.csv: nothing") == "/data/mine.csv: nothing"
