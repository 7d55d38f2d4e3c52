"""Simple models beside the networks of a run, on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command

FOUND = {
    "folds": 1,
    "data": "0123",
    "baselines": [
        {"name": "dummy", "valid": {"accuracy": 0.1}, "seconds": 0.01},
        {
            "name": "linear model",
            "valid": {"accuracy": 1.0},
            "errors": {"accuracy": 0.01},
            "test": {"accuracy": 0.97},
            "seconds": 0.4,
            "notes": ["learned from 5,000 of 6,000 examples"],
        },
        {"name": "gradient boosting", "valid": {}, "seconds": 3.0, "failure": "not \x1b[31m today"},
    ],
}
VERDICT = "No network beats the linear model here"


@pytest.fixture
def compared(run: Path, tmp_path: Path) -> Path:
    """The small run, with simple models beside it."""
    folder = tmp_path / "compared"
    shutil.copytree(run, folder)
    (folder / "baselines.json").write_text(json.dumps(FOUND))
    return folder


def test_best_shows_the_models_and_that_none_is_beaten(cli: Command, compared: Path) -> None:
    out = cli("best", compared).out

    rows = [line.split() for line in out.splitlines()]
    assert ["with", "and", "without", "a", "search", "accuracy", "test", "time"] in rows
    first = next(row for row in rows if row[:2] == ["linear", "model"])
    assert first[2:8] == ["100.00", "%", "±", "1.00", "%", "97.00"]
    assert rows.index(first) < next(at for at, row in enumerate(rows) if row[:1] == ["dummy"])
    assert VERDICT in out
    assert "\x1b" not in out
    assert "learned from 5,000 of 6,000 examples" in out


def test_a_run_without_models_shows_none(cli: Command, run: Path) -> None:
    assert "without a search" not in cli("best", run).out
    assert json.loads(cli("best", run, "--json").out)["baselines"] is None


def test_json_has_them_whole(cli: Command, compared: Path) -> None:
    whole = json.loads(cli("best", compared, "--json").out)
    found = whole["baselines"]

    assert found["network"] == whole["final"]["valid"]["accuracy"]["mean"]
    assert found["tested"] == whole["final"]["test"]["accuracy"]["mean"]
    assert [row["name"] for row in found["models"]] == [
        "linear model",
        "dummy",
        "gradient boosting",
    ]
    assert found["metric"] == "accuracy"
    assert found["is_beaten"] is False
    assert found["verdict"].startswith(VERDICT)


def test_the_report_has_them(cli: Command, compared: Path) -> None:
    cli("report", compared)

    page = (compared / "report.html").read_text(encoding="utf-8")
    assert VERDICT in page
    assert "linear model 100.00 %" in page
    assert "\x1b" not in page


def test_a_damaged_file_is_one_clear_error(cli: Command, compared: Path) -> None:
    (compared / "baselines.json").write_text('{"folds": 1, "data": "", "baselines": [{}]}')

    answer = cli("best", compared)

    assert answer.status == 1
    assert "baselines.json is damaged in line 1" in answer.err


def test_a_search_shows_them_at_its_end_and_can_do_without(
    cli: Command, space: Path, tmp_path: Path
) -> None:
    answer = cli("search", space, "--run", tmp_path / "with", "--trials", 1, "--baselines")
    assert "without a search, accuracy: " in answer.err
    assert "gradient boosting" in answer.out
    assert (tmp_path / "with/baselines.json").exists()

    space.write_text(space.read_text() + "baselines: true\n")
    answer = cli("search", space, "--run", tmp_path / "none", "--trials", 1, "--no-baselines")
    assert "without a search" not in answer.err + answer.out
    assert not (tmp_path / "none/baselines.json").exists()
