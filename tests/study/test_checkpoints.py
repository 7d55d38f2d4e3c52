"""Checkpoints in the run folder and in memory: one each, none left over."""

from __future__ import annotations

from pathlib import Path

import pytest

from einsearch.errors import RunError
from einsearch.study.checkpoints import CheckpointStore
from einsearch.study.folder import RunFolder


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> CheckpointStore:
    if request.param == "memory":
        return CheckpointStore()
    return CheckpointStore(RunFolder.create(tmp_path / "run"))


def test_the_last_of_a_trial_is_kept_until_it_is_removed(store: CheckpointStore) -> None:
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


def test_another_driver_finds_them(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    CheckpointStore(folder).put(12, b"state")
    (folder.checkpoints / "notes.txt").write_text("not ours")
    found = CheckpointStore(folder)
    assert (found.numbers, found.get(12)) == ({12}, b"state")
    found.retain([])
    assert [path.name for path in folder.checkpoints.iterdir()] == ["notes.txt"]


def test_one_that_is_gone_is_none(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    store = CheckpointStore(folder)
    store.put(1, b"state")
    (folder.checkpoints / "trial-1.ckpt").unlink()
    assert store.get(1) is None
    store.remove(1)


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    (tmp_path / "run" / "checkpoints").write_text("a file in the way")
    with pytest.raises(RunError, match="cannot write in the run folder"):
        CheckpointStore(folder).put(1, b"state")
