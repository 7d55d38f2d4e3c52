"""Records that are gone, emptied or elsewhere: said, never begun again; and a failed start."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import einsearch as es
from einsearch.errors import EinsearchError, RunError
from einsearch.study.folder import JOURNAL
from einsearch.study.launch import resume
from einsearch.study.run import open_run

GRAMMAR = es.parse_grammar("start n\nn = linear(2..60) >> (relu | tanh)\n")


def size(derivation: Any) -> float:
    return float(derivation.graph().parameters)


def search(folder: Path, **options: Any) -> Any:
    return es.search(
        GRAMMAR, size, input=es.vector(8), trials=2, searcher="random", directory=folder, **options
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "driver.lock"
    }


@pytest.mark.parametrize("damage", ["missing", "empty", "torn in its first line"])
def test_a_lost_journal_is_said_and_nothing_else_is_lost(tmp_path: Path, damage: str) -> None:
    search(tmp_path / "run")
    for name in (
        "weights/trial-0.safetensors",
        "final.json",
        "notes.md",
        "checkpoints/trial-1.ckpt",
    ):
        (tmp_path / "run" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "run" / name).write_bytes(b"years of work")
    journal = tmp_path / "run" / JOURNAL
    if damage == "missing":
        journal.unlink()
    else:
        journal.write_bytes(b"" if damage == "empty" else journal.read_bytes()[:20])
    before = contents(tmp_path / "run")
    with pytest.raises(RunError, match=r"the record .* is lost: it (has|holds) no"):
        resume(tmp_path / "run", trials=4, objective=size)
    after = contents(tmp_path / "run")
    assert {name: data for name, data in after.items() if JOURNAL not in name} == {
        name: data for name, data in before.items() if JOURNAL not in name
    }
    with pytest.raises(RunError):
        open_run(tmp_path / "run")


def test_a_run_that_made_no_trial_can_be_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    from einsearch.study import driving

    monkeypatch.setattr(driving, "drive", dying)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "run")
    monkeypatch.undo()
    assert open_run(tmp_path / "run").trials == []
    assert len(resume(tmp_path / "run", objective=size).trials) == 2


@pytest.mark.parametrize("place", ["sqlite:///record.db", "sqlite:///file:record.db?uri=true"])
def test_a_relative_storage_is_one_place_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    search(Path("run"), storage=place)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(open_run(Path("../here/run")).trials) == 2
    assert len(resume("../here/run", trials=3, objective=size).trials) == 3
    assert list((tmp_path / "elsewhere").iterdir()) == []
    shutil.move(tmp_path / "here/record.db", tmp_path / "kept.db")
    for use in (open_run, resume):
        with pytest.raises(RunError, match=r"there is no record .*here/record\.db"):
            use(tmp_path / "here/run")
    assert not (tmp_path / "here/record.db").exists()


def test_a_storage_without_the_study_is_a_lost_record(tmp_path: Path) -> None:
    search(tmp_path / "run", storage=f"sqlite:///{tmp_path}/a.db")
    (tmp_path / "a.db").unlink()
    search(tmp_path / "other", storage=f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(
        RunError, match=r"the record study einsearch-\w+ of .* is lost: it holds no"
    ):
        resume(tmp_path / "run", trials=3, objective=size)


@pytest.mark.parametrize("place", ["sqlite://", "sqlite:///:memory:"])
def test_a_storage_in_memory_is_none_for_a_folder(tmp_path: Path, place: str) -> None:
    with pytest.raises(RunError, match="is in memory and ends with this process"):
        search(tmp_path / "run", storage=place)
    assert list(tmp_path.iterdir()) == []


def test_a_relative_folder_is_one_place_for_an_objective_that_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def moving(derivation: Any) -> float:
        monkeypatch.chdir(tmp_path / "there")
        return size(derivation)

    run = es.search(
        GRAMMAR, moving, input=es.vector(8), trials=3, searcher="random", directory="run"
    )
    assert run.directory == tmp_path / "here/run"
    assert [trial.state for trial in run.trials] == [es.TrialState.COMPLETE] * 3
    assert list((tmp_path / "there").iterdir()) == []


def test_a_tilde_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    search(Path("~/run"), storage="sqlite:///~/record.db")
    assert {path.name for path in (tmp_path / "home").iterdir()} >= {"run", "record.db"}
    assert not (tmp_path / "~").exists()
    assert len(es.open_run("~/run").trials) == 2
    assert len(es.resume("~/run", trials=3, objective=size).trials) == 3


@pytest.mark.parametrize("has_folder", [True, False])
def test_a_failed_start_takes_back_what_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_folder: bool
) -> None:
    from einsearch.study import driving

    def failing(*_: Any) -> None:
        raise EinsearchError("no cluster")

    folder = tmp_path / "runs" / "run"
    if has_folder:
        folder.mkdir(parents=True)
    monkeypatch.setattr(driving, "_study", failing)
    with pytest.raises(EinsearchError, match="no cluster"):
        search(folder)
    left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")]
    assert sorted(left) == (["runs", "runs/run"] if has_folder else [])
    monkeypatch.undo()
    assert len(search(folder).trials) == 2


def test_a_resume_that_fails_takes_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from einsearch.study import driving

    def dying(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(driving, "drive", dying)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "run")
    monkeypatch.undo()
    (tmp_path / "run" / "notes.md").write_text("mine")
    before = contents(tmp_path / "run")

    def failing(*_: Any) -> None:
        raise EinsearchError("no cluster")

    monkeypatch.setattr(driving, "_study", failing)
    with pytest.raises(EinsearchError, match="no cluster"):
        resume(tmp_path / "run", objective=size)
    assert contents(tmp_path / "run") == before
