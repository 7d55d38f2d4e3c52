"""Checkpoints in the run folder, in memory and elsewhere: one each, none left over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from einsearch.errors import EinsearchError, RunError, SpaceFileError
from einsearch.study.checkpoints import CheckpointStore
from einsearch.study.folder import RunFolder
from einsearch.study.places import FolderPlace, Place, RemotePlace, check_place, find_place


@pytest.fixture(autouse=True)
def an_empty_object_store() -> None:
    """One like s3, in this process."""
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def make_place(kind: str, path: Path) -> Place | None:
    match kind:
        case "memory":
            return None
        case "folder":
            (path / "run").mkdir(exist_ok=True)
            has_run = (path / "run" / "versions.json").exists()
            run = RunFolder(path / "run") if has_run else RunFolder.create(path / "run")
            return FolderPlace(run)
        case "drive":
            return RemotePlace(str(path / "drive"), "run-1")
        case _:
            return RemotePlace("memory://bucket/checkpoints/", "run-1")


KINDS = ["folder", "drive", "object store"]


@pytest.mark.parametrize("kind", ["memory", *KINDS])
def test_the_last_of_a_trial_is_kept_until_it_is_removed(kind: str, tmp_path: Path) -> None:
    store = CheckpointStore(make_place(kind, tmp_path))
    assert store.get(3) is None
    store.put(3, b"one")
    store.put(3, b"two")
    store.put(4, b"other")
    assert (store.get(3), store.get(4), store.numbers) == (b"two", b"other", {3, 4})
    store.remove(3)
    store.remove(3)
    assert (store.get(3), store.numbers) == (None, {4})
    for number in range(6):
        store.put(number, bytes([number]))
    store.retain([5, 1, 99])
    assert store.numbers == {1, 5}
    assert [store.get(number) for number in range(6)] == [None, b"\1", None, None, None, b"\5"]


@pytest.mark.parametrize("kind", KINDS)
def test_another_driver_finds_them(kind: str, tmp_path: Path) -> None:
    place = make_place(kind, tmp_path)
    assert place is not None
    CheckpointStore(place).put(12, b"state")
    place.write("notes.txt", b"not ours")
    place.write("trial-x.ckpt", b"not ours")
    found = CheckpointStore(make_place(kind, tmp_path))
    assert (found.numbers, found.get(12)) == ({12}, b"state")
    found.retain([])
    assert CheckpointStore(make_place(kind, tmp_path)).numbers == set()
    assert (place.read("notes.txt"), place.read("trial-x.ckpt")) == (b"not ours", b"not ours")


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_is_gone_is_none(kind: str, tmp_path: Path) -> None:
    place = make_place(kind, tmp_path)
    store = CheckpointStore(place)
    store.put(1, b"state")
    assert place is not None
    place.remove("trial-1.ckpt")
    assert store.get(1) is None
    store.remove(1)


def test_runs_that_share_a_place_do_not_meet(tmp_path: Path) -> None:
    url = "memory://bucket/shared"
    runs = [RunFolder.create(tmp_path / name) for name in "ab"]
    one, other = (CheckpointStore(find_place(run, url)) for run in runs)
    one.put(1, b"one")
    other.put(1, b"other")
    again = CheckpointStore(find_place(RunFolder(tmp_path / "a"), url))
    assert again.get(1) == b"one"
    again.retain([])
    assert other.get(1) == b"other"


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    (tmp_path / "run" / "checkpoints").write_text("a file in the way")
    with pytest.raises(RunError, match="cannot write in the run folder"):
        CheckpointStore(FolderPlace(folder)).put(1, b"state")


class TestElsewhere:
    def test_nothing_half_written_is_left_where_writing_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = CheckpointStore(RemotePlace(str(tmp_path), "run-1"))
        store.put(1, b"whole")
        monkeypatch.setattr(os, "replace", failing)
        with pytest.raises(RunError, match=r"cannot write a checkpoint to .*run-1: OSError: full"):
            store.put(1, b"half")
        assert store.get(1) == b"whole"

    def test_an_object_store_that_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        store = CheckpointStore(RemotePlace("memory://bucket", "run-1"))
        monkeypatch.setattr(MemoryFileSystem, "pipe_file", failing)
        with pytest.raises(RunError, match=r"to memory://bucket/run-1: OSError: full"):
            store.put(1, b"state")
        assert store.numbers == set()

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(RunError, match=r"cannot make the folder .*file/run-1: "):
            RemotePlace(str(tmp_path / "file"), "run-1")

    def test_a_run_in_memory_has_none(self) -> None:
        with pytest.raises(EinsearchError, match="give search a directory"):
            find_place(None, "memory://bucket")

    def test_no_such_file_system(self) -> None:
        check_place("memory://bucket")
        with pytest.raises(SpaceFileError, match=r"nonsense://bucket: .*nonsense") as caught:
            check_place("nonsense://bucket")
        assert "s3://bucket/folder" in caught.value.hint


def failing(*_: object, **__: object) -> None:
    raise OSError("full")
