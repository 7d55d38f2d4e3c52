"""`Known`: which architectures a search has proposed, and which trials wait for an equal one."""

from __future__ import annotations

from collections.abc import Iterable

from einsearch.trial import Trial, TrialState


class Known:
    """Architectures by canonical hash. The first trial of a hash is its original.

    Attributes:
        in_a_row: how many proposals since the last original repeated an earlier one.
        originals: how many different architectures were proposed.
    """

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self.in_a_row = 0
        self._originals: dict[str, int] = {}
        self._waiting: dict[int, list[int]] = {}
        for trial in trials:
            self.note(trial)

    def __contains__(self, hash: object) -> bool:
        """Whether an architecture of that hash was proposed."""
        return hash in self._originals

    @property
    def originals(self) -> int:
        return len(self._originals)

    def note(self, trial: Trial) -> int:
        """Takes in a proposal, in order; returns the number of its original, perhaps its own."""
        original = self._originals.setdefault(trial.hash, trial.number)
        self.in_a_row = 0 if original == trial.number else self.in_a_row + 1
        return original

    def original_of(self, trial: Trial) -> int:
        """Number of the first trial with that hash, which has been noted."""
        return self._originals[trial.hash]

    def wait(self, trial: Trial, original: int) -> None:
        """Holds a trial back until its original has finished."""
        self._waiting.setdefault(original, []).append(trial.number)

    def release(self, original: int) -> list[int]:
        """Numbers of those that waited for a trial, in order; they wait no longer."""
        return self._waiting.pop(original, [])


def count_spent(trials: Iterable[Trial]) -> int:
    """How many trials have used up budget: all that have a result, but for duplicates."""
    return sum(
        (trial.state.is_finished or bool(trial.values)) and trial.state is not TrialState.DUPLICATE
        for trial in trials
    )
