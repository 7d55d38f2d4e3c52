"""Evolution guided by a predictor: Wei, Niu, Tang and Liang, 2020, "NPENAS: Neural Predictor Guided
Evolution for Neural Architecture Search", with a Gaussian process, in a grammar, asynchronous.

The best trials have many descendants, a cheap model of the recent results ranks them, and the one
that promises most is proposed.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

import numpy as np
from pydantic import Field

from einsearch.errors import NoCommonSymbol, NoNeighbour
from einsearch.searchers.base import Merit, Proposal, Searcher, SearchSpace
from einsearch.searchers.evolution_predictor import Predictor
from einsearch.searchers.features import Features, features_of
from einsearch.searchers.proposed import Proposed
from einsearch.searchers.registry import register_searcher
from einsearch.searchers.varying import Operators
from einsearch.trial import Trial

_TRIES: Final = 2
"""Children made, for each that is wanted: some repeat others."""
_FIRST: Final = 0.3
"""Part of the candidates that are children of trials."""
_ROUNDS: Final = 3
"""Generations of children of candidates, after these."""
_PROMISING: Final = 4
"""The most promising candidates, which have those children."""


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
        self._children = children
        self._operators = Operators(space)
        self._proposed = Proposed(space)
        self._predictor = Predictor(space)
        self._pending: dict[int, Features | Trial] = {}
        self._merits: dict[int, Merit] = {}
        self._best: list[Trial] = []

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        proposal = self._candidate(number, rng)
        self._proposed.note(proposal)
        self._pending[number] = features_of(proposal.derivation)
        return proposal

    def _candidate(self, number: int, rng: np.random.Generator) -> Proposal:
        if number < len(self.space.seeds):
            return Proposal(number, self.space.seeds[number], origin="seed")
        if number >= self._initial and self._best and self._predictor.is_ready:
            children = _Children(number, self._operators, self._proposed, rng)
            children.breed(self._observed(), self._children * _FIRST)
            if children.made:
                return self._most_promising(children)
        return self._proposed.fresh(rng, lambda: Proposal(number, self.space.sample(rng)))

    def _observed(self) -> list[Proposal]:
        return [
            Proposal(trial.number, self._proposed.derivation(trial), (trial.number,))
            for trial in self._best
        ]

    def _most_promising(self, children: _Children) -> Proposal:
        self._pending = {n: self._features(known) for n, known in sorted(self._pending.items())}
        promise = self._predictor.promise([self._features(one) for one in self._pending.values()])
        promises = promise(children.features)
        for _ in range(_ROUNDS):
            order = np.argsort(-promises, kind="stable")[:_PROMISING]
            parents = [children.made[place] for place in order]
            children.breed(parents, self._children * (1 - _FIRST) / _ROUNDS)
            promises = np.append(promises, promise(children.features[len(promises) :]))
        return children.made[int(np.argmax(promises))]

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


class _Children:
    """Candidates for one proposal, none of which was proposed before.

    Attributes:
        made: as they would be proposed.
        features: theirs.
    """

    def __init__(
        self, number: int, operators: Operators, proposed: Proposed, rng: np.random.Generator
    ) -> None:
        self._number = number
        self._operators = operators
        self._proposed = proposed
        self._rng = rng
        self._texts: set[str] = set()
        self._barren: set[tuple[str, str]] = set()
        self.made: list[Proposal] = []
        self.features: list[Features] = []

    def breed(self, parents: Sequence[Proposal], wanted: float) -> None:
        """Makes children by operators drawn uniformly; the first parents have most."""
        least = len(self.made) + math.ceil(wanted)
        for _ in range(math.ceil(_TRIES * wanted)):
            if len(self.made) >= least:
                return
            parent, other = self._pick(parents), self._pick(parents)
            names = [
                name
                for name in self._operators.names
                if (parent.derivation.text, name) not in self._barren
            ]
            if names:
                self._make(names[int(self._rng.integers(len(names)))], parent, other)

    def _pick(self, parents: Sequence[Proposal]) -> Proposal:
        return parents[int(len(parents) * self._rng.random() ** 2)]

    def _make(self, operator: str, parent: Proposal, other: Proposal) -> None:
        numbers = parent.parents
        try:
            if self._operators.needs_two(operator):
                pair = parent.derivation, other.derivation
                child = self._operators.cross(operator, *pair, self._rng)
                numbers = tuple(dict.fromkeys(parent.parents + other.parents))
            else:
                child = self._operators.mutate(operator, parent.derivation, self._rng)
        except NoNeighbour:
            self._barren.add((parent.derivation.text, operator))
        except NoCommonSymbol:
            return
        else:
            self._add(Proposal(self._number, child, numbers, operator))

    def _add(self, child: Proposal) -> None:
        if child.derivation.text not in self._texts and child.derivation not in self._proposed:
            self._texts.add(child.derivation.text)
            self.made.append(child)
            self.features.append(features_of(child.derivation))
