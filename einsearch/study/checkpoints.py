"""`CheckpointStore`: what paused candidates go on from, one file each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from einsearch.errors import RunError
from einsearch.study.folder import CHECKPOINTS, RunFolder


class CheckpointStore:
    """Checkpoints by number of their trial, in the run folder, or in memory where there is none.

    Args:
        folder: of the run; None for memory.

    Attributes:
        numbers: of the trials that have one.
    """

    def __init__(self, folder: RunFolder | None = None) -> None:
        self._folder = folder
        self._memory: dict[int, bytes] = {}
        self.numbers: set[int] = set() if folder is None else _numbers(folder.checkpoints)

    def put(self, number: int, content: bytes) -> None:
        """Keeps a checkpoint in place of an earlier one of that trial.

        Raises:
            RunError: the folder cannot be written.
        """
        if self._folder is None:
            self._memory[number] = content
        else:
            self._folder.write(f"{CHECKPOINTS}/{file_name(number)}", content)
        self.numbers.add(number)

    def get(self, number: int) -> bytes | None:
        """The checkpoint of a trial; None where there is none, or it cannot be read."""
        if self._folder is None:
            return self._memory.get(number)
        try:
            return (self._folder.checkpoints / file_name(number)).read_bytes()
        except OSError:
            return None

    def remove(self, number: int) -> None:
        """Removes the checkpoint of a trial, if there is one.

        Raises:
            RunError: the folder cannot be written.
        """
        self.numbers.discard(number)
        self._memory.pop(number, None)
        if self._folder is None:
            return
        try:
            (self._folder.checkpoints / file_name(number)).unlink(missing_ok=True)
        except OSError as error:
            raise RunError(
                f"cannot remove a checkpoint from {self._folder.checkpoints}: {error.strerror}"
            ) from None

    def retain(self, numbers: Iterable[int]) -> None:
        """Removes the checkpoints of all other trials, which a crash may have left."""
        for number in self.numbers - set(numbers):
            self.remove(number)


def file_name(number: int) -> str:
    """Of the checkpoint of a trial."""
    return f"trial-{number}.ckpt"


def _numbers(folder: Path) -> set[int]:
    stems = (path.stem.removeprefix("trial-") for path in folder.glob("trial-*.ckpt"))
    return {int(stem) for stem in stems if stem.isdecimal()}
