"""Early stopping by Optuna's pruners: a candidate is trained on from epoch to epoch, and its pruner
says after each of them whether it ends there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import optuna
from optuna.pruners import BasePruner
from optuna.trial import TrialState as OptunaState

from einsearch.study.budgets import Rungs
from einsearch.study.encoding import OPTUNA_STATES, Entry
from einsearch.study.executor import Report
from einsearch.study.record import DIRECTIONS
from einsearch.study.scheduling import Scheduler, place_among
from einsearch.study.storage import memory_storage, quiet
from einsearch.trial import Trial, TrialState

_NAME: Final = "einsearch"
"""Of the pruner's study; Hyperband draws a bracket from it and the number of the trial."""


class StoppingScheduler(Scheduler):
    """Asks a pruner about the main objective.

    The pruner sees a study of its own: one objective, the numbers of the search, no duplicates'
    values, and nothing of an attempt that was cut off and runs again.

    Args:
        pruner: of Optuna.
        directions: objective name -> "maximize" or "minimize"; the first is the one.
        last: epoch at which training ends anyway; None where nobody knows.
        rungs: where the pruner compares, for reasons; None where that is everywhere.
    """

    judges = True

    def __init__(
        self,
        pruner: BasePruner,
        directions: Mapping[str, str],
        last: int | None = None,
        rungs: Rungs | None = None,
    ) -> None:
        self._main, direction = next(iter(directions.items()))
        self._is_larger_better = direction == "maximize"
        self._last = last
        self._rungs = rungs
        self._storage = memory_storage()
        with quiet():
            self._study_id = self._storage.create_new_study([DIRECTIONS[direction]], _NAME)
            self._study = optuna.load_study(study_name=_NAME, storage=self._storage, pruner=pruner)
        self._ids: list[int] = []
        self._heard: dict[int, int] = {}
        self._values: dict[int, dict[int, float]] = {}
        self._stopped: dict[int, str] = {}

    def restore(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.is_finished and entry.trial.state is not TrialState.DUPLICATE:
                for epoch, value in sorted(entry.reports.items()):
                    self._is_pruned(entry.trial.number, epoch, value)
                self._end(entry.trial)

    def judge(self, report: Report) -> bool:
        number, epoch = report.number, report.epoch
        value = report.metrics.get(self._main)
        if not isinstance(value, (int, float)):
            return False
        if epoch <= self._heard.get(number, 0):
            # A retry begins anew, and ends where the attempt before it did.
            return number in self._stopped and epoch == self._heard[number]
        if not self._is_pruned(number, epoch, float(value)) or epoch == self._last:
            return False
        rung = None if self._rungs is None else self._rungs.of(epoch)
        where = f"epoch {epoch}" if rung is None else f"rung {rung}, epoch {epoch}"
        self._stopped[number] = f"{where}: {self._place(number, epoch)}"
        return True

    def conclude(self, trial: Trial, checkpoint: bytes | None) -> Trial:
        self._end(trial)
        if trial.state is not TrialState.PRUNED:
            return trial
        return replace(trial, reason=self._stopped.get(trial.number, trial.reason))

    def _is_pruned(self, number: int, epoch: int, value: float) -> bool:
        self._heard[number] = epoch
        self._values.setdefault(epoch, {})[number] = value
        while len(self._ids) <= number:
            self._ids.append(self._storage.create_new_trial(self._study_id))
        self._storage.set_trial_intermediate_value(self._ids[number], epoch, value)
        with quiet():
            frozen = self._storage.get_trial(self._ids[number])
            return self._study.pruner.prune(self._study, frozen)

    def _end(self, trial: Trial) -> None:
        if trial.number >= len(self._ids):
            return  # it has reported nothing that a pruner could use
        state = OPTUNA_STATES[trial.state]
        values = [trial.values[self._main]] if state is OptunaState.COMPLETE else None
        self._storage.set_trial_state_values(self._ids[trial.number], state, values)

    def _place(self, number: int, epoch: int) -> str:
        """Where a trial stands among all that have reached the epoch."""
        sign = -1.0 if self._is_larger_better else 1.0

        def cost(other: int) -> tuple[float, int]:
            value = sign * self._values[epoch][other]
            return (math.inf if math.isnan(value) else value), other

        order = sorted(self._values[epoch], key=cost)
        place = order.index(number)
        return place_among(place + 1, len(order), order[:place])
