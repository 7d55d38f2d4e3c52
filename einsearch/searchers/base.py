"""The contract of a searcher: `ask` for a proposal, `tell` it the finished trial.

The randomness of proposal n comes from (seed, n) alone, so a searcher is rebuilt exactly by
giving it what the record holds in the recorded order: `recall` in place of each `ask`, and `tell`
as before. It knows derivations and trials; never torch, a file or a process.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from einsearch.errors import EinsearchError
from einsearch.trial import Trial, TrialState
from einsearch.uncollected import uncollected

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation
    from einsearch.derivation.machine import Chooser
    from einsearch.grammar.model import Grammar


FOREIGN: Final = "portfolio"
"""Origin, in a portfolio, of a proposal as the searchers see it that did not make it."""


@dataclass(frozen=True)
class Proposal:
    """A candidate that a searcher wants evaluated.

    Attributes:
        number: number of the trial that it becomes; counted by `ask`, from 0.
        derivation: the architecture, always valid and inside the limits.
        parents: numbers of the trials that it was made from.
        origin: "sample", "seed", "mutate", "crossover", ...: how it was made.
    """

    number: int
    derivation: Derivation
    parents: tuple[int, ...] = ()
    origin: str = "sample"


def _forgotten(decisions: Sequence[tuple[str, str, Any]]) -> Derivation:
    raise EinsearchError(f"this space cannot rebuild a derivation from {len(decisions)} decisions")


def _unguided(chooser: Chooser) -> Derivation:
    raise EinsearchError(
        f"this space cannot be derived with a {type(chooser).__name__} that takes the decisions; "
        "give SearchSpace a function `guided`"
    )


Mutation = Callable[["Derivation", np.random.Generator], "Derivation"]
"""Another valid derivation near the given one, with another canonical hash."""


Merit = tuple[float, float]
"""Minus the violation of constraints, then the score; compares as such."""


@dataclass(frozen=True)
class SearchSpace:
    """What a searcher may draw from: the grammar, the task's tensor, limits and requirements,
    wrapped into functions that always give valid derivations.

    Attributes:
        sample: draws a derivation from a generator.
        mutate: another valid derivation near the given one (other canonical hash), or raises
            NoNeighbour.
        crossover: two children of two parents, or raises NoCommonSymbol.
        operators: mutations at several scales by name, each as `mutate`; empty where a space has
            only that one.
        recombine: a child that has every decision from one of two parents, or raises
            NoCommonSymbol; None where a space cannot.
        seeds: the start architectures, in order.
        directions: objective name -> "maximize" or "minimize"; the first is the main one.
        recall: the derivation that recorded decisions fix; needed where a search is resumed.
        guided: derives with a chooser that takes the decisions; raises DeadEnd where that leads
            nowhere. Needed by searchers that decide step by step.
        grammar: what is derived; needed by searchers that learn its probabilities.
    """

    sample: Callable[[np.random.Generator], Derivation]
    mutate: Callable[[Derivation, np.random.Generator], Derivation]
    crossover: Callable[
        [Derivation, Derivation, np.random.Generator], tuple[Derivation, Derivation]
    ]
    seeds: tuple[Derivation, ...] = ()
    directions: Mapping[str, str] = field(default_factory=lambda: {"accuracy": "maximize"})
    recall: Callable[[Sequence[tuple[str, str, Any]]], Derivation] = _forgotten
    operators: Mapping[str, Mutation] = field(default_factory=dict)
    recombine: Callable[[Derivation, Derivation, np.random.Generator], Derivation] | None = None
    guided: Callable[[Chooser], Derivation] = _unguided
    grammar: Grammar | None = None

    def score(self, trial: Trial) -> float | None:
        """The main objective of a trial, such that more is better; None where it has none.

        Values that are not finite count as none.
        """
        name, direction = next(iter(self.directions.items()))
        value = trial.values.get(name)
        if value is None or not math.isfinite(value):
            return None
        return value if direction == "maximize" else -value

    def merit(self, trial: Trial) -> Merit | None:
        """Standing of a trial by its constraints and main objective, such that more is better.

        What keeps all constraints comes before what breaks one, less broken before more broken,
        and among equals the main objective decides (Deb, 2000). None where a trial is no result:
        it failed, was rejected, repeats another, or its value is not finite.
        """
        score = self.score(trial)
        if score is None or trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
            return None
        return -trial.violation, score


class Searcher(abc.ABC):
    """Base of all searchers. Subclasses write `_propose` and, where they learn, `_learn`.

    What `_propose` changes in the searcher, `_recall` must change alike.

    Attributes:
        name: as given in `searcher=`.
    """

    name: ClassVar[str]

    def __init__(self, space: SearchSpace, seed: int = 0) -> None:
        self.space = space
        self.seed = seed
        self._asked = 0

    @classmethod  # noqa: B027  most options go together
    def check(cls, options: Mapping[str, Any]) -> None:
        """Raises SearcherError where options, each valid by itself, do not go together."""

    def ask(self) -> Proposal:
        """The next proposal. Numbers run from 0 without a gap."""
        number = self._asked
        rng = np.random.default_rng((self.seed, number))
        with uncollected():
            proposal = self._propose(number, rng)
        self._asked += 1
        return proposal

    def recall(self, trial: Trial) -> None:
        """Takes a recorded proposal for the one that `ask` would make now.

        Args:
            trial: as recorded when it was proposed; its result comes by `tell`.
        """
        if trial.number != self._asked:
            raise ValueError(f"expected proposal {self._asked}, the record gives {trial.number}")
        self._asked += 1
        with uncollected():
            self._recall(trial)

    def tell(self, trial: Trial) -> None:
        """Hands over a finished trial. Order and outstanding proposals are arbitrary.

        A trial that was paused comes again, with a larger budget, when it has gone on.
        """
        self._learn(trial)

    def learned_grammar(self) -> str | None:
        """What was learned so far, as the text of a grammar file; None for a searcher that learns
        no grammar."""
        return None

    @abc.abstractmethod
    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        """Makes proposal `number`, drawing only on `rng`."""

    def _recall(self, trial: Trial) -> None:  # noqa: B027  most proposals leave no trace
        """Takes in a recorded proposal."""

    def _learn(self, trial: Trial) -> None:  # noqa: B027  random search has nothing to learn
        """Takes in a finished trial."""
