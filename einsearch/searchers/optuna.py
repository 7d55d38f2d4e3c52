"""Optuna's samplers over decisions: Akiba et al., 2019, "Optuna: A Next-generation Hyperparameter
Optimization Framework". `tpe` is of Bergstra et al., 2011, "Algorithms for Hyper-Parameter
Optimization".
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, NamedTuple

import numpy as np
from pydantic import Field

from einsearch.derivation.choosing import fast_random
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.replay import values_of
from einsearch.derivation.state import DeadEnd
from einsearch.errors import NoNeighbour, SearcherError
from einsearch.grammar.modules import nearest
from einsearch.searchers.base import Proposal, Searcher, SearchSpace
from einsearch.searchers.proposed import Proposed
from einsearch.searchers.registry import register_searcher
from einsearch.trial import Trial, TrialState

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from einsearch.searchers.optuna_decisions import Parameter


class Kind(NamedTuple):
    """What must be known of one of Optuna's samplers.

    Attributes:
        sampler: its class in `optuna.samplers`.
        defaults: arguments that differ from Optuna's own.
        history: finished trials that it sees at most, unless the user says; None for all.
        is_stateful: whether it goes on from notes that it left at earlier trials.
        is_multiple: whether it takes several objectives.
        relates: which of the decisions that every trial has taken it suggests together: "all",
            "numbers", "none"; "own" where it looks for them itself.
        asks_again: whether it suggests something else when it is asked again.
        draws_alone: whether its suggestion for a decision is used that not every trial has taken.
        seed_varies: whether it gets another seed for every proposal.
    """

    sampler: str
    defaults: Mapping[str, Any]
    history: int | None = None
    is_stateful: bool = False
    is_multiple: bool = True
    relates: str = "all"
    asks_again: bool = True
    draws_alone: bool = False
    seed_varies: bool = True


SAMPLERS: Final[Mapping[str, Kind]] = {
    "tpe": Kind("TPESampler", {"constant_liar": True, "group": False}, 500, draws_alone=True),
    "nsga2": Kind("NSGAIISampler", {}, is_stateful=True),
    "gp": Kind("GPSampler", {"deterministic_objective": False}, 150, asks_again=False),
    "cmaes": Kind("CmaEsSampler", {}, is_stateful=True, is_multiple=False, relates="numbers"),
    "random": Kind("RandomSampler", {}, relates="none", draws_alone=True),
    "qmc": Kind(
        "QMCSampler", {}, is_stateful=True, relates="own", asks_again=False, seed_varies=False
    ),
}

OWN_ARGUMENTS: Final = frozenset(
    "self seed group n_startup_trials constraints_func gamma weights mutation crossover x0 "
    "source_trials independent_sampler warn_independent_sampling warn_asynchronous_seeding "
    "elite_population_selection_strategy child_generation_strategy after_trial_strategy".split()
)
"""Arguments of samplers that are set here, or that a file of settings cannot say."""

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
        sampler: tpe, nsga2, gp, cmaes, random or qmc; cmaes takes one objective alone.
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
        sampler: Literal["tpe", "nsga2", "gp", "cmaes", "random", "qmc"] = "tpe",
        options: dict[str, Any] | None = None,
        startup: Annotated[int, Field(ge=1)] = 10,
        history: Annotated[int, Field(ge=10)] | None = None,
    ) -> None:
        from einsearch.searchers.optuna_study import RELATES, SamplerStudy

        super().__init__(space, seed)
        self._kind = kind = SAMPLERS[sampler]
        self._startup = startup
        directions = list(space.directions.values())[: None if kind.is_multiple else 1]
        arguments = dict(options or {})
        relates = kind.relates
        if sampler == "tpe":
            is_joint = arguments.setdefault("multivariate", len(directions) == 1)
            relates = "all" if is_joint else "none"
        self._study = SamplerStudy(
            partial(make_sampler, sampler, arguments, startup),
            RELATES[relates],
            directions,
            kind.is_stateful,
            history or kind.history,
        )
        self._objectives = list(space.directions)[: len(directions)]
        self._label = sampler
        self._proposed = Proposed(space)
        self._tries = 0
        self._taken: list[tuple[Parameter, Any] | None] = []

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> None:
        """Raises SearcherError where the sampler cannot be made from its options."""
        make_sampler(options["sampler"], options["options"] or {}, options["startup"], seed=0)

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

        suggestions = Suggestions(random, self._suggest, given)
        try:
            found = self.space.guided(suggestions)
        except DeadEnd:
            return None
        self._taken = suggestions.taken
        return found

    def _suggest(self, parameter: Parameter) -> Any | None:
        related = self._study.related(parameter)
        if related is not None or not self._kind.draws_alone:
            return related
        return self._study.independent(parameter)

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


def make_sampler(name: str, options: Mapping[str, Any], startup: int, seed: int) -> BaseSampler:
    """One of Optuna's samplers.

    Args:
        name: key of `SAMPLERS`.
        options: its arguments.
        startup: finished trials before it suggests anything, where it asks.
        seed: of its randomness.

    Raises:
        SearcherError: it has no such argument, or not with that value, or lacks a package.
    """
    from optuna import samplers

    from einsearch.searchers.optuna_history import quiet

    kind = SAMPLERS[name]
    sampler = getattr(samplers, kind.sampler)
    parameters = inspect.signature(sampler.__init__).parameters
    known = [parameter for parameter in parameters if parameter not in OWN_ARGUMENTS]
    for option in options:
        if option not in known:
            raise SearcherError(
                f"the sampler {name} has no option {option}: {_known(option, known)}"
            )
    arguments = {"seed": seed, "n_startup_trials": startup, **kind.defaults}
    arguments = {key: value for key, value in arguments.items() if key in parameters}
    try:
        with quiet():
            made: BaseSampler = sampler(**arguments, **options)
    except ImportError as error:
        raise SearcherError(f"the sampler {name} needs the package {error.name}") from None
    except (TypeError, ValueError) as error:
        raise SearcherError(
            f"the sampler {name} cannot be made from {dict(options)}: {error}"
        ) from None
    return made


def _known(name: str, known: list[str]) -> str:
    return nearest(name, known) or (f"there are {', '.join(known)}" if known else "it has none")
