"""What a searcher remembers of its own proposals: `Proposed`.

A record holds texts and decisions; derivations are kept only while a searcher needs them, and
derived again where a resumed search needs one that it never saw.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np

from einsearch.searchers.base import Proposal, SearchSpace
from einsearch.trial import Trial

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation

MOST_REPEATS: Final = 12
"""Candidates, and then samples, thrown away because they were proposed before."""


class Proposed:
    """Texts of all proposals, and derivations of those that are still wanted.

    Args:
        space: derives again what is not at hand.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._texts: set[bytes] = set()
        self._derivations: dict[int, Derivation] = {}

    def __contains__(self, derivation: Derivation) -> bool:
        """Whether an architecture was proposed before."""
        return _digest(derivation.text) in self._texts

    def fresh(self, rng: np.random.Generator, make: Callable[[], Proposal]) -> Proposal:
        """A proposal that repeats no earlier one, as far as a few tries find one; remembered.

        Args:
            rng: draws samples where all candidates were proposed before.
            make: gives a candidate, another one every time.
        """
        proposal = make()
        for tries in range(2 * MOST_REPEATS):
            if proposal.origin == "seed" or proposal.derivation not in self:
                break
            if tries < MOST_REPEATS:
                proposal = make()
            else:
                proposal = Proposal(proposal.number, self._space.sample(rng))
        self.note(proposal)
        return proposal

    def note(self, proposal: Proposal) -> None:
        """Remembers a proposal."""
        self._texts.add(_digest(proposal.derivation.text))
        self._derivations[proposal.number] = proposal.derivation

    def recall(self, trial: Trial) -> None:
        """Remembers a recorded proposal."""
        self._texts.add(_digest(trial.text))

    def derivation(self, trial: Trial) -> Derivation:
        """The derivation of a trial that was proposed."""
        if trial.number not in self._derivations:
            self._derivations[trial.number] = self._space.recall(trial.decisions)
        return self._derivations[trial.number]

    def forget(self, number: int) -> None:
        """Lets go of the derivation of a trial; its text stays known."""
        self._derivations.pop(number, None)

    @property
    def kept(self) -> int:
        """How many derivations are held."""
        return len(self._derivations)


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
