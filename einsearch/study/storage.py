"""The Optuna storages beneath a record: a journal file, a URL, or memory; repair of a journal.

A journal is one JSON object a line, appended; its driver says what is flushed to the disk at once.
Its last line can be torn by a crash; `repair_journal` keeps what was cut off in a file beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend

from einsearch.errors import RunError
from einsearch.files import add_file, open_append, open_changing
from einsearch.study.journallock import JournalLock
from einsearch.study.storageurl import read_only, sqlite_file, without_secrets

CUT_SUFFIX: Final = ".cut"
"""What is cut off `journal.log` is kept in `journal.log.cut`."""

CREATE_TRIAL: Final = 4
SET_TRIAL_STATE_VALUES: Final = 6
SET_TRIAL_INTERMEDIATE_VALUE: Final = 7
SET_TRIAL_USER_ATTR: Final = 8
SET_TRIAL_SYSTEM_ATTR: Final = 9
"""Kinds of entries, as Optuna's journals have them in `op_code`."""

_PLAIN: Final = frozenset(
    {
        CREATE_TRIAL,
        SET_TRIAL_STATE_VALUES,
        SET_TRIAL_INTERMEDIATE_VALUE,
        SET_TRIAL_USER_ATTR,
        SET_TRIAL_SYSTEM_ATTR,
    }
)
"""Entries that a record writes exactly as JSON gives them back."""


class MemoryBackend(BaseJournalBackend):
    """A journal that is a list: no file, and no deep copies as Optuna's own in-memory storage."""

    def __init__(self) -> None:
        self._logs: list[dict[str, Any]] = []

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        yield from self._logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self._logs += logs


class DriverJournal(BaseJournalBackend):
    """Optuna's journal file, whose writer says what is flushed to the disk, and when.

    What it wrote last is given back without reading the file, as long as nobody else has written.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file, which is made where it is missing. Raises OSError."""
        self._path = path
        self._file_lock = JournalLock(path)
        self._held: list[dict[str, Any]] | None = None
        self._flushes = True
        self._offsets = {0: 0}
        self._own: list[tuple[dict[str, Any], int]] = []
        self._begin = self._end = -1
        with contextlib.suppress(FileExistsError):
            add_file(path, b"")
        with open_changing(path):  # a link, or a file that cannot be written, is refused now
            pass

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        offsets = self._offsets
        offset, size = offsets.get(log_number_from), self._path.stat().st_size
        if offset == size:
            return
        if offset != self._begin or size != self._end:
            yield from self._read_file(log_number_from, size)
            return
        own, self._own, self._begin = self._own, [], self._end
        for number, (log, length) in enumerate(own, start=log_number_from):
            offsets[number + 1] = offsets[number] + length
            yield log

    def _read_file(self, log_number_from: int, size: int) -> Iterator[dict[str, Any]]:
        """Entries of the file up to `size`, but for a torn last one."""
        known = max(number for number in self._offsets if number <= log_number_from)
        with self._path.open("rb") as file:
            file.seek(self._offsets[known])
            for number, line in enumerate(file, start=known):
                end = self._offsets[number] + len(line)
                if end > size or not line.endswith(b"\n"):
                    return
                log = json.loads(line)
                self._offsets[number + 1] = end
                if number >= log_number_from:
                    yield log

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        if self._held is None:
            self.write(logs)
        else:
            self._held += logs

    def write(self, logs: list[dict[str, Any]]) -> None:
        """Appends entries, in one write to the file."""
        lines = [json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs]
        self._file_lock.acquire()
        try:
            with open_append(self._path) as file:
                start = file.seek(0, os.SEEK_END)
                file.write(b"".join(lines))
                file.flush()
                if self._flushes:
                    os.fsync(file.fileno())
        finally:
            self._file_lock.release()
        self._note(start, logs, lines)

    def _note(self, start: int, logs: list[dict[str, Any]], lines: list[bytes]) -> None:
        """Keeps what was written until it is read."""
        if start != self._end:
            self._own, self._begin = [], start
        for log, line in zip(logs, lines, strict=True):
            is_plain = log["op_code"] in _PLAIN
            self._own.append((log if is_plain else json.loads(line), len(line)))
        self._end = start + sum(map(len, lines))

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Writes what is appended within on leaving; nothing if an error leaves."""
        held: list[dict[str, Any]] = []
        self._held = held
        try:
            yield
        finally:
            self._held = None
        self.write(held)

    @contextlib.contextmanager
    def unflushed(self) -> Iterator[None]:
        """Hands what is appended within to the system alone: it outlives the process."""
        self._flushes = False
        try:
            yield
        finally:
            self._flushes = True


class DriverStorage(JournalStorage):
    """A storage on a driver's journal."""

    def __init__(self, journal: DriverJournal) -> None:
        super().__init__(journal)
        self.journal = journal


def flushed_at_once(storage: BaseStorage) -> contextlib.AbstractContextManager[None]:
    """Several changes whose values are not read meanwhile become one write, flushed to the disk;
    other storages than a driver's journal write each."""
    if isinstance(storage, DriverStorage):
        return storage.journal.holding()
    return contextlib.nullcontext()


def unflushed(storage: BaseStorage) -> contextlib.AbstractContextManager[None]:
    """Changes that may be lost in a power cut, unless a later one is flushed; other storages than
    a driver's journal write them as any other."""
    if isinstance(storage, DriverStorage):
        return storage.journal.unflushed()
    return contextlib.nullcontext()


def memory_storage() -> BaseStorage:
    """A storage that ends with the process."""
    return JournalStorage(MemoryBackend())


def journal_storage(path: Path, is_driver: bool = False, after_crash: bool = False) -> BaseStorage:
    """The storage of a journal file.

    Args:
        path: the file; a driver makes it where it is missing.
        is_driver: whether to write to it. The journal has been repaired then.
        after_crash: a driver that died may have left Optuna's lock; it is removed at once.

    Raises:
        RunError: it cannot be opened, or a line in its middle is damaged (which one is said).
    """
    if not is_driver and not path.is_file():
        raise RunError(f"there is no record {path}")
    try:
        if after_crash:
            JournalLock(path).remove()
        if is_driver:
            return DriverStorage(DriverJournal(path))
        return JournalStorage(JournalFileBackend(str(path)))
    except OSError as error:
        raise RunError(f"cannot open the record {path}: {error.strerror}") from None
    except Exception:  # whatever Optuna meets in lines that it did not write
        raise RunError(
            f"the record {path} is damaged{_damaged_line(path)}; what comes before it can be "
            "used by deleting that line and all after it"
        ) from None


def url_storage(url: str, *, reads: bool = False, is_begun: bool = False) -> BaseStorage:
    """Any storage that Optuna knows by a URL: "sqlite:///runs.db", "postgresql://...".

    Args:
        url: of the storage.
        reads: nothing is written: no file, no tables.
        is_begun: whether a run has its record there, so that a file must be there.

    Raises:
        RunError: it cannot be opened; the message does not repeat the URL, which may hold a
            password.
    """
    file = sqlite_file(url)
    if (reads or is_begun) and file is not None and not file.is_file():
        raise RunError(
            f"there is no record {file}: put it back, or say where it is with --storage URL "
            "(storage=URL from Python)"
        )
    try:
        if reads and not url.startswith("redis"):
            return optuna.storages.RDBStorage(read_only(url), skip_table_creation=True)
        return optuna.storages.get_storage(url)
    except Exception as error:
        kind = url.split(":", 1)[0]
        line = without_secrets(_first_line(error), url)
        raise RunError(f"cannot open the {kind} storage: {type(error).__name__}: {line}") from None


def repair_journal(path: Path) -> str | None:
    """Cuts off a torn or corrupt last line, as a crash or a full disk leaves it.

    What is cut goes into a file beside it. A complete line that lacks only its end gets it.

    Returns:
        What was done, for people; None where nothing had to be.

    Raises:
        RunError: the file cannot be read or written.
    """
    if not path.exists():
        return None
    try:
        start, line = _last_line(path)
        if not line:
            return None
        if _is_entry(line):
            if not line.endswith(b"\n"):
                _append(path, b"\n")
            return None
        kept = path.with_name(path.name + CUT_SUFFIX)
        _append(kept, line if line.endswith(b"\n") else line + b"\n")
        with open_changing(path) as file:
            file.truncate(start)
            os.fsync(file.fileno())
    except OSError as error:
        raise RunError(f"cannot repair the record {path}: {error.strerror}") from None
    return (
        f"the last line of {path} was torn ({len(line)} bytes); it was cut off and kept in "
        f"{kept.name}"
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Optuna's notes of every new study are not shown."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)


def _last_line(path: Path, block: int = 1 << 16) -> tuple[int, bytes]:
    """Where the last line begins, and its bytes, with their newline if there is one."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        tail = b""
        start = size
        while start > 0 and b"\n" not in tail[:-1]:
            begin = max(0, start - block)
            file.seek(begin)
            tail = file.read(start - begin) + tail
            start = begin
    cut = tail[:-1].rfind(b"\n") + 1
    return start + cut, tail[cut:]


def _is_entry(line: bytes) -> bool:
    try:
        content = json.loads(line)
        return isinstance(content, dict) and "op_code" in content
    except (ValueError, RecursionError):
        return False


def _append(path: Path, data: bytes) -> None:
    with open_append(path) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


class _Lines(BaseJournalBackend):
    """The lines of a journal file as Optuna takes them, one after the other.

    Attributes:
        number: of the line that was given last, from 1.
    """

    def __init__(self, path: Path) -> None:
        self.number = 0
        self._path = path

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        with self._path.open("rb") as file:
            for self.number, line in enumerate(file, start=1):
                yield json.loads(line)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise NotImplementedError("lines are only read")


def _damaged_line(path: Path) -> str:
    """ " in line 12": the first line that Optuna cannot take; empty where it takes all."""
    lines = _Lines(path)
    try:
        JournalStorage(lines)
    except Exception:
        return f" in line {lines.number}"
    return ""


def line_that_set(path: Path, number: int | None, key: str) -> str:
    """ " in line 12": the line of a journal that set an attribute of a trial last, or that made
    the trial; empty where there is none.

    Args:
        path: the journal, which can be read.
        number: of the trial; None for an attribute of the study.
        key: the attribute.
    """
    found, made = 0, -1
    for place, log in enumerate(_Lines(path).read_logs(0), start=1):
        kind = log["op_code"]
        if kind == CREATE_TRIAL:
            made += 1
            found = place if made == number else found
        elif key in log.get("user_attr", ()) and log.get("trial_id") == number:
            found = place
        elif kind == SET_TRIAL_INTERMEDIATE_VALUE and key == "reports":
            found = place if log["trial_id"] == number else found
    return f" in line {found}" if found else ""


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
