"""Decisions as Optuna's parameters: names, distributions, and the chooser that suggests values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final, NamedTuple

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from einsearch.derivation.choosing import AtRandom
from einsearch.derivation.decisions import Draw, Interval, Options, Path
from einsearch.primitives.arguments import show_value

_NOTHING: Final = object()


class Parameter(NamedTuple):
    """What a decision is to Optuna.

    Attributes:
        name: address of the decision and what it is drawn from: what a name may be never changes,
            which Optuna asks for.
        distribution: one of texts for a finite set, of numbers for a range.
    """

    name: str
    distribution: BaseDistribution


def parameter_of(draw: Draw, path: Path, label: str) -> Parameter | None:
    """The parameter of a decision; None where there is but one value.

    Args:
        draw: what is drawn from. Values that guards rule out are no choices; those that a limit
            rules out are, because what a limit leaves changes from one network to the next.
        path, label: where the decision is taken.
    """
    if isinstance(draw, Interval):
        return _of_interval(draw, path, label)
    choices = _choices(draw)
    if len(choices) < 2:
        return None
    return Parameter(f"{path}/{label}: {', '.join(choices)}", CategoricalDistribution(choices))


def _of_interval(draw: Interval, path: Path, label: str) -> Parameter | None:
    if draw.low == draw.high:
        return None
    name = f"{path}/{label}: {draw.domain}"
    if draw.is_integer:
        return Parameter(name, IntDistribution(int(draw.low), int(draw.high)))
    return Parameter(name, FloatDistribution(draw.low, draw.high, log=draw.is_log))


def _choices(draw: Options) -> list[str]:
    possible = zip(draw.values, draw.probabilities, strict=True)
    return [show_value(value) for value, probability in possible if probability > 0]


def to_optuna(draw: Draw, value: Any) -> Any:
    """A value of a decision as the value of its parameter."""
    return show_value(value) if isinstance(draw, Options) else value


def from_optuna(draw: Draw, value: Any) -> Any:
    """The value of a decision from that of its parameter; `_NOTHING` where a limit bars it."""
    if isinstance(draw, Interval):
        return value
    allowed = [draw.values[place] for place in draw.allowed if draw.probabilities[place] > 0]
    return next((option for option in allowed if show_value(option) == value), _NOTHING)


Suggest = Callable[[Parameter], Any]
"""A value of a parameter, or None where nothing is known of it."""


class Suggestions:
    """Takes the decisions of one proposal.

    The value tried first is the suggested one. Where there is none, where a limit bars it or where
    it comes to a dead end, values are drawn by the grammar's probabilities.

    Args:
        random: draws by the grammar.
        suggest: asks a sampler.
        given: the values to take instead, in order.

    Attributes:
        taken: parameters of the decisions and their values, in order; None for a decision that
            is no parameter.
    """

    def __init__(
        self, random: Random, suggest: Suggest, given: Sequence[Any] | None = None
    ) -> None:
        self._free = AtRandom(random)
        self._suggest = suggest
        self._given = given
        self.taken: list[tuple[Parameter, Any] | None] = []

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        """Values to try, in order."""
        place = len(self.taken)
        parameter = parameter_of(draw, path, label)
        for value in self._values(place, parameter, draw, path, label):
            del self.taken[place:]
            known = parameter is not None and (parameter, to_optuna(draw, value))
            self.taken.append(known or None)
            yield value

    def _values(
        self, place: int, parameter: Parameter | None, draw: Draw, path: Path, label: str
    ) -> Iterator[Any]:
        if self._given is not None:
            yield from (draw.recorded(value) for value in self._given[place : place + 1])
            return
        first = _NOTHING
        if parameter is not None:
            suggested = self._suggest(parameter)
            if suggested is not None:
                first = from_optuna(draw, suggested)
        if first is not _NOTHING:
            yield first
        for value in self._free.candidates(draw, path, label):
            if first is _NOTHING or value != first:
                yield value
