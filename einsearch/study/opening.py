"""Opening a record: to write to it, as the one driver, or to read it while another may write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from einsearch.errors import RunError
from einsearch.study.folder import JOURNAL, RunFolder
from einsearch.study.lock import DriverLock
from einsearch.study.record import Record
from einsearch.study.storage import journal_storage, memory_storage, repair_journal, url_storage


def new_study(storage: str | None) -> str:
    """Name of the study of a new run; its own in a storage that other runs may use."""
    return "einsearch" if storage is None else f"einsearch-{uuid4().hex[:12]}"


@dataclass(frozen=True)
class Driving:
    """The right to go on with a run; a context, which gives it back.

    Attributes:
        record: open for writing.
        notes: what had to be repaired, for people.
        lock: of the folder; None where there is none.
    """

    record: Record
    notes: tuple[str, ...] = ()
    lock: DriverLock | None = None

    def close(self) -> None:
        self.record.close()
        if self.lock is not None:
            self.lock.close()

    def __enter__(self) -> Driving:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.close()


def begin_journal(folder: Path, directions: Mapping[str, str]) -> None:
    """Makes the record of a new run in its folder: a study without trials. Raises RunError."""
    path = folder / JOURNAL
    storage = journal_storage(path, is_driver=True)
    Record(storage, new_study(None), directions, str(path)).close()


def drive(
    folder: RunFolder | None,
    directions: Mapping[str, str],
    storage: str | None = None,
    *,
    is_begun: bool = False,
) -> Driving:
    """Opens the record of a run to write to it.

    Args:
        folder: of the run; None keeps the record in memory, or in `storage`.
        directions: objective name -> "maximize" or "minimize".
        storage: URL of an Optuna storage, where there is no folder to name it.
        is_begun: whether the run has its record already; it is not made again.

    Raises:
        RunError: another driver is at work there, the record cannot be written, is damaged, or
            has other objectives.
    """
    if folder is None:
        kept = memory_storage() if storage is None else url_storage(storage)
        return Driving(Record(kept, new_study(storage), directions))
    lock = DriverLock(folder.path)
    try:
        if folder.storage is not None:
            kept = url_storage(folder.storage, is_begun=is_begun)
            place = f"study {folder.study} of {folder.path}"
            return Driving(
                Record(kept, folder.study, directions, place, is_begun=is_begun), (), lock
            )
        if is_begun and not folder.journal.exists():
            raise RunError(
                f"the record of the run {folder.path} is lost: it has no {JOURNAL}. Put it back "
                "from a copy, or start a new run in another folder"
            )
        note = repair_journal(folder.journal)
        kept = journal_storage(folder.journal, is_driver=True, after_crash=lock.after_crash)
        record = Record(kept, folder.study, directions, folder.journal, is_begun=is_begun)
        record.check_sense()
    except BaseException:
        lock.close()
        raise
    return Driving(record, (note,) if note else (), lock)


def read_record(folder: RunFolder) -> Record:
    """The record of a run as it is now. Nothing is written; a torn last line is passed over.

    Raises:
        RunError: it is missing or damaged.
    """
    if folder.storage is not None:
        place = f"study {folder.study} of {folder.path}"
        record = Record(url_storage(folder.storage, reads=True), folder.study, place=place)
    elif not folder.journal.exists():
        raise RunError(
            f"the run folder {folder.path} has no record yet: no trial was made, or its "
            f"{JOURNAL} was lost"
        )
    else:
        record = Record(journal_storage(folder.journal), folder.study, place=folder.journal)
    record.check_sense()
    return record
