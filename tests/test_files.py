"""Files that einsearch writes: whole or not at all, through no link, in nobody's place."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from einsearch import files
from einsearch.errors import EinsearchError


def test_a_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    files.replace_file(path, b"new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "thesis.txt"
    target.write_text("years of work")
    for name, write in (("a", files.replace_file), ("b", files.write_output)):
        (tmp_path / name).symlink_to(target)
        write(tmp_path / name, b"new")
        assert (tmp_path / name).read_text() == "new"
        assert not (tmp_path / name).is_symlink()
    assert target.read_text() == "years of work"


def test_a_link_is_not_appended_to_nor_changed(tmp_path: Path) -> None:
    target = tmp_path / "thesis.txt"
    target.write_text("years of work")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError) as caught:  # noqa: PT011  the number is what is looked at
        files.open_append(tmp_path / "link")
    assert caught.value.errno == errno.ELOOP
    with pytest.raises(OSError), files.open_changing(tmp_path / "link"):  # noqa: PT011
        pass
    assert target.read_text() == "years of work"


def test_another_name_of_a_file_keeps_what_it_has(tmp_path: Path) -> None:
    other = tmp_path / "thesis.txt"
    other.write_text("years of work")
    other.chmod(0o640)
    for name in ("appended", "changed", "replaced"):
        os.link(other, tmp_path / name)
    with files.open_append(tmp_path / "appended") as file:
        file.write(b", and more")
    with files.open_changing(tmp_path / "changed") as file:
        file.truncate(5)
    files.replace_file(tmp_path / "replaced", b"new")
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {
        "thesis.txt": "years of work",
        "appended": "years of work, and more",
        "changed": "years",
        "replaced": "new",
    }
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_is_added_only_where_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links")

    if not has_links:
        monkeypatch.setattr(os, "link", refused)
    files.add_file(tmp_path / "new", b"mine")
    assert (tmp_path / "new").read_text() == "mine"
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("new", "dangling"):
        with pytest.raises(FileExistsError):
            files.add_file(tmp_path / name, b"other")
    assert (tmp_path / "new").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dangling", "new"]


def test_a_failed_write_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    for write in (files.replace_file, files.write_output):
        with pytest.raises(OSError, match="No space left"):
            write(tmp_path / "a", b"new")
    with pytest.raises(OSError, match="No space left"):
        files.write_output(tmp_path / "made" / "deep" / "b", b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_pipes_are_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write_output(pipe, b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)


def test_a_tilde_is_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert files.user_path("~/runs/x") == tmp_path / "runs/x"
    assert files.user_path("a/../b") == tmp_path / "b"
    with pytest.raises(EinsearchError, match=r"user who is not known here; write \./~nobody-here"):
        files.user_path("~nobody-here/x")


def test_folders_that_were_made_are_taken_back_as_far_as_they_are_empty(tmp_path: Path) -> None:
    made = files.make_folder(tmp_path / "a" / "b" / "c")
    assert made == [tmp_path / "a/b/c", tmp_path / "a/b", tmp_path / "a"]
    assert files.make_folder(tmp_path / "a") == []
    (tmp_path / "a" / "mine.txt").write_text("")
    files.remove_empty(made)
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["mine.txt"]
