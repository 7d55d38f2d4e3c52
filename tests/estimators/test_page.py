"""The program of the page on estimators runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.estimators.support import PLAIN
from tests.test_docs import blocks


def test_the_program_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = blocks("docs/estimators.md", "python")
    monkeypatch.chdir(tmp_path)
    quick = program.replace("minutes=10, random_state=0", "**quick")
    assert quick != program
    exec(compile(quick, "estimators.md", "exec"), {"quick": PLAIN})
    assert float(capsys.readouterr().out.split(" ", 1)[0]) > 0.85
    assert (tmp_path / "exported" / "model.py").exists()


def test_the_estimators_of_the_readme_are_those_of_the_page() -> None:
    (program,) = blocks("README.md", "py")
    compile(program, "README.md", "exec")
    assert "es.Regressor(minutes=10).fit(x, y)" in program
