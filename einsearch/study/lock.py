"""`DriverLock`: one driver a run folder. The kernel lets go of it when its process ends."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from einsearch.errors import RunError
from einsearch.files import make_own, open_changing

LOCK_FILE: Final = "driver.lock"
"""Name of the lock file, which names the process. It stays; an empty one means that the last
driver ended in order."""

_BUSY: Final = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
_PATIENCE: Final = 0.1
"""Seconds to wait for it: `is_locked` of another process holds it for some microseconds."""
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
        self._process = os.getpid()
        if not folder.is_dir():  # the lock would make it
            raise RunError(f"cannot write in the run folder {folder}: No such folder")
        if self.path.is_symlink():
            raise RunError(
                f"{self.path} is a link: a run folder has its own files alone; remove it"
            )
        if not is_locked(folder):  # whoever holds it, holds the file and not its name
            with contextlib.suppress(OSError):
                make_own(self.path)
        self._lock = FileLock(
            self.path, timeout=_PATIENCE, mode=0o644, poll_interval=_PAUSE, thread_local=False
        )
        try:
            self._lock.acquire()
            self._is_held = True
            self.after_crash = self._name(f"{os.getpid()} {socket.gethostname()}\n")
        except Timeout:
            raise RunError(
                f"the run folder {folder} is in use by {describe_holder(folder)}; "
                "wait until it ends, or stop it"
            ) from None
        except OSError as error:
            self._lock.release(force=True)
            raise RunError(f"cannot write in the run folder {folder}: {error.strerror}") from None

    def close(self) -> None:
        """Lets go, and leaves word that this driver ended in order. Twice is once; in a process
        that was forked off it does nothing."""
        if self._is_held and os.getpid() == self._process:
            self._is_held = False
            with contextlib.suppress(OSError):
                self._name("")
            self._lock.release(force=True)

    def _name(self, text: str) -> bool:
        """Writes who holds the lock; whether somebody was named before."""
        with open_changing(self.path) as file:
            was_named = bool(file.read(1))
            file.seek(0)
            file.truncate()
            file.write(text.encode())
        return was_named

    def __enter__(self) -> DriverLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def describe_holder(folder: Path) -> str:
    """The process that the folder names: "process 4711", with its machine if another."""
    try:
        words = (folder / LOCK_FILE).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        words = []
    if not words or not words[0].isdecimal():
        return "another process"
    elsewhere = len(words) > 1 and words[1] != socket.gethostname()
    return f"process {words[0]}" + (f" on {words[1]}" if elsewhere else "")


def is_locked(folder: Path) -> bool:
    """Whether a driver is at work in the folder. Needs no right to write there, and writes
    nothing, as taking the lock would."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _BUSY
    finally:
        os.close(descriptor)
    return False
