"""Run folders that came from elsewhere: what they name is not opened, imported or written through
unless the user says so."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import einsearch as es
from einsearch.errors import RunError, SpaceFileError, UntrustedFolder
from einsearch.study import storageurl, trust
from einsearch.study.folder import VERSIONS, RunFolder
from einsearch.study.launch import resume, search_file
from einsearch.study.run import open_run
from tests.cli.conftest import Command

GRAMMAR = es.parse_grammar("start n\nn = linear(2..60) >> (relu | tanh)\n")
MODULE = """
from pathlib import Path
Path({ran!r}).write_text("ran")
def score(derivation):
    return float(derivation.graph().parameters)
"""
SPACE = """
grammar: g.ein
task: {objective: "received_objective:score", input: "vector:8"}
searcher: random
budget: {trials: 2}
executor: inline
"""


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is there once the objective's module was imported."""
    (tmp_path / "modules").mkdir()
    path = tmp_path / "RAN"
    (tmp_path / "modules/received_objective.py").write_text(MODULE.format(ran=str(path)))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.delitem(sys.modules, "received_objective", raising=False)
    return path


@pytest.fixture
def folder(tmp_path: Path, ran: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of an objective that another user has made."""
    (tmp_path / "g.ein").write_text("start n\nn = linear(2..60) >> (relu | tanh)\n")
    (tmp_path / "space.yaml").write_text(SPACE)
    search_file(tmp_path / "space.yaml", directory=tmp_path / "run")
    ran.unlink()
    receive(tmp_path, monkeypatch)
    return tmp_path / "run"


def receive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on another user is at work, in another process."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state of another"))
    monkeypatch.setattr(storageurl, "_given", {})
    monkeypatch.delitem(sys.modules, "received_objective", raising=False)


def test_the_objective_is_imported_only_once_the_user_agrees(
    folder: Path, ran: Path, cli: Command
) -> None:
    status, out, err = cli("resume", folder, "--trials", 3)
    assert (status, out) == (1, "")
    assert "was not made here, and going on imports and runs received_objective:score" in err
    assert "--trust" in err
    with pytest.raises(UntrustedFolder):
        resume(folder, trials=3)
    assert not ran.exists()
    assert cli("resume", folder, "--trials", 3, "--trust").status == 0
    assert ran.exists()
    assert cli("resume", folder, "--trials", 4).status == 0
    assert len(open_run(folder).trials) == 4


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 1)])
def test_whoever_sits_at_the_terminal_is_asked(
    folder: Path,
    ran: Path,
    cli: Command,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
) -> None:
    from einsearch.cli import search

    asked: list[str] = []

    def confirm(text: str, **_: Any) -> bool:
        asked.append(text)
        return answer == "y\n"

    monkeypatch.setattr(search, "_sits_at_terminal", lambda: True)
    monkeypatch.setattr(search.typer, "confirm", confirm)
    assert cli("resume", folder, "--trials", 3).status == status
    assert asked == ["Import and run it?"]
    assert ran.exists() == (status == 0)


def test_reading_commands_import_nothing(folder: Path, ran: Path, cli: Command) -> None:
    for words in (
        ("trials", folder),
        ("best", folder),
        ("explain", f"{folder}:0"),
        ("report", folder),
        ("show", f"{folder}:0"),
    ):
        assert cli(*words).status == 0
    assert not ran.exists()


def test_an_objective_that_is_handed_over_needs_no_trust(folder: Path, ran: Path) -> None:
    def mine(derivation: Any) -> float:
        return 1.0

    assert len(resume(folder, objective=mine, trials=3, accept_changes=True).trials) == 3
    assert not ran.exists()


def test_another_objective_that_was_written_into_the_folder_is_not_trusted(
    tmp_path: Path, ran: Path
) -> None:
    (tmp_path / "g.ein").write_text("start n\nn = linear(2..60) >> (relu | tanh)\n")
    (tmp_path / "space.yaml").write_text(SPACE)
    search_file(tmp_path / "space.yaml", directory=tmp_path / "run")
    settings = tmp_path / "run/space.yaml"
    settings.write_text(settings.read_text().replace("received_objective:score", "os:system"))
    with pytest.raises(UntrustedFolder, match="imports and runs os:system"):
        resume(tmp_path / "run", trials=3)


def test_a_storage_is_opened_only_where_the_user_names_it(
    tmp_path: Path, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    es.search(
        GRAMMAR,
        lambda d: 1.0,
        input=es.vector(8),
        trials=2,
        searcher="random",
        directory=tmp_path / "run",
        storage=url,
    )
    assert cli("trials", tmp_path / "run").status == 0
    receive(tmp_path, monkeypatch)
    opened: list[str] = []
    from einsearch.study import opening

    real = opening.url_storage

    def watched(given: str, **how: bool) -> Any:
        opened.append(given)
        return real(given, **how)

    monkeypatch.setattr(opening, "url_storage", watched)
    for command in ("trials", "best", "explain", "report", "export", "train", "learned", "show"):
        named = f"{tmp_path}/run:0" if command == "show" else tmp_path / "run"
        status, _, err = cli(command, named)
        assert (status, "is opened only if you name it, with --storage" in err) == (1, True)
    with pytest.raises(RunError, match="was not made here"):
        open_run(tmp_path / "run")
    assert opened == []
    assert cli("trials", tmp_path / "run", "--storage", url).status == 0
    assert cli("show", f"{tmp_path}/run:0", "--storage", url).status == 0
    assert cli("trials", tmp_path / "run").status == 1
    monkeypatch.setenv("EINSEARCH_STORAGE", url)
    assert len(open_run(tmp_path / "run").trials) == 2
    assert set(opened) == {url}


def test_a_storage_that_moved_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def size(derivation: Any) -> float:
        return 1.0

    es.search(
        GRAMMAR,
        size,
        input=es.vector(8),
        trials=2,
        searcher="random",
        directory=tmp_path / "run",
        storage=f"sqlite:///{tmp_path}/a.db",
    )
    (tmp_path / "a.db").rename(tmp_path / "b.db")
    receive(tmp_path, monkeypatch)
    url = f"sqlite:///{tmp_path}/b.db"
    assert len(resume(tmp_path / "run", objective=size, trials=3, storage=url).trials) == 3
    monkeypatch.setattr(storageurl, "_given", {})
    assert len(open_run(tmp_path / "run").trials) == 3


def test_a_seal_is_of_these_words_by_this_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = trust.seal("run-1", None, "sqlite:///a.db")
    assert trust.is_sealed(found, "run-1", None, "sqlite:///a.db")
    assert not trust.is_sealed(found, "run-1", None, "sqlite:///b.db")
    assert not trust.is_sealed(None, "run-1", None, "sqlite:///a.db")
    receive(tmp_path, monkeypatch)
    assert not trust.is_sealed(found, "run-1", None, "sqlite:///a.db")
    assert trust.seal("run-1") != found
    key = tmp_path / "state of another/einsearch/run-folders.key"
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_home_that_cannot_be_written_seals_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert trust.seal("run-1") is None
    made = RunFolder.create(tmp_path / "run", objective="a:b")
    assert json.loads((made.path / VERSIONS).read_text())["seals"]["objective"] is None
    with pytest.raises(UntrustedFolder):
        made.check_objective("a:b")


def test_an_objective_of_a_script_is_to_be_handed_over_again(tmp_path: Path) -> None:
    def objective(derivation: Any) -> float:
        return 1.0

    objective.__module__ = "__main__"
    objective.__qualname__ = "objective"
    run = tmp_path / "run"
    es.search(GRAMMAR, objective, input=es.vector(8), trials=2, directory=run)
    with pytest.raises(
        SpaceFileError, match=r"the objective of this run (is of a script|has no name)"
    ):
        resume(run, trials=3)
    assert len(resume(run, objective=objective, trials=3).trials) == 3
