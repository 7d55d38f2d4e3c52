"""Run folders: made whole, opened with one clear message where they cannot be."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from einsearch import files as system
from einsearch.errors import FolderTaken, RunError
from einsearch.grammar.read import LANGUAGE_VERSION
from einsearch.graph.canonical import HASH_VERSION
from einsearch.study.folder import FINAL, VERSIONS, RunFolder
from einsearch.version import __version__

FILES = {"space.yaml": "version: 1\n", "grammar.ein": "net = relu\n", "blocks/a.ein": "ü\n"}


def test_a_new_folder_has_the_files_and_the_versions(tmp_path: Path) -> None:
    made = RunFolder.create(tmp_path / "runs" / "mine", FILES)
    opened = RunFolder(made.path)
    assert opened.info == made.info
    assert {name: opened.read_text(name) for name in FILES} == FILES
    assert (opened.storage, opened.study) == (None, "einsearch")
    assert opened.info["einsearch"] == __version__
    assert (opened.info["language"], opened.info["hash"]) == (LANGUAGE_VERSION, HASH_VERSION)
    assert {"torch", "optuna", "numpy"} <= opened.info["packages"].keys()
    names = {p.relative_to(made.path).as_posix() for p in made.path.rglob("*") if p.is_file()}
    assert names == {*FILES, VERSIONS}


def test_a_record_elsewhere_is_named(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", storage="sqlite:///a.db", study="digits")
    opened = RunFolder(tmp_path / "run")
    assert (opened.storage, opened.study) == ("sqlite:///a.db", "digits")


def test_a_password_is_not_written(tmp_path: Path) -> None:
    url = "postgresql://me:s3cret@db/runs"
    made = RunFolder.create(tmp_path / "run", FILES, storage=url)
    assert made.storage == RunFolder(made.path).storage == url
    assert made.info["storage"] == "postgresql://me:***@db/runs"
    assert not any(b"s3cret" in p.read_bytes() for p in made.path.rglob("*") if p.is_file())


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", ""])
def test_files_stay_inside(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is not a name inside a folder"):
        RunFolder.create(tmp_path / "run", {name: ""})
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    RunFolder.create(tmp_path)
    with pytest.raises(RunError, match=r"holds a run already: go on with `einsearch resume /"):
        RunFolder.create(tmp_path)


def test_files_of_others_are_not_mixed_with_a_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match=r"is not empty \(it has thesis\.txt\): choose another"):
        RunFolder.create(tmp_path)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("years of work")
    with pytest.raises(RunError, match="run is a file: choose another name for the run folder"):
        RunFolder.create(tmp_path / "run")


@pytest.mark.parametrize("name", ["mine.ein", "mine.yaml", "a.tmp", "my.lock", "grammar.ein"])
def test_a_folder_of_grammars_and_spaces_is_none_for_a_run(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("weeks of work")
    with pytest.raises(
        FolderTaken, match=rf"is not empty \(it has {name}\).*such as {tmp_path}/run"
    ):
        RunFolder.create(tmp_path, FILES)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "weeks of work"


def test_a_folder_half_made_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add, count = system.add_file, 0

    def dying(path: Path, data: bytes) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        add(path, data)

    monkeypatch.setattr(system, "add_file", dying)
    with pytest.raises(KeyboardInterrupt):
        RunFolder.create(tmp_path / "runs" / "run", FILES)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "empty").mkdir()
    count = 0
    with pytest.raises(KeyboardInterrupt):
        RunFolder.create(tmp_path / "empty", FILES)
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]
    monkeypatch.undo()
    RunFolder.create(tmp_path / "empty", FILES)
    assert RunFolder(tmp_path / "empty").read_text("grammar.ein") == FILES["grammar.ein"]


def test_what_comes_up_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def late(source: Path, target: Path) -> None:
        target.mkdir()
        (target / "thesis.txt").write_text("years of work")
        rename(source, target)

    monkeypatch.setattr(os, "rename", late)
    with pytest.raises(FolderTaken, match="was made meanwhile"):
        RunFolder.create(tmp_path / "run", FILES)
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "thesis.txt"]


def test_an_empty_folder_stays_the_same_one(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o750)
    before = (tmp_path / "run").stat()
    made = RunFolder.create(tmp_path / "run", FILES)
    assert (tmp_path / "run").stat().st_ino == before.st_ino
    made.discard()
    assert list((tmp_path / "run").iterdir()) == []


def test_taking_back_leaves_what_came_from_elsewhere(tmp_path: Path) -> None:
    made = RunFolder.create(tmp_path / "runs" / "run", FILES)
    (made.path / "notes.md").write_text("mine")
    (made.path / "blocks" / "other.ein").write_text("mine too")
    made.discard()
    left = {p.relative_to(made.path).as_posix() for p in made.path.rglob("*") if p.is_file()}
    assert left == {"notes.md", "blocks/other.ein"}


def test_only_a_new_folder_is_taken_back(tmp_path: Path) -> None:
    made = RunFolder.create(tmp_path / "run", FILES)
    RunFolder(made.path).discard()
    assert RunFolder(made.path).info == made.info
    made.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["/etc/x", "../x", "weights/../../x", "", "a\0b"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    folder = RunFolder.create(tmp_path / "run")
    with pytest.raises(RunError, match="which does not lie in it"):
        folder.write(name, b"")


def test_a_linked_folder_is_not_written_through(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    (folder.path / "weights").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="weights is a link to another folder"):
        folder.write("weights/trial-0.safetensors", b"")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_missing_folder_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no run folder .*nowhere"):
        RunFolder(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(
        RunError, match=r"cannot write in the run folder .*run: (Not a dir|File ex)"
    ):
        RunFolder.create(tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"versions\.json is damaged: Expecting"),
        ("[]", r"versions\.json is damaged: it holds no JSON object"),
        ("{}", r"versions\.json is damaged: it lacks format, storage or study"),
        ('{"format": 1}', "it lacks format, storage or study"),
        (
            '{"format": 2, "storage": null, "study": "a", "einsearch": "9.0"}',
            r"was written by einsearch 9\.0; this is .*, which cannot read it",
        ),
    ],
)
def test_damaged_versions(tmp_path: Path, content: str, message: str) -> None:
    RunFolder.create(tmp_path / "run")
    (tmp_path / "run" / VERSIONS).write_text(content)
    with pytest.raises(RunError, match=message):
        RunFolder(tmp_path / "run")


def test_missing_and_damaged_texts(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    with pytest.raises(RunError, match=r"has no space\.yaml: No such file"):
        folder.read_text("space.yaml")
    (folder.path / "space.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(RunError, match=r"space\.yaml is damaged: it is not UTF-8 text"):
        folder.read_text("space.yaml")


def test_final_results_come_back(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    assert folder.read_final() is None
    folder.write_final({"test": {"accuracy": 0.96}})
    assert folder.read_final() == {"test": {"accuracy": 0.96}}
    assert json.loads((folder.path / FINAL).read_text()) == folder.read_final()


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder.create(tmp_path / "run")
    folder.write_final({"version": 1})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"cannot write in the run folder .*No space left on device"):
        folder.write_final({"version": 2})
    assert folder.read_final() == {"version": 1}
