"""What Optuna's samplers look at: `History`, trials in memory, and `Common`, their parameters."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Optuna neither notes that a study is new nor warns that a sampler is experimental.

    How loud it is elsewhere stays as it was.
    """
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


class History(InMemoryStorage):
    """Trials, of which samplers see a part.

    Args:
        keeps_attributes: whether samplers may leave notes at trials.

    Attributes:
        hidden: numbers of the trials that samplers do not see.
    """

    def __init__(self, keeps_attributes: bool) -> None:
        super().__init__()
        self._keeps_attributes = keeps_attributes
        self.hidden: set[int] = set()

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Any = None,
    ) -> list[FrozenTrial]:
        trials = super().get_all_trials(study_id, deepcopy, states)
        if not self.hidden:
            return trials
        return [trial for trial in trials if trial.number not in self.hidden]

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        if self._keeps_attributes:
            super().set_trial_system_attr(trial_id, key, value)


class Common(BaseSampler):
    """A sampler that is told which parameters all trials have, instead of looking through them.

    Args:
        sampler: does the sampling.
        space: the parameters that it suggests together, by name.
    """

    def __init__(self, sampler: BaseSampler, space: Mapping[str, BaseDistribution]) -> None:
        self._sampler = sampler
        self._space = space

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._sampler.before_trial(study, trial)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        self._sampler.after_trial(study, trial, state, values)
