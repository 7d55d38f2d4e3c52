"""`CheckpointStore`: what paused candidates go on from, one file each."""

from __future__ import annotations

from collections.abc import Iterable

from einsearch.study.places import MemoryPlace, Place


class CheckpointStore:
    """Checkpoints by number of their trial.

    Args:
        place: where they are kept; None for memory.

    Attributes:
        numbers: of the trials that have one.

    Raises:
        RunError: the place cannot be read.
    """

    def __init__(self, place: Place | None = None) -> None:
        self._place = MemoryPlace() if place is None else place
        self.numbers: set[int] = set(map(_number, self._place.names())) - {-1}

    def put(self, number: int, content: bytes) -> None:
        """Keeps a checkpoint in place of an earlier one of that trial.

        Raises:
            RunError: the place cannot be written.
        """
        self._place.write(file_name(number), content)
        self.numbers.add(number)

    def get(self, number: int) -> bytes | None:
        """The checkpoint of a trial; None where there is none, or it cannot be read."""
        return self._place.read(file_name(number)) if number in self.numbers else None

    def remove(self, number: int) -> None:
        """Removes the checkpoint of a trial, if there is one.

        Raises:
            RunError: the place cannot be written.
        """
        if number in self.numbers:
            self.numbers.discard(number)
            self._place.remove(file_name(number))

    def leave_others(self, numbers: Iterable[int]) -> None:
        """Leaves the checkpoints of all other trials alone from here on, as of trials whose record
        was lost: nothing here reads or removes them."""
        self.numbers &= set(numbers)

    def retain(self, numbers: Iterable[int]) -> None:
        """Removes the checkpoints of all other trials, which a crash may have left."""
        for number in self.numbers - set(numbers):
            self.remove(number)


def file_name(number: int) -> str:
    """Of the checkpoint of a trial."""
    return f"trial-{number}.ckpt"


def _number(name: str) -> int:
    """Of the trial whose checkpoint has that name; -1 for any other name."""
    stem = name.removeprefix("trial-").removesuffix(".ckpt")
    return int(stem) if stem.isdecimal() else -1
