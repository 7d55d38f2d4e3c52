"""`SamplerStudy`: a study of Optuna in memory. Its trials have the parameters that derivations came
to, whatever was suggested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Final

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from einsearch.searchers.optuna_decisions import Parameter
from einsearch.searchers.optuna_history import Common, History, quiet
from einsearch.searchers.optuna_samplers import Kind

MakeSampler = Callable[[int], BaseSampler]
"""A sampler for a seed."""

Taken = Sequence[tuple[Parameter, Any] | None]
"""Parameters of decisions and their values, in order; None for a decision that is no parameter."""

Relates = Callable[[BaseDistribution], bool]
"""Whether a sampler suggests parameters of such a distribution together with others."""

RELATES: Final[Mapping[str, Relates | None]] = {
    "all": lambda distribution: True,
    "numbers": lambda distribution: not isinstance(distribution, CategoricalDistribution),
    "none": lambda distribution: False,
    "own": None,
}


class SamplerStudy:
    """What a sampler knows of a search.

    Args:
        make_sampler: a new sampler is made for every proposal, so that its randomness depends on
            that proposal alone.
        relates: which of the parameters that all trials have it suggests together; None where it
            looks for them itself.
        directions: of the objectives: "maximize" or "minimize".
        kind: of the sampler. A stateful one is asked for recorded proposals, too, because it goes
            on from notes that it leaves at trials.
        history: how many finished trials samplers see at most; None for all.
    """

    def __init__(
        self,
        make_sampler: MakeSampler,
        relates: Relates | None,
        directions: Sequence[str],
        kind: Kind,
        history: int | None,
    ) -> None:
        self._make_sampler = make_sampler
        self._relates = relates
        self._directions = [StudyDirection[name.upper()] for name in directions]
        self._kind = kind
        self._history = history
        self._storage = History(kind.is_stateful)
        with quiet():
            self._study = optuna.create_study(storage=self._storage, directions=self._directions)
        # A sampler that has been everywhere asks for the end, which the loop of a search decides.
        self._study.stop = lambda: None  # type: ignore[method-assign]
        self._id = self._storage.get_study_id_from_name(self._study.study_name)
        self._numbers: dict[int, int] = {}
        self._now = 0
        self._relative: Mapping[str, Any] = {}
        self._finished: dict[int, FrozenTrial] = {}
        self._told: set[int] = set()
        self._extremes = [(0.0, 0.0) for _ in directions]
        self._seen: set[str] = set()
        self._common: dict[str, BaseDistribution] | None = None

    @property
    def told(self) -> int:
        """How many trials were told with values."""
        return len(self._told)

    def begin(self, number: int, seed: int, is_recalled: bool) -> None:
        """Begins a trial; its decisions come by `settle`."""
        with quiet():
            self._study.sampler = self._sampler(seed)
            self._numbers[number] = self._now = self._study.ask().number
        self._relative = {}
        if self._kind.is_stateful or not is_recalled:
            self.relate()

    def relate(self) -> None:
        """Has the sampler suggest the parameters that it suggests together (again)."""
        study, trial = self._study, self._trial(self._now)
        with quiet():
            space = study.sampler.infer_relative_search_space(study, trial)
            self._relative = study.sampler.sample_relative(study, trial, space)

    def _sampler(self, seed: int) -> BaseSampler:
        sampler = self._make_sampler(seed)
        relates = self._relates
        if relates is None:
            return sampler
        common = (self._common or {}).items()
        return Common(sampler, {name: found for name, found in common if relates(found)})

    def related(self, parameter: Parameter) -> Any | None:
        """What the sampler suggests for it together with others; None where it does not."""
        return self._relative.get(parameter.name)

    def independent(self, parameter: Parameter, taken: Taken) -> Any | None:
        """What the sampler suggests for it alone; None where no finished trial has it.

        Args:
            parameter: of the decision.
            taken: those of the decisions before it, and their values.
        """
        if parameter.name not in self._seen:
            return None
        study, trial = self._study, self._trial(self._now)
        if self._kind.sees_taken:
            trial = copy(trial)
            known = [
                (name, distribution, value) for (name, distribution), value in filter(None, taken)
            ]
            trial.distributions = {name: distribution for name, distribution, _ in known}
            trial.params = {name: value for name, _, value in known}
        with quiet():
            return study.sampler.sample_independent(study, trial, *parameter)

    def settle(self, taken: Taken) -> None:
        """Gives the trial that was begun the parameters that its derivation came to."""
        trial_id = self._id_of(self._now)
        for (name, distribution), value in filter(None, taken):
            internal = distribution.to_internal_repr(value)
            self._storage.set_trial_param(trial_id, name, internal, distribution)

    def tell(self, number: int, values: Sequence[float] | None, violation: float = 0.0) -> None:
        """Finishes a trial, or tells what it is worth after it went on.

        Args:
            number: of the trial.
            values: of the objectives; None if it failed. One that fails after it went on keeps
                what it was worth.
            violation: by how much it breaks constraints. If it does, it is told to be worse than
                all before that broke none, the more so the larger the violation.
        """
        trial = self._trial(self._numbers[number])
        if values is None:
            if not trial.state.is_finished():
                self._finish(trial.number, TrialState.FAIL, None)
            return
        worth = self._penalised(values, violation) if violation > 0 else list(values)
        if violation == 0:
            pairs = zip(self._extremes, values, strict=True)
            first = not self._told
            self._extremes = [
                (v, v) if first else (min(low, v), max(high, v)) for (low, high), v in pairs
            ]
        if trial.state.is_finished():
            self._replace(number, trial, worth)
        else:
            self._finish(trial.number, TrialState.COMPLETE, worth)
        self._note(number)

    def _finish(self, place: int, state: TrialState, values: list[float] | None) -> None:
        with quiet():
            self._study.tell(place, values, state)

    def _replace(self, number: int, trial: FrozenTrial, values: list[float]) -> None:
        """Optuna's trials never change: a copy takes the place of one that went on."""
        self._storage.hidden.add(trial.number)
        self._finished.pop(trial.number, None)
        with quiet():
            self._study.add_trial(
                create_trial(
                    values=values,
                    params=trial.params,
                    distributions=trial.distributions,
                    system_attrs=trial.system_attrs,
                )
            )
        self._numbers[number] = self._storage.get_n_trials(self._id) - 1

    def _penalised(self, values: Sequence[float], violation: float) -> list[float]:
        worse = []
        for (low, high), direction in zip(self._extremes, self._directions, strict=True):
            margin = (1.0 + violation) * ((high - low) or 1.0)
            is_maximised = direction is StudyDirection.MAXIMIZE
            worse.append(low - margin if is_maximised else high + margin)
        return worse

    def _note(self, number: int) -> None:
        """Takes in the parameters of a trial that was told with values."""
        trial = self._trial(self._numbers[number])
        self._told.add(number)
        found = trial.distributions
        if self._common is None:
            self._common = dict(sorted(found.items()))
        if not self._common.keys() <= found.keys():
            self._common = {name: self._common[name] for name in self._common if name in found}
        self._seen.update(found)
        self._finished[trial.number] = trial
        self._hide()

    def _hide(self) -> None:
        """Leaves the latest finished trials; the best make a quarter of all that are left."""
        if self._history is None or len(self._finished) <= self._history:
            return
        best = self._best(max(1, self._history // 4))
        others = [number for number in self._finished if number not in best]
        for number in others[: len(self._finished) - self._history]:
            self._storage.hidden.add(number)
            del self._finished[number]

    def _best(self, most: int) -> set[int]:
        """The best finished trials; with several objectives the latest of the Pareto front."""
        if len(self._directions) > 1:
            return {trial.number for trial in self._study.best_trials[-most:]}
        sign = -1 if self._directions[0] is StudyDirection.MAXIMIZE else 1
        trials = sorted(self._finished.values(), key=lambda trial: sign * (trial.value or 0.0))
        return {trial.number for trial in trials[:most]}

    def _trial(self, place: int) -> FrozenTrial:
        return self._storage.get_trial(self._id_of(place))

    def _id_of(self, place: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, place)
