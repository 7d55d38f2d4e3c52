"""A search space of bit strings: the smallest that has everything a searcher or a study asks for.

Its "networks" are strings of zeros and ones, its objective is how many ones there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from einsearch.derivation.decisions import Interval, Path
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.machine import Chooser
from einsearch.errors import NoCommonSymbol, NoNeighbour
from einsearch.searchers.base import Proposal, SearchSpace
from einsearch.trial import Trial, TrialState

MAXIMIZE_ONES: Mapping[str, str] = {"ones": "maximize"}


@dataclass(frozen=True)
class Bits:
    """Stands in for a derivation."""

    program: tuple[int, ...]

    @property
    def text(self) -> str:
        return "".join(map(str, self.program))

    @property
    def decisions(self) -> tuple[tuple[str, str, int], ...]:
        return tuple((f"bits/{place}", "{0, 1}", bit) for place, bit in enumerate(self.program))

    @property
    def ones(self) -> float:
        return float(sum(self.program))


def derivation(*bits: int) -> Derivation:
    """Bits that pass for a derivation."""
    return cast(Derivation, Bits(bits))


def from_text(text: str) -> Derivation:
    """Bits from "0110"."""
    return derivation(*map(int, text))


def ones(derived: Any) -> float:
    """How many ones a derivation has."""
    return cast(Bits, derived).ones


def bits_space(
    length: int = 12,
    directions: Mapping[str, str] = MAXIMIZE_ONES,
    seeds: Sequence[Derivation] = (),
    alphabet: Sequence[tuple[int, ...]] = (),
) -> SearchSpace:
    """Strings of `length` bits; or those of `alphabet` alone, among which nothing is near."""

    def sample(rng: np.random.Generator) -> Derivation:
        if alphabet:
            return derivation(*alphabet[int(rng.integers(len(alphabet)))])
        return derivation(*rng.integers(2, size=length).tolist())

    def mutate(parent: Derivation, rng: np.random.Generator) -> Derivation:
        if alphabet:
            raise NoNeighbour("an alphabet has no neighbours")
        bits = list(cast(Bits, parent).program)
        bits[int(rng.integers(length))] ^= 1
        return derivation(*bits)

    def crossover(
        left: Derivation, right: Derivation, rng: np.random.Generator
    ) -> tuple[Derivation, Derivation]:
        one, other = cast(Bits, left).program, cast(Bits, right).program
        if alphabet or one == other:
            raise NoCommonSymbol("nothing to exchange")
        cut = int(rng.integers(1, length))
        return derivation(*one[:cut], *other[cut:]), derivation(*other[:cut], *one[cut:])

    def recall(decisions: Sequence[tuple[str, str, Any]]) -> Derivation:
        return derivation(*(value for _, _, value in decisions))

    def guided(chooser: Chooser) -> Derivation:
        draw = Interval(0, 1, is_integer=True)
        path = Path(None, "bits")
        choices = (chooser.candidates(draw, path, str(place)) for place in range(length))
        return derivation(*(next(values) for values in choices))

    return SearchSpace(sample, mutate, crossover, tuple(seeds), directions, recall, guided=guided)


def proposed(proposal: Proposal) -> Trial:
    """The trial of a proposal as it is recorded before it runs."""
    derived = proposal.derivation
    return Trial(
        proposal.number,
        derived.text,
        TrialState.RUNNING,
        decisions=derived.decisions,
        hash=derived.text,
        parents=proposal.parents,
        origin=proposal.origin,
    )


def complete(proposal: Proposal, **values: float) -> Trial:
    """The finished trial of a proposal; counts its ones unless given other values."""
    return finish(proposed(proposal), TrialState.COMPLETE, **values)


def finish(trial: Trial, state: TrialState, **values: float) -> Trial:
    """A trial in its last state; a complete one counts its ones unless given other values."""
    if state is TrialState.COMPLETE and not values:
        values = {"ones": float(trial.text.count("1"))}
    return Trial(**{**vars(trial), "state": state, "values": values})
