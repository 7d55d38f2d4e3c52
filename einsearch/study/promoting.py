"""Successive halving by promotion: all candidates begin with few epochs, are paused with a
checkpoint, and the best of each rung go on from it. The rule is in `budgets.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from einsearch.searchers.pareto import standing_of
from einsearch.study.budgets import Ladder, Rungs
from einsearch.study.checkpoints import CheckpointStore
from einsearch.study.encoding import Entry
from einsearch.study.scheduling import Promotion, Scheduler, place_among
from einsearch.trial import Trial, TrialState

KEPT: Final = 200
"""So many checkpoints are kept; a candidate without one begins anew, and gets to the same place."""


class PromotingScheduler(Scheduler):
    """Asynchronous successive halving with pauses.

    Args:
        rungs: at how many epochs candidates are compared.
        directions: objective name -> "maximize" or "minimize"; all of them count.
        store: of the checkpoints.
        keep: checkpoints at most; of the lowest rung the worst goes first.
    """

    def __init__(
        self,
        rungs: Rungs,
        directions: Mapping[str, str],
        store: CheckpointStore,
        keep: int = KEPT,
    ) -> None:
        self.first_budget = float(rungs.epochs[0])
        self._rungs = rungs
        self._directions = directions
        self._store = store
        self._keep = keep
        self._ladder = Ladder(rungs)

    def restore(self, entries: Sequence[Entry]) -> None:
        running = []
        for entry in entries:
            for telling in entry.tellings:
                self._reach(telling.trial)
            if not entry.is_finished:
                running.append(entry.trial.number)
            elif not entry.is_open:
                self._ladder.drop(entry.trial.number)
        self._store.leave_others(entry.trial.number for entry in entries)
        self._store.retain({*self._ladder.open, *running})

    def start(self, trial: Trial) -> Mapping[str, Any]:
        rung = self._rungs.of(trial.budget)
        if rung is not None:
            self._ladder.start(trial.number, rung)
        checkpoint = self._store.get(trial.number)
        return {} if checkpoint is None else {"checkpoint": checkpoint}

    def conclude(self, trial: Trial, checkpoint: bytes | None) -> Trial:
        rung = self._reach(trial)
        if rung is None:
            self._ladder.drop(trial.number)
        if rung is None or rung == self._rungs.last:
            return trial
        if checkpoint is not None:
            self._store.put(trial.number, checkpoint)
            self._trim()
        return replace(trial, state=TrialState.PRUNED, reason=self._reason(trial.number, rung))

    def is_open(self, number: int) -> bool:
        return self._ladder.is_open(number)

    def promotion(self, *, is_last: bool) -> Promotion | None:
        found = self._ladder.promotion()
        if found is None and is_last:
            found = self._ladder.last_resort()
        if found is None:
            return None
        number, rung = found
        return Promotion(number, float(self._rungs.epochs[rung]))

    def drop(self, number: int) -> None:
        self._ladder.drop(number)
        self._store.remove(number)

    def close(self, left: float) -> Mapping[int, str]:
        numbers = self._ladder.open if left < 0 else self._ladder.hopeless(left)
        reasons = {}
        for number in numbers:
            rung = self._ladder.rung_of(number)
            reasons[number] = self._reason(number, rung)
            self._ladder.drop(number)
        self._store.retain({*self._ladder.open, *self._ladder.coming})
        return reasons

    def _reach(self, trial: Trial) -> int | None:
        """Puts a trial on the rung that it was trained to; None where it failed."""
        rung = self._rungs.of(trial.budget)
        if rung is None or trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
            return None
        self._ladder.start(trial.number, rung)
        self._ladder.reach(trial.number, rung, standing_of(trial, self._directions))
        return rung

    def _trim(self) -> None:
        while len(self._store.numbers) > self._keep:
            number = self._ladder.least_hopeful(self._store.numbers)
            if number is None:
                return
            self._store.remove(number)

    def _reason(self, number: int, rung: int) -> str:
        place, size = self._ladder.place_of(number, rung)
        epochs = self._rungs.epochs[rung]
        where = f"rung {rung}, {epochs} epoch{'s' if epochs > 1 else ''}"
        standing = place_among(place, size, self._ladder.ahead_of(number, rung))
        is_feasible = self._ladder.standing_of(number, rung).violation == 0
        return f"{where}: {standing}" + ("" if is_feasible else ", infeasible")
