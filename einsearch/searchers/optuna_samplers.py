"""Which of Optuna's samplers there are, what must be known of each, and how one is made."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsearch.errors import SearcherError
from einsearch.grammar.modules import nearest

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


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
        sees_taken: whether it looks at what the proposal has decided so far.
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
    sees_taken: bool = False


SAMPLERS: Final[Mapping[str, Kind]] = {
    "tpe": Kind("TPESampler", {"constant_liar": True, "group": False}, 500, draws_alone=True),
    "nsga2": Kind("NSGAIISampler", {}, is_stateful=True),
    "nsga3": Kind("NSGAIIISampler", {}, is_stateful=True),
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

_REHEARSED: Final = 4
"""Trials of a rehearsal: the first ones are drawn at random."""

_PLACE: Final = "optuna.samplers."


def kind_of(name: str) -> tuple[str, Kind]:
    """The sampler that a user asks for: what it is called here, and what must be known of it.

    Nothing is imported for a name: it is looked up among the classes that Optuna offers.

    Args:
        name: key of `SAMPLERS`, or a class of `optuna.samplers`, such as "TPESampler" or
            "optuna.samplers.TPESampler".

    Raises:
        SearcherError: there is none of that name.
    """
    if name in SAMPLERS:
        return name, SAMPLERS[name]
    offered = _offered()
    wanted = name.removeprefix(_PLACE)
    if wanted not in offered:
        names = [*SAMPLERS, *offered]
        hint = nearest(wanted, names) or f"there are {', '.join(names)}"
        raise SearcherError(f"Optuna has no sampler {name}: {hint}")
    for key, kind in SAMPLERS.items():
        if kind.sampler == wanted:
            return key, kind
    return wanted, Kind(
        wanted,
        {},
        is_stateful=True,
        relates="own",
        asks_again=False,
        draws_alone=True,
        sees_taken=True,
    )


def _offered() -> list[str]:
    """Classes of `optuna.samplers` of which there can be samplers."""
    from optuna import samplers

    return sorted(
        key
        for key, found in vars(samplers).items()
        if inspect.isclass(found)
        and issubclass(found, samplers.BaseSampler)
        and not inspect.isabstract(found)
    )


def make_sampler(name: str, options: Mapping[str, Any], startup: int, seed: int) -> BaseSampler:
    """One of Optuna's samplers.

    Args:
        name: as in `kind_of`.
        options: its arguments.
        startup: finished trials before it suggests anything, where it asks.
        seed: of its randomness.

    Raises:
        SearcherError: it has no such argument, or not with that value, or lacks a package.
    """
    from optuna import samplers

    from einsearch.searchers.optuna_history import quiet

    name, kind = kind_of(name)
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


def rehearse(name: str, options: Mapping[str, Any]) -> None:
    """Has a sampler suggest a few times, because some look at their options no earlier.

    Raises:
        SearcherError: it cannot suggest anything with these.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    from einsearch.searchers.optuna_decisions import Parameter
    from einsearch.searchers.optuna_study import RELATES, SamplerStudy

    name, kind = kind_of(name)
    numbers = [Parameter("n", IntDistribution(0, 9)), Parameter("m", IntDistribution(0, 9))]
    others = [
        Parameter("x", FloatDistribution(0, 1)),
        Parameter("c", CategoricalDistribution("ab")),
    ]
    parameters = numbers if kind.sees_taken else [*numbers, *others]
    make = partial(make_sampler, name, options, 1)
    study = SamplerStudy(make, RELATES[kind.relates], ["maximize"], kind, None)
    values = {"n": 3, "m": 4, "x": 0.5, "c": "a"}
    try:
        for number in range(_REHEARSED):
            study.begin(number, number, is_recalled=False)
            taken: list[tuple[Parameter, Any] | None] = []
            for parameter in parameters:
                study.related(parameter)
                if kind.draws_alone:
                    study.independent(parameter, taken)
                taken.append((parameter, values[parameter.name]))
            study.settle(taken)
            study.tell(number, [float(number)])
    except Exception as error:
        raise SearcherError(
            f"the sampler {name} cannot suggest anything with the options {dict(options)}: "
            f"{type(error).__name__}: {error}; see its class {kind.sampler} in Optuna's reference"
        ) from None
