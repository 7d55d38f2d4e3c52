"""A wrong path is a wrong call, in every command: one line, and status 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command

READING = ("trials", "best", "explain", "learned", "report", "export", "train", "resume")
GRAMMARS = ("check", "analyse", "sample", "draw", "format")
WRONG = ("missing", "a file/inside", "x" * 300, "loop")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "a file").write_text("no run")
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


@pytest.mark.parametrize("name", [*WRONG, "a file", "empty", "x" * 300 + ":2", "missing:2"])
@pytest.mark.parametrize("command", READING)
def test_a_wrong_run_folder(cli: Command, place: Path, command: str, name: str) -> None:
    status, out, err = cli(command, place / name)
    assert (status, out) == (2, ""), err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("command", [*GRAMMARS, "search"])
def test_a_wrong_file(cli: Command, place: Path, command: str, name: str) -> None:
    status, out, err = cli(command, place / name)
    assert (status, out) == (2, ""), err
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert "defect" not in err
