"""What the searchers are compared with: Optuna's TPE on the flat encoding of a table, and an
independent implementation of regularised evolution, which einsearch's own must match.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar

import numpy as np
from quality.cases import Case
from quality.simulate import regret_curve
from quality.tables import Table

from einsearch.searchers.base import Proposal, Searcher, SearchSpace
from einsearch.trial import Trial


class FlatTPE(Searcher):
    """Optuna's TPE, one categorical parameter a position, constant liar for parallel workers."""

    name: ClassVar[str] = "TPE, flat"

    def __init__(self, case: Case, space: SearchSpace, seed: int) -> None:
        import optuna

        super().__init__(space, seed)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        self._study = optuna.create_study(sampler=sampler, direction="maximize")
        choices = list(range(case.choices))
        self._distributions = {
            f"{place:02}": optuna.distributions.CategoricalDistribution(choices)
            for place in range(case.positions)
        }
        self._pattern = space.sample(np.random.default_rng(0)).decisions
        self._asked_trials: dict[int, optuna.Trial] = {}

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        trial = self._study.ask(self._distributions)
        self._asked_trials[number] = trial
        values = [trial.params[name] for name in self._distributions]
        pairs = zip(self._pattern, values, strict=True)
        decisions = [decision._replace(value=value) for decision, value in pairs]
        return Proposal(number, self.space.recall(decisions))

    def _learn(self, trial: Trial) -> None:
        self._study.tell(self._asked_trials.pop(trial.number), self.space.score(trial))


def regularised_evolution(
    table: Table, seed: int, trials: int, population: int = 50, tournament: int = 10
) -> list[float]:
    """Regrets of algorithm 1 of Real et al. (2019) on the bare table, one worker.

    As in einsearch, an architecture that was evaluated before costs nothing and stays outside
    of the population, and a mutation redraws one of the subtrees of the derivation: the whole, or
    one position.
    """
    rng = np.random.default_rng((seed, 99))
    alive: deque[tuple[float, tuple[int, ...]]] = deque(maxlen=population)
    seen: set[tuple[int, ...]] = set()
    reported: list[float] = []
    best = -np.inf
    while len(reported) < trials:
        child = rng.integers(table.choices, size=table.positions)
        if len(alive) == population:
            parent = max(alive[i] for i in rng.integers(population, size=tournament))[1]
            place = int(rng.integers(table.positions + 1))
            if place < table.positions:
                step = int(rng.integers(1, table.choices))
                child = np.array(parent)
                child[place] = (child[place] + step) % table.choices
        key = tuple(int(value) for value in child)
        if key in seen:
            continue
        seen.add(key)
        score = float(table.validation[key])
        alive.append((score, key))
        gained = float(table.test[key]) if score > best else reported[-1]
        best = max(best, score)
        reported.append(gained)
    return regret_curve(reported, float(table.test.max()), trials)
