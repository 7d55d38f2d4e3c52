"""Evolution guided by a predictor: Wei, Niu, Tang and Liang, 2020, "NPENAS: Neural Predictor Guided
Evolution for Neural Architecture Search", with a Gaussian process, in a grammar, asynchronous.

The best trials have many descendants, a cheap model of the recent results ranks them, and the one
that promises most is proposed.
"""

from __future__ import annotations

import bisect
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from einsearch.searchers.acquisition import Breeding, Candidate, Plan
from einsearch.searchers.base import Merit, Proposal, Searcher, SearchSpace
from einsearch.searchers.evolution_predictor import Predictor
from einsearch.searchers.features import Features, features_of
from einsearch.searchers.proposed import Proposed
from einsearch.searchers.registry import register_searcher
from einsearch.searchers.varying import Operators
from einsearch.trial import Trial


@register_searcher
class GuidedEvolutionSearcher(Searcher):
    """Evolution on the main objective, whose children are ranked before one is evaluated.

    Proposals are the space's seeds, then samples, then descendants of the best trials: children,
    the better a trial, the more, and for three generations children of what promises most. The
    promise is expected improvement in a Gaussian process on structure features, which learns from
    the latest 200 results. Proposals under way count as observed at what is expected of them. What
    failed or breaks a constraint counts as the worst that was seen.

    A proposal takes about a tenth of a second of computing, however long the search is.

    Args:
        initial: samples before the model is used.
        parents: the best trials, whose children are candidates.
        children: candidates for a proposal.
    """

    name: ClassVar[str] = "guided-evolution"

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        *,
        initial: Annotated[int, Field(ge=2)] = 8,
        parents: Annotated[int, Field(ge=1)] = 10,
        children: Annotated[int, Field(ge=1)] = 42,
    ) -> None:
        super().__init__(space, seed)
        self._initial = initial
        self._parents = parents
        self._plan = Plan(children, sampled=0, first=0.3, rounds=3, breeders=4, tries=2)
        self._operators = Operators(space)
        self._proposed = Proposed(space)
        self._predictor = Predictor(space)
        self._pending: dict[int, Features | Trial] = {}
        self._merits: dict[int, Merit] = {}
        self._best: list[Trial] = []

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        chosen = self._most_promising(number, rng)
        if chosen is not None:
            made = chosen.derivation, chosen.parents, chosen.origin
            proposal, features = Proposal(number, *made), chosen.features
            self._proposed.note(proposal)
        else:
            proposal = self._first(number, rng)
            features = features_of(proposal.derivation)
        self._pending[number] = features
        return proposal

    def _first(self, number: int, rng: np.random.Generator) -> Proposal:
        """A seed or a sample."""
        if number < len(self.space.seeds):
            proposal = Proposal(number, self.space.seeds[number], origin="seed")
            self._proposed.note(proposal)
            return proposal
        return self._proposed.fresh(rng, lambda: Proposal(number, self.space.sample(rng)))

    def _most_promising(self, number: int, rng: np.random.Generator) -> Candidate | None:
        """The best of the candidates; None where it is too early for them, or there are none."""
        early = number < max(self._initial, len(self.space.seeds))
        if early or not self._best or not self._predictor.is_ready:
            return None
        observed = [(trial.number, self._proposed.derivation(trial)) for trial in self._best]
        breeding = Breeding(self.space, self._operators, self._proposed, rng)
        ranked = breeding.run(observed, self._predictor.promise(self._underway()), self._plan)
        return ranked[0] if ranked else None

    def _underway(self) -> list[Features]:
        """Features of the proposals that have no result, by their numbers."""
        self._pending = {n: self._features(known) for n, known in sorted(self._pending.items())}
        return [self._features(known) for known in self._pending.values()]

    def _recall(self, trial: Trial) -> None:
        self._proposed.recall(trial)
        self._pending[trial.number] = trial

    def _learn(self, trial: Trial) -> None:
        pending = self._pending.pop(trial.number, trial)
        self._predictor.tell(trial, lambda: self._features(pending))
        self._rank(trial)
        if all(known.number != trial.number for known in self._best):
            self._proposed.forget(trial.number)

    def _rank(self, trial: Trial) -> None:
        """Lets a trial in among the best, the younger of equals first, if it belongs there."""
        self._best = [known for known in self._best if known.number != trial.number]
        merit = self.space.merit(trial)
        if merit is None:
            return
        self._merits[trial.number] = merit
        bisect.insort(self._best, trial, key=self._standing)
        for known in self._best[self._parents :]:
            self._proposed.forget(known.number)
            del self._merits[known.number]
        del self._best[self._parents :]

    def _standing(self, trial: Trial) -> tuple[float, float, int]:
        feasibility, score = self._merits[trial.number]
        return -feasibility, -score, -trial.number

    def _features(self, pending: Features | Trial) -> Features:
        if isinstance(pending, Trial):
            return features_of(self._proposed.derivation(pending))
        return pending
