"""Bayesian optimisation: Ru, Wan, Dong and Osborne, 2021, "Interpretable Neural Architecture Search
via Bayesian Optimisation with Weisfeiler-Lehman Kernels", in a grammar and asynchronous.

A surrogate learns from all results what an architecture with such features may be worth, and the
candidate that promises most is proposed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import numpy as np
from pydantic import Field

from einsearch.graph.canonical import canonical_hash
from einsearch.primitives.program import Program
from einsearch.searchers.acquisition import Breeding, Candidate, Plan
from einsearch.searchers.base import Proposal, Searcher, SearchSpace
from einsearch.searchers.features import Features, features_of
from einsearch.searchers.proposed import Proposed
from einsearch.searchers.registry import register_searcher
from einsearch.searchers.surrogate import Model
from einsearch.searchers.varying import Operators
from einsearch.trial import Trial

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation

MOST_NODES: Final = 8_000
"""Nodes of all candidates for one proposal: there are fewer candidates where networks are large."""
_LEAST_CANDIDATES: Final = 24
_LEAST_VALUES: Final = 4
"""Results without which nothing can be learned."""
_HASHED: Final = 8
"""Candidates whose canonical hash is looked up among the known, for one proposal."""


@register_searcher
class BayesianSearcher(Searcher):
    """Bayesian optimisation of the main objective.

    The surrogate is a Gaussian process on structure features of the derivation and its graph, and
    a forest of randomised trees where there are more trials than a Gaussian process can take.
    The acquisition is expected improvement, times the chance that a candidate neither fails nor
    breaks a constraint; evolution in the grammar maximises it. It is penalised near proposals
    under way. The space's seeds come first, then samples.

    A proposal takes a tenth of a second or more of computing: where evaluating a network takes
    less than that, `evolution` does more in the same time.

    Args:
        initial: samples before the surrogate is used.
        candidates: among how many a proposal is chosen; fewer where networks are large.
        parents: the best trials, whose children are candidates.
        largest_process: trials above which a forest takes the place of the Gaussian process.
    """

    name: ClassVar[str] = "bayesian"

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        *,
        initial: Annotated[int, Field(ge=1)] = 10,
        candidates: Annotated[int, Field(ge=1)] = 96,
        parents: Annotated[int, Field(ge=1)] = 10,
        largest_process: Annotated[int, Field(ge=0)] = 500,
    ) -> None:
        super().__init__(space, seed)
        self._initial = initial
        self._candidates = candidates
        self._parents = parents
        self._largest_process = largest_process
        self._operators = Operators(space)
        self._proposed = Proposed(space)
        self._model = Model(space, largest_process)
        self._pending: dict[int, Features | Trial] = {}
        self._best: list[Trial] = []
        self._hashes: set[str] = set()

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        if number < len(self.space.seeds):
            proposal = Proposal(number, self.space.seeds[number], origin="seed")
            self._proposed.note(proposal)
        elif number < self._initial or not self._model.seen.has_values(_LEAST_VALUES):
            proposal = self._sample(number, rng)
        else:
            return self._most_promising(number, rng)
        self._pending[number] = features_of(proposal.derivation)
        return proposal

    def _sample(self, number: int, rng: np.random.Generator) -> Proposal:
        return self._proposed.fresh(rng, lambda: Proposal(number, self.space.sample(rng)))

    def _most_promising(self, number: int, rng: np.random.Generator) -> Proposal:
        observed = [(trial.number, self._proposed.derivation(trial)) for trial in self._best]
        promise = self._model.promise(self._underway())
        breeding = Breeding(self.space, self._operators, self._proposed, rng)
        for candidate in breeding.run(observed, promise, self._plan(observed))[:_HASHED]:
            if not self._is_known(candidate):
                made = candidate.derivation, candidate.parents, candidate.origin
                proposal = Proposal(number, *made)
                self._proposed.note(proposal)
                self._pending[number] = candidate.features
                return proposal
        proposal = self._sample(number, rng)
        self._pending[number] = features_of(proposal.derivation)
        return proposal

    def _plan(self, observed: Sequence[tuple[int, Derivation]]) -> Plan:
        """As many candidates as can be afforded, by the size of the best."""
        sizes = [len(derivation.decisions) for _, derivation in observed]
        nodes = [getattr(derivation, "nodes", None) for _, derivation in observed]
        sizes += [size if own is None else own for size, own in zip(sizes, nodes, strict=True)]
        affordable = math.ceil(MOST_NODES * len(sizes) / max(1, sum(sizes)))
        count = min(self._candidates, max(_LEAST_CANDIDATES, affordable))
        return Plan(count, sampled=1 / 8, first=3 / 8, rounds=2, breeders=8)

    def _is_known(self, candidate: Candidate) -> bool:
        """Whether a trial was the same network after simplification."""
        program = getattr(candidate.derivation, "program", None)
        return isinstance(program, Program) and canonical_hash(program) in self._hashes

    def _recall(self, trial: Trial) -> None:
        self._proposed.recall(trial)
        self._pending[trial.number] = trial

    def _underway(self) -> list[Features]:
        """Features of the proposals that have no result, by their numbers."""
        for number in self._pending:
            self._pending[number] = self._features(self._pending[number])
        return [self._features(self._pending[number]) for number in sorted(self._pending)]

    def _learn(self, trial: Trial) -> None:
        pending = self._pending.pop(trial.number, trial)
        self._model.tell(trial, lambda: self._features(pending))
        self._hashes.add(trial.hash)
        before = {trial.number, *(known.number for known in self._best)}
        self._best = self._model.seen.best(self._parents)
        for number in before - {known.number for known in self._best}:
            self._proposed.forget(number)

    def _features(self, pending: Features | Trial) -> Features:
        if isinstance(pending, Trial):
            return features_of(self._proposed.derivation(pending))
        return pending
