"""Local search: White, Nolen and Savani, 2021, "Exploring the Loss Landscape in Neural Architecture
Search", with first improvement, made asynchronous.

The neighbours of the best network of a climb are evaluated one after the other; the first that is
better takes its place. Where none is, another climb begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from pydantic import Field

from einsearch.errors import NoNeighbour, SearcherError
from einsearch.searchers.base import Merit, Proposal, Searcher, SearchSpace
from einsearch.searchers.proposed import Proposed
from einsearch.searchers.registry import register_searcher
from einsearch.searchers.varying import CROSSOVER, RECOMBINE, Operators
from einsearch.trial import Trial

MOST_TRIES: Final = 60
"""Neighbours made, all of which were proposed before, until a network counts as exhausted."""


@register_searcher
class LocalSearcher(Searcher):
    """Local search on the main objective, what breaks a constraint behind what does not.

    A climb begins at the best of a few samples, to which the space's seeds count in the first one.
    It ends where a number of neighbours brought no improvement, or where all that are found were
    proposed before. A result that comes later still counts: better than the network that it is
    near, it takes up that climb again.

    Args:
        starts: samples that a climb begins with.
        patience: neighbours without an improvement that end a climb.
        operators: what makes neighbours, mutations as in `evolution`; all but `subtree` where not
            given.
    """

    name: ClassVar[str] = "local"

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        *,
        starts: Annotated[int, Field(ge=1)] = 10,
        patience: Annotated[int, Field(ge=1)] = 50,
        operators: Sequence[str] | None = None,
    ) -> None:
        super().__init__(space, seed)
        self._operators = Operators(space, operators or ())
        names = [name for name in self._operators.mutations if operators or name != "subtree"]
        self._names = names or list(self._operators.mutations)
        self._starts = starts
        self._patience = patience
        self._proposed = Proposed(space)
        self._merits: dict[int, Merit] = {}
        self._best: Trial | None = None
        self._openings: list[Trial] = []
        self._failures = 0

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> None:
        """Raises SearcherError where none of the operators makes neighbours."""
        operators = options["operators"]
        if operators and set(operators) <= {CROSSOVER, RECOMBINE}:
            raise SearcherError(
                f"the option operators of the searcher local is {list(operators)}: expected "
                "mutations, such as value, because a neighbour has one parent"
            )

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        if number < len(self.space.seeds):
            proposal = Proposal(number, self.space.seeds[number], origin="seed")
            self._proposed.note(proposal)
            return proposal
        if self._best is not None:
            neighbour = self._neighbour(number, self._best, rng)
            if neighbour is not None:
                return neighbour
            self._give_up()
        return self._proposed.fresh(rng, lambda: Proposal(number, self.space.sample(rng)))

    def _recall(self, trial: Trial) -> None:
        self._proposed.recall(trial)
        if trial.origin == "sample":
            self._give_up()

    def _neighbour(self, number: int, best: Trial, rng: np.random.Generator) -> Proposal | None:
        """One that was not proposed before; None where none is found."""
        derivation = self._proposed.derivation(best)
        names = list(self._names)
        for _ in range(MOST_TRIES):
            if not names:
                return None
            operator = names[int(rng.integers(len(names)))]
            try:
                child = self._operators.mutate(operator, derivation, rng)
            except NoNeighbour:
                names.remove(operator)
                continue
            if child not in self._proposed:
                proposal = Proposal(number, child, (best.number,), operator)
                self._proposed.note(proposal)
                return proposal
        return None

    def _give_up(self) -> None:
        """Ends the climb."""
        if self._best is not None:
            self._proposed.forget(self._best.number)
            self._best = None
            self._openings = []
        self._failures = 0

    def _learn(self, trial: Trial) -> None:
        merit = self.space.merit(trial)
        if merit is not None:
            self._merits[trial.number] = merit
        if merit is not None and self._is_ahead(trial, merit):
            self._climb(trial)
        elif self._best is None and merit is not None and not trial.parents:
            self._open(trial)
        elif self._best is not None and self._best.number in trial.parents:
            self._failures += 1
            if self._failures >= self._patience:
                self._give_up()
        if self._best is None or self._best.number != trial.number:
            self._proposed.forget(trial.number)

    def _is_ahead(self, trial: Trial, merit: Merit) -> bool:
        """Better than the best; between climbs, than the network that it is near."""
        if self._best is not None:
            return merit > self._merits[self._best.number]
        return any(merit > self._merits[parent] for parent in trial.parents)

    def _open(self, trial: Trial) -> None:
        self._openings = [known for known in self._openings if known.number != trial.number]
        self._openings.append(trial)
        if len(self._openings) >= self._starts:
            self._climb(max(self._openings, key=lambda known: self._merits[known.number]))

    def _climb(self, trial: Trial) -> None:
        if self._best is not None:
            self._proposed.forget(self._best.number)
        self._best, self._openings, self._failures = trial, [], 0
