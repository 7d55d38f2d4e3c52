"""Commands that take a network of a run further."""

from __future__ import annotations

import json
from pathlib import Path

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


def test_report_is_one_page(cli: Command, run: Path, tmp_path: Path) -> None:
    path = tmp_path / "pages" / "run.html"
    status, out, _ = cli("report", run, "--to", path)
    page = path.read_text(encoding="utf-8")
    assert (status, out) == (0, f"{path}\n")
    assert "Best network: trial" in page
    assert "test accuracy" in page
    assert page.count("<tr") == 1 + 3
    assert "train: 64" in page
