"""Journals with a torn, corrupt or damaged line; URLs that cannot be opened."""

from __future__ import annotations

import contextlib
import importlib
import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.errors import RunError
from einsearch.study import storage
from einsearch.study.record import Record
from einsearch.study.storage import CUT_SUFFIX, journal_storage, repair_journal, url_storage
from einsearch.trial import TrialState
from tests.study.support import trial

DIRECTIONS = {"score": "maximize"}


def write_journal(path: Path, trials: int = 3) -> bytes:
    record = Record(journal_storage(path, is_driver=True), directions=DIRECTIONS)
    for number in range(trials):
        record.propose_finished(trial(number, TrialState.COMPLETE, score=0.5))
    return path.read_bytes()


def test_a_sound_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    assert repair_journal(path) is None
    before = write_journal(path)
    assert repair_journal(path) is None
    assert path.read_bytes() == before


@given(cut=st.integers(1, 400))
def test_a_torn_last_line_is_cut_off_and_kept(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.log"
    whole = write_journal(path)
    last = whole.splitlines(keepends=True)[-1]
    torn = last[: max(1, len(last) - cut)]
    path.write_bytes(whole[: -len(last)] + torn)
    note = repair_journal(path)
    assert path.read_bytes().endswith(b"\n")
    trials = Record(journal_storage(path)).trials
    if torn == last[:-1]:
        assert note is None
        assert len(trials) == 3
    else:
        assert note is not None
        assert "was torn" in note
        assert len(trials) == 2
        assert path.with_name(path.name + CUT_SUFFIX).read_bytes() == torn + b"\n"


@pytest.mark.parametrize("garbage", [b"\0" * 5000, b"{]\n", b"[1]\n", b"[" * 100_000, b"\xff\n"])
def test_a_corrupt_last_line_is_cut_off(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "journal.log"
    whole = write_journal(path)
    path.write_bytes(whole + garbage)
    assert "cut off and kept in journal.log.cut" in (repair_journal(path) or "")
    assert path.read_bytes() == whole


def test_a_last_line_longer_than_a_block_is_found(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    path.write_bytes(b'{"op_code":1}\n{"b":"' + b"x" * 200_000)
    assert "200006 bytes" in (repair_journal(path) or "")
    assert path.read_bytes() == b'{"op_code":1}\n'


def test_a_readers_view_passes_over_a_torn_line_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    torn = write_journal(path)[:-10]
    path.write_bytes(torn)
    assert len(Record(journal_storage(path)).trials) == 2
    assert path.read_bytes() == torn


@pytest.mark.parametrize("damage", [b"garbage\n", b"{}\n", b"[]\n"])
def test_damage_in_the_middle_is_named_by_its_line(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "journal.log"
    lines = write_journal(path).splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], damage, *lines[4:]]))
    with pytest.raises(RunError, match=r"the record .*journal\.log is damaged in line 5;"):
        journal_storage(path)


def test_a_missing_record_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no record"):
        journal_storage(tmp_path / "journal.log")
    assert not list(tmp_path.iterdir())


def test_the_lock_that_a_killed_driver_left_on_the_journal_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    write_journal(path)
    lock = tmp_path / "journal.log.lock"
    lock.symlink_to(path)
    storage = journal_storage(path, is_driver=True, after_crash=True)
    assert not lock.is_symlink()
    record = Record(storage, directions=DIRECTIONS)
    record.propose(trial(3))
    assert len(record.trials) == 4


def test_a_url_that_cannot_be_opened_is_not_repeated() -> None:
    with pytest.raises(RunError, match="cannot open the nosuch storage") as caught:
        url_storage("nosuch://user:secret@host/db")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("target", ["nowhere/journal.log", "journal.log"])
def test_a_lock_that_is_left_though_the_driver_ended_in_order_is_not_waited_for(
    tmp_path: Path, target: str
) -> None:
    path = tmp_path / "journal.log"
    write_journal(path)
    lock = tmp_path / "journal.log.lock"
    lock.symlink_to(target)
    os.utime(lock, (1, 1), follow_symlinks=False)
    record = Record(journal_storage(path, is_driver=True), directions=DIRECTIONS)
    record.propose(trial(3))
    assert len(record.trials) == 4
    assert not lock.is_symlink()


def test_the_kinds_of_entries_are_those_of_the_optuna_that_is_installed() -> None:
    operations = importlib.import_module("optuna.storages.journal._storage").JournalOperation
    ours = {
        name: getattr(storage, name) for name in operations.__members__ if name in vars(storage)
    }
    assert len(ours) == 5
    assert ours == {name: int(operations[name]) for name in ours}


def test_a_journal_that_is_a_link_is_not_written_to(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.txt"
    real.write_text("")
    (tmp_path / "journal.log").symlink_to(real)
    with pytest.raises(RunError, match="cannot open the record"):
        journal_storage(tmp_path / "journal.log", is_driver=True)
    assert real.read_text() == ""


class TestReading:
    """Reading a storage makes nothing."""

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(RunError, match=r"there is no record .*made\.db: put it back, or say"):
            url_storage(f"sqlite:///{tmp_path}/made.db", reads=True)
        assert list(tmp_path.iterdir()) == []

    def test_no_tables(self, tmp_path: Path) -> None:
        other = tmp_path / "addresses.db"
        with contextlib.closing(sqlite3.connect(other)) as base:
            base.execute("create table people (name text)")
            base.commit()
        before = other.read_bytes()
        with pytest.raises(RunError, match=r"cannot (open the sqlite storage|use the record)"):
            Record(url_storage(f"sqlite:///{other}", reads=True))
        assert other.read_bytes() == before

    def test_a_record(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/a b%.db"
        record = Record(url_storage(url), directions=DIRECTIONS)
        record.propose(trial(0))
        before = (tmp_path / "a b%.db").read_bytes()
        assert len(Record(url_storage(url, reads=True)).trials) == 1
        assert (tmp_path / "a b%.db").read_bytes() == before
