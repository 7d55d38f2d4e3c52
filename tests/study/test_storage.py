"""Journals with a torn, corrupt or damaged line; URLs that cannot be opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.errors import RunError
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
