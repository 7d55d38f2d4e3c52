"""`Place`: where the run of an estimator is kept, for as long as somebody needs it."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Final

from einsearch.files import remove_empty, user_path
from einsearch.study.folder import VERSIONS
from einsearch.study.founding import check_vacant

RUN: Final = "run"
DATA: Final = "data.npz"
TABLE: Final = "data.csv"
"""What is in the folder: the run folder, and the data that it was searched with."""


class Place:
    """A folder for one search and its data.

    One that the user did not name is removed with the last estimator that refers to it. It does not
    travel: an estimator that was pickled has lost it.

    Args:
        kept: the user's folder, missing or empty; None for one that goes.

    Raises:
        FolderTaken: the user's folder holds something.
        OSError: it cannot be made.
    """

    def __init__(self, kept: str | Path | None = None) -> None:
        self._kept = None if kept is None else user_path(kept)
        self.path: Path | None = self._kept
        if self._kept is not None:
            check_vacant(self._kept, VERSIONS)
            self._kept.mkdir(parents=True, exist_ok=True)
        else:
            # It goes with the last reference to this place, or as the process ends.
            self._own = tempfile.TemporaryDirectory(prefix="einsearch-", ignore_cleanup_errors=True)
            self.path = Path(self._own.name)

    def clear(self) -> None:
        """Takes back what was written for a search that did not begin."""
        if self.path is not None and not (self.path / RUN).exists():
            for name in (DATA, TABLE):
                with contextlib.suppress(OSError):
                    (self.path / name).unlink()
            remove_empty([self.path])

    def __deepcopy__(self, memo: object) -> Place:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _arrived, (self._kept,)


def _arrived(kept: Path | None) -> Place:
    """A place in another process, which has the user's folder or none."""
    place = Place.__new__(Place)
    place._kept = place.path = kept
    return place
