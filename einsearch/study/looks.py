"""Second looks: the best of many was lucky, too. So the best few are scored again, with fresh seeds
and fresh folds, and the mean of both scores says which is best (the winner's curse: Cawley and
Talbot, 2010, "On Over-fitting in Model Selection and Subsequent Selection Bias").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from einsearch.study.orders import Order, in_process, is_complete, seconds_each
from einsearch.trial import Trial

if TYPE_CHECKING:
    from einsearch.study.finishing import Finish

_SEED: int = 1_000_003
"""Added to the seed of a trial for its second score."""


@dataclass(frozen=True)
class Look:
    """Both scores of one trial.

    Attributes:
        number: of the trial.
        first: main objective, in the search.
        second: the same, measured again; None where that failed or took too long.
    """

    number: int
    first: float
    second: float | None

    @property
    def mean(self) -> float:
        return self.first if self.second is None else (self.first + self.second) / 2

    def as_json(self) -> dict[str, Any]:
        return {"number": self.number, "first": self.first, "second": self.second}

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        return cls(said["number"], said["first"], said["second"])


def second_looks(finish: Finish, trials: Sequence[Trial], until: float) -> list[Look]:
    """Scores trials again.

    Args:
        finish: says how.
        trials: the best ones.
        until: `time.monotonic()` by which it must have ended.
    """
    main = next(iter(finish.run.directions))
    training = finish.file.training
    seconds = seconds_each(until, len(trials), finish.workers) if math.isfinite(until) else math.inf
    orders = [
        Order(trial, trial.seed + _SEED, training, fold_seed=1, seconds=seconds) for trial in trials
    ]
    found: dict[int, float] = {}
    carry = finish.carry or in_process(finish.task)
    for order, result in carry(orders, finish.callbacks.on_report):
        if is_complete(result) and main in result.values:
            found[order.trial.number] = result.values[main]
    return [Look(t.number, t.values[main], found.get(t.number)) for t in trials]


def by_second_look(
    best: Sequence[Trial], looks: Sequence[Look], directions: Mapping[str, str]
) -> list[Trial]:
    """Trials best first, those that were looked at again by the mean of their scores.

    One whose second score is missing comes after those that have both.
    """
    sign = -1.0 if next(iter(directions.values())) == "maximize" else 1.0
    ranks = {look.number: (look.second is None, sign * look.mean) for look in looks}
    seen = sorted((t for t in best if t.number in ranks), key=lambda t: ranks[t.number])
    return seen + [trial for trial in best if trial.number not in ranks]
