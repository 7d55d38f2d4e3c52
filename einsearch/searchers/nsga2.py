"""NSGA-II: Deb, Pratap, Agarwal and Meyarivan, 2002, "A Fast and Elitist Multiobjective Genetic
Algorithm: NSGA-II", in its asynchronous, steady-state form.

Every result enters the population. Where that is full, the last in the order of fronts and
crowding distances leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from einsearch.searchers.base import Proposal, Searcher, SearchSpace
from einsearch.searchers.pareto import Standing, has_standing, ranked, standing_of
from einsearch.searchers.proposed import Proposed
from einsearch.searchers.registry import register_searcher
from einsearch.searchers.varying import Breeder
from einsearch.trial import Trial


@register_searcher
class Nsga2Searcher(Searcher):
    """Search for the best compromises between all objectives, constraints kept first.

    Until the population is full, proposals are the space's seeds, then samples. A child's parents
    win tournaments of two: the earlier front, in the same front the less crowded. Its operator is
    drawn as in `evolution`, by how far children came before their parents in that order.

    Args:
        population: how many trials are alive at a time.
        operators: as in `evolution`; all where not given.
        floor: probability that the operator is drawn uniformly; 1 for no adaptation.
    """

    name: ClassVar[str] = "nsga2"

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        *,
        population: Annotated[int, Field(ge=2)] = 30,
        operators: Sequence[str] | None = None,
        floor: Annotated[float, Field(ge=0, le=1)] = 0.2,
    ) -> None:
        super().__init__(space, seed)
        self._proposed = Proposed(space)
        self._breeder = Breeder(space, self._proposed, operators, floor)
        self._size = population
        self._alive: dict[int, Trial] = {}
        self._standings: dict[int, Standing] = {}
        self._order: list[int] = []

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        return self._proposed.fresh(rng, partial(self._candidate, number, rng))

    def _recall(self, trial: Trial) -> None:
        self._proposed.recall(trial)

    def _candidate(self, number: int, rng: np.random.Generator) -> Proposal:
        if number < len(self.space.seeds):
            return Proposal(number, self.space.seeds[number], origin="seed")
        if len(self._order) < self._size:
            return Proposal(number, self.space.sample(rng))
        return self._breeder.child(number, self._select(rng), self._select(rng), rng)

    def _select(self, rng: np.random.Generator) -> Trial:
        """The winner of two."""
        place = min(rng.integers(len(self._order), size=2).tolist())
        return self._alive[self._order[place]]

    def _learn(self, trial: Trial) -> None:
        self._leave(trial.number)
        if not has_standing(trial, self.space.directions):
            self._breeder.credit.reward(trial.origin, 0.0)
            self._proposed.forget(trial.number)
            return
        self._alive[trial.number] = trial
        self._standings[trial.number] = standing_of(trial, self.space.directions)
        self._order = ranked(self._standings)
        self._breeder.credit.reward(trial.origin, self._gain(trial))
        for number in self._order[self._size :]:
            self._leave(number)
            self._proposed.forget(number)

    def _leave(self, number: int) -> None:
        """Takes a trial out of the population; one that was paused enters again."""
        if self._alive.pop(number, None) is not None:
            del self._standings[number]
            self._order = [other for other in self._order if other != number]

    def _gain(self, trial: Trial) -> float:
        """By how much of the population a child comes before the first of its parents."""
        places = {number: place for place, number in enumerate(self._order)}
        last = len(self._order)
        before = min((places.get(parent, last) for parent in trial.parents), default=0)
        return max(0.0, (before - places[trial.number]) / last)
