"""`JournalLock`: Optuna's lock on single writes to a journal, which dashboards take as well.

It is a link beside the journal. Optuna waits for ever for one that a dead process left behind where
the link leads nowhere, as after a move or from another folder; here its age decides.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Final

from optuna.storages.journal import JournalFileSymlinkLock

SUFFIX: Final = ".lock"
LONGEST: Final = 5.0
"""Seconds after which a lock counts as left behind; a write takes milliseconds."""
_PAUSE: Final = 0.02
"""Seconds between attempts."""


class JournalLock(JournalFileSymlinkLock):
    """A lock that nobody holds for long.

    Args:
        path: of the journal, absolute.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._place = path.with_name(path.name + SUFFIX)

    def acquire(self) -> bool:
        """Takes the lock; one that is older than `LONGEST` is removed. Raises OSError."""
        if os.path.lexists(self._place):
            self._wait()
        return super().acquire()

    def remove(self) -> None:
        """Removes a lock that a process which is known to be dead has left. Raises OSError."""
        self._place.unlink(missing_ok=True)

    def _wait(self) -> None:
        began = time.monotonic()
        while (age := self._age()) is not None:
            if age > LONGEST or time.monotonic() - began > LONGEST:
                self.remove()
                return
            time.sleep(_PAUSE)

    def _age(self) -> float | None:
        """Seconds since the lock was made; None where there is none."""
        with contextlib.suppress(FileNotFoundError):
            return time.time() - self._place.lstat().st_mtime
        return None
