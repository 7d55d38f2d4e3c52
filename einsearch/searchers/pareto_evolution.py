"""Evolution towards several objectives by ageing: Liu, Brock, Simonyan and Le, 2020, "Evolving
Normalization-Activation Layers", section 4.4. A tournament is won by a random member of its Pareto
front, in place of the best by one number or by an average.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from einsearch.searchers.base import Merit, Proposal, SearchSpace
from einsearch.searchers.evolution import EvolutionSearcher
from einsearch.searchers.pareto import dominates, has_standing, standing_of
from einsearch.searchers.registry import register_searcher
from einsearch.trial import Trial


@register_searcher
class ParetoEvolutionSearcher(EvolutionSearcher):
    """Regularised evolution on several objectives: networks good at any of them live on.

    The queue, its children and their operators are those of `evolution`. Other than there, seeds
    and samples are the first `population` proposals alone: where nearly all samples die, as layers
    do, whatever is alive by then has children.

    Args:
        population: how many trials are alive at a time, and how many proposals come first.
        tournament: how many are drawn, with replacement; of those that no other one of them
            dominates one becomes a parent, whichever.
        operators: as in `evolution`; all where not given.
        floor: probability that the operator is drawn uniformly; 1 for no adaptation.
    """

    name: ClassVar[str] = "pareto-evolution"

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        *,
        population: Annotated[int, Field(ge=1)] = 40,
        tournament: Annotated[int, Field(ge=1)] = 10,
        operators: Sequence[str] | None = None,
        floor: Annotated[float, Field(ge=0, le=1)] = 0.2,
    ) -> None:
        super().__init__(
            space,
            seed,
            population=population,
            tournament=tournament,
            operators=operators,
            floor=floor,
        )

    def _candidate(self, number: int, rng: np.random.Generator) -> Proposal:
        if number < (self._population.maxlen or 0) or not self._population:
            return super()._candidate(number, rng)
        return self._breeder.child(number, self._select(rng), self._select(rng), rng)

    def _merit(self, trial: Trial) -> Merit | None:
        # What lacks an objective cannot stand in a tournament.
        is_whole = has_standing(trial, self.space.directions)
        return self.space.merit(trial) if is_whole else None

    def _select(self, rng: np.random.Generator) -> Trial:
        """Any member of a tournament's Pareto front."""
        drawn = rng.integers(len(self._population), size=self._tournament).tolist()
        front = front_of([self._population[place] for place in dict.fromkeys(drawn)], self.space)
        return front[int(rng.integers(len(front)))]


def front_of(trials: Sequence[Trial], space: SearchSpace) -> list[Trial]:
    """Those that no other one dominates, in the same order."""
    standings = [standing_of(trial, space.directions) for trial in trials]
    return [
        trial
        for trial, mine in zip(trials, standings, strict=True)
        if not any(dominates(other, mine) for other in standings)
    ]
