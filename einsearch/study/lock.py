"""`DriverLock`: one driver a run folder. The kernel lets go of it when its process ends."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
import weakref
from pathlib import Path
from typing import Final

from einsearch.errors import RunError

LOCK_FILE: Final = "driver.lock"
"""Name of the lock file. It stays; an empty one means that the last driver ended in order."""

_BUSY: Final = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
_ATTEMPTS: Final = 5
_PAUSE: Final = 0.02
"""Seconds between attempts."""


class DriverLock:
    """The right to write to a run folder, held from construction to `close`.

    A lock file that a dead process left behind does not stand in the way: what counts is the
    lock of the operating system on it, and that ends with the process.

    Attributes:
        after_crash: whether the last driver ended without closing its lock.

    Raises:
        RunError: another driver holds it (the message names its process), or the folder cannot
            be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_FILE
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RunError(f"cannot write in the run folder {folder}: {error.strerror}") from None
        try:
            _lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            raise _refusal(folder, error) from None
        self._is_held = True
        self.after_crash = os.fstat(self._descriptor).st_size > 0
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode())
        _release_in_forks(self)

    def close(self) -> None:
        """Lets go, and leaves word that this driver ended in order. Twice is once."""
        if self._is_held:
            self._is_held = False
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)

    def __enter__(self) -> DriverLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _forget(self) -> None:
        """Closes a forked child's copy, so that the lock ends with the driver itself."""
        if self._is_held:
            self._is_held = False
            os.close(self._descriptor)


def _lock(descriptor: int) -> None:
    """Takes the lock; `is_locked` of another process may hold it for some microseconds."""
    for attempt in range(_ATTEMPTS):
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _BUSY or attempt == _ATTEMPTS - 1:
                raise
        time.sleep(_PAUSE)
    return None


def _refusal(folder: Path, error: OSError) -> RunError:
    if error.errno not in _BUSY:
        return RunError(f"cannot lock the run folder {folder}: {error.strerror}")
    return RunError(
        f"the run folder {folder} is in use by {describe_holder(folder)}; "
        "wait until it ends, or stop it"
    )


def _release_in_forks(lock: DriverLock) -> None:
    reference = weakref.ref(lock)

    def release() -> None:
        if (held := reference()) is not None:
            held._forget()

    os.register_at_fork(after_in_child=release)


def describe_holder(folder: Path) -> str:
    """The process that the lock file names: "process 4711", with its machine if another."""
    try:
        words = (folder / LOCK_FILE).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        words = []
    if not words:
        return "another process"
    elsewhere = len(words) > 1 and words[1] != socket.gethostname()
    return f"process {words[0]}" + (f" on {words[1]}" if elsewhere else "")


def is_locked(folder: Path) -> bool:
    """Whether a driver is at work in the folder. Needs no right to write there."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _BUSY
    finally:
        os.close(descriptor)
    return False
