"""Optuna's samplers over decisions: Akiba et al., 2019, "Optuna: A Next-generation Hyperparameter
Optimization Framework". `tpe` is of Bergstra et al., 2011, "Algorithms for Hyper-Parameter
Optimization".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

import numpy as np
from pydantic import Field

from einsearch.derivation.choosing import fast_random
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.replay import values_of
from einsearch.derivation.state import DeadEnd
from einsearch.errors import NoNeighbour, SearcherError
from einsearch.searchers.base import Proposal, Searcher, SearchSpace
from einsearch.searchers.optuna_samplers import kind_of, make_sampler, rehearse
from einsearch.searchers.proposed import Proposed
from einsearch.searchers.registry import register_searcher
from einsearch.trial import Trial, TrialState

if TYPE_CHECKING:
    from einsearch.searchers.optuna_decisions import Parameter


MOST_REPEATS: Final = 4
"""Suggestions that repeat earlier ones before a neighbour of one is proposed in its place."""

MOST_TRIES: Final = 20
"""Derivations begun with a sampler's suggestions before one is drawn by the grammar."""


@register_searcher
class OptunaSearcher(Searcher):
    """Any of Optuna's samplers, which suggests each decision of a derivation as a parameter.

    A parameter is a decision at its place in the derivation, so parameters depend on each other:
    what is below an alternative exists where that was taken. A suggestion that ends nowhere is
    made again, and after some of these the grammar draws. In place of one that keeps repeating what
    was proposed before, a neighbour of it is proposed.

    A suggestion of `tpe` takes longer with every trial that it sees and every place that they have
    decided: with the packaged grammar einspace about 0.2 s of computing at 100 trials, 2.5 s at
    1,000 and 6 s at 2,000 (`benchmarks/optuna_cost.py`). A smaller `history` makes it less.

    Args:
        sampler: tpe, nsga2, nsga3, gp, cmaes, random or qmc, or the name of a class in
            `optuna.samplers`, such as BruteForceSampler; cmaes takes one objective alone.
        options: arguments of that sampler's class in `optuna.samplers`, such as
            {"n_ei_candidates": 48}.
        startup: results before the sampler is asked; until then the grammar draws.
        history: latest finished trials that the sampler sees; None for as many as it can take in
            reasonable time (tpe 500, gp 150, others all).
    """

    name: ClassVar[str] = "optuna"

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        *,
        sampler: str = "tpe",
        options: dict[str, Any] | None = None,
        startup: Annotated[int, Field(ge=1)] = 10,
        history: Annotated[int, Field(ge=10)] | None = None,
    ) -> None:
        from einsearch.searchers.optuna_study import RELATES, SamplerStudy

        super().__init__(space, seed)
        sampler, kind = kind_of(sampler)
        self._kind = kind
        self._startup = startup
        directions = list(space.directions.values())
        if len(directions) > 1 and not kind.is_multiple:
            raise SearcherError(
                f"the sampler {sampler} takes one objective, and there are {len(directions)}: "
                f"{', '.join(space.directions)}; leave one, or use tpe, nsga2, nsga3 or gp"
            )
        arguments = dict(options or {})
        relates = kind.relates
        if sampler == "tpe":
            is_joint = arguments.setdefault("multivariate", len(directions) == 1)
            relates = "all" if is_joint else "none"
        self._study = SamplerStudy(
            partial(make_sampler, sampler, arguments, startup),
            RELATES[relates],
            directions,
            kind,
            history or kind.history,
        )
        self._objectives = list(space.directions)
        self._label = sampler
        self._proposed = Proposed(space)
        self._tries = 0
        self._taken: list[tuple[Parameter, Any] | None] = []

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> None:
        """Raises SearcherError where the sampler cannot be made from its options."""
        sampler, given = options["sampler"], options["options"] or {}
        make_sampler(sampler, given, options["startup"], seed=0)
        if given:
            rehearse(sampler, given)

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        self._begin(number, rng, is_recalled=False)
        self._tries = 0
        proposal = self._proposed.fresh(rng, partial(self._candidate, number, rng))
        self._proposed.forget(number)
        if proposal.origin != self._label:
            self._follow(proposal.derivation.decisions)
        else:
            self._study.settle(self._taken)
        return proposal

    def _candidate(self, number: int, rng: np.random.Generator) -> Proposal:
        if number < len(self.space.seeds):
            return Proposal(number, self.space.seeds[number], origin="seed")
        if self._study.told >= self._startup:
            if self._tries and self._kind.asks_again:
                self._study.relate()
            self._tries += 1
            random = fast_random(rng)
            for _ in range(MOST_TRIES):
                found = self._derive(random, None)
                if found is not None and self._tries > MOST_REPEATS and found in self._proposed:
                    return self._neighbour(number, found, rng)
                if found is not None:
                    return Proposal(number, found, origin=self._label)
        return Proposal(number, self.space.sample(rng))

    def _neighbour(self, number: int, found: Derivation, rng: np.random.Generator) -> Proposal:
        """What differs a little from what the sampler suggests again and again."""
        try:
            return Proposal(number, self.space.mutate(found, rng), origin="neighbour")
        except NoNeighbour:
            return Proposal(number, self.space.sample(rng))

    def _begin(self, number: int, rng: np.random.Generator, is_recalled: bool) -> None:
        seed = int(rng.integers(2**32)) if self._kind.seed_varies else self.seed
        self._study.begin(number, seed, is_recalled)

    def _follow(self, decisions: Sequence[Any]) -> None:
        """Gives the study the parameters of a network that it did not suggest."""
        if self._derive(Random(0), values_of(decisions)) is not None:
            self._study.settle(self._taken)

    def _derive(self, random: Random, given: Sequence[Any] | None) -> Derivation | None:
        """What suggested or given values derive; None where that is a dead end."""
        from einsearch.searchers.optuna_decisions import Suggestions

        suggestions = Suggestions(
            random, lambda parameter: self._suggest(parameter, suggestions.taken), given
        )
        try:
            found = self.space.guided(suggestions)
        except DeadEnd:
            return None
        self._taken = suggestions.taken
        return found

    def _suggest(
        self, parameter: Parameter, taken: Sequence[tuple[Parameter, Any] | None]
    ) -> Any | None:
        related = self._study.related(parameter)
        if related is not None or not self._kind.draws_alone:
            return related
        return self._study.independent(parameter, taken)

    def _recall(self, trial: Trial) -> None:
        rng = np.random.default_rng((self.seed, trial.number))
        self._begin(trial.number, rng, is_recalled=True)
        self._proposed.recall(trial)
        self._follow(trial.decisions)

    def _learn(self, trial: Trial) -> None:
        values = [trial.values.get(name, math.nan) for name in self._objectives]
        is_scored = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        is_known = is_scored and all(map(math.isfinite, values))
        self._study.tell(trial.number, values if is_known else None, trial.violation)
