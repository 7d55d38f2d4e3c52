"""Only a search, and going on with one, imports the objective that a file or a folder names."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from einsearch.cli.main import app
from tests.cli.conftest import Command

IMPORTING = {"search", "resume", "train"}
"""Commands that may import it; of a run with an objective there is nothing to train."""

CALLS = {
    "trials": ["{run}"],
    "best": ["{run}"],
    "explain": ["{run}", "0"],
    "learned": ["{run}"],
    "export": ["{run}", "--format", "python", "--to", "{folder}/exported"],
    "report": ["{run}"],
    "check": ["{space}"],
    "plan": ["{space}"],
    "format": ["{grammar}"],
    "why": ["{space}", "relu"],
    "draw": ["{grammar}", "--output", "{folder}/rules.svg"],
    "analyse": ["{grammar}"],
    "sample": ["{grammar}"],
    "show": ["{run}:0"],
    "primitives": [],
    "searchers": [],
    "diagnose": ["{run}"],
    "compare": ["{run}", "{run}"],
    "dashboard": ["{run}", "--help"],
    "bench": ["--help"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search space with an objective that leaves a mark, and its run."""
    from einsearch.study.launch import search_file

    folder = tmp_path_factory.mktemp("objective")
    (folder / "g.ein").write_text("start network\nnetwork = relu | gelu | linear(4)\n")
    (folder / "leaves_mark.py").write_text(
        f"open({str(folder / 'mark')!r}, 'w').close()\ndef f(network):\n    return 1.0\n"
    )
    (folder / "space.yaml").write_text(
        "grammar: g.ein\n"
        'task: {objective: "leaves_mark:f", input: "vector:8"}\n'
        "budget: {trials: 2}\nexecutor: {name: inline}\nsearcher: random\n"
    )
    search_file(folder / "space.yaml", directory=folder / "run")
    forget(folder)
    return folder


def forget(folder: Path) -> None:
    """As a new process, which has imported nothing of it."""
    (folder / "mark").unlink()
    sys.modules.pop("leaves_mark", None)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """Python would find the module."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    yield
    sys.modules.pop("leaves_mark", None)


def names() -> set[str]:
    return {
        command.name or getattr(command.callback, "__name__", "")
        for command in app.registered_commands
    }


@pytest.mark.parametrize("name", sorted(names() - IMPORTING))
@pytest.mark.parametrize("source", ["space", "run"])
def test_other_commands_do_not(cli: Command, folder: Path, name: str, source: str) -> None:
    words = CALLS[name]
    given = {"run": folder / "run", "space": folder / "space.yaml", "grammar": folder / "g.ein"}
    if source == "run":  # a run folder holds both kinds of files too
        given |= {"space": folder / "run" / "space.yaml"}
    cli(name, *(word.format(folder=folder, **given) for word in words))
    assert not (folder / "mark").exists()
    assert "leaves_mark" not in sys.modules


def test_why_reads_a_search_space(cli: Command, folder: Path) -> None:
    answer = cli("why", folder / "space.yaml", "relu")
    assert answer.status == 0
    assert "vector:8" in answer.out


def test_a_search_does(cli: Command, folder: Path) -> None:
    assert cli("search", folder / "space.yaml", "--run", folder / "other").status == 0
    assert (folder / "mark").exists()
    forget(folder)
