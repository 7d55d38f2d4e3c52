"""`Record`: the trials of a run, kept as an Optuna study. Only the driver writes to it.

A proposal is written when it is made, its result when it comes, and each is on the disk when the
call returns: the searcher hears of nothing that a crash could take back. All trials are also
kept in memory, because Optuna copies every trial of a study to give one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from einsearch.errors import RunError
from einsearch.study.encoding import (
    OPTUNA_STATES,
    Entry,
    decode_proposal,
    decode_result,
    encode_proposal,
    encode_result,
)
from einsearch.study.interrupts import Uninterrupted
from einsearch.study.storage import quiet
from einsearch.trial import Trial, TrialState

FORMAT: Final = 1
"""Version of the attributes; a record of a later one is not read."""

_DIRECTIONS: Final = {"maximize": StudyDirection.MAXIMIZE, "minimize": StudyDirection.MINIMIZE}


class Record:
    """The trials of one run.

    Attributes:
        storage: Optuna's, with everything in it.
        name: of the study.
        directions: objective name -> "maximize" or "minimize".
        place: where it is kept, for messages.
        entries: every trial by number, with its place among the events.

    Raises:
        RunError: there is no such study, another program wrote it, or it has other objectives.
    """

    def __init__(
        self,
        storage: BaseStorage,
        name: str = "einsearch",
        directions: Mapping[str, str] | None = None,
        place: str = "memory",
    ) -> None:
        """Opens the study `name`.

        Args:
            storage: see `storage.py`.
            name: of the study; one storage may hold many.
            directions: given by a driver, who makes the study where it is missing; None to read.
            place: for messages.
        """
        self.storage = storage
        self.name = name
        self.place = place
        self.entries: list[Entry] = []
        self._ids: list[int] = []
        self._is_broken = False
        self._told = 0
        with self._guarded():
            self._study_id = self._find(directions)
            self.directions = self._check(directions)
            self._load(is_driver=directions is not None)

    @property
    def trials(self) -> list[Trial]:
        """All trials by number, running ones too."""
        return [entry.trial for entry in self.entries]

    @property
    def told(self) -> int:
        """How many trials have finished."""
        return self._told

    @property
    def elapsed(self) -> float:
        """Seconds on the clock of the search at the last result."""
        return max((entry.elapsed for entry in self.entries), default=0.0)

    @property
    def study(self) -> optuna.Study:
        """The study, for Optuna's plots and dashboard. Reading it copies every trial."""
        with quiet():
            return optuna.load_study(study_name=self.name, storage=self.storage)

    def propose(self, trial: Trial) -> Trial:
        """Records a proposal: the next trial, RUNNING, and that the searcher was asked for it
        after all trials told so far. Returns the trial as the record gives it back."""
        self._check_number(trial)
        entry = Entry(replace(trial, state=TrialState.RUNNING), asked_after=self._told)
        attributes = encode_proposal(entry)
        with self._guarded():
            self._create(attributes, entry.trial)
            self.entries.append(decode_proposal(trial.number, attributes))
        return self.entries[-1].trial

    def propose_finished(self, trial: Trial, elapsed: float = 0.0) -> Trial:
        """Records a proposal whose result is known at once, in one write."""
        self._check_number(trial)
        entry = Entry(trial, self._told, self._told, elapsed)
        attributes = {**encode_proposal(entry), "result": encode_result(entry)}
        with self._guarded():
            self._create(attributes, trial)
            running = decode_proposal(trial.number, attributes)
            self.entries.append(decode_result(running, attributes["result"]))
            self._told += 1
        return self.entries[-1].trial

    def finish(self, trial: Trial, elapsed: float = 0.0) -> Trial:
        """Records the result of a running trial; it is the next that the searcher is told.

        The result is written first and Optuna's state after it. If a crash comes between, the
        next driver sets the state.

        Returns:
            The trial as the record gives it back: what the searcher is to be told.
        """
        before = self.entries[trial.number]
        if before.is_finished or not trial.state.is_finished:
            raise ValueError(f"trial {trial.number} is {before.trial.state}: cannot finish it")
        result = encode_result(Entry(trial, before.asked_after, self._told, elapsed))
        entry = decode_result(before, result)
        with self._guarded():
            self.storage.set_trial_user_attr(self._ids[trial.number], "result", result)
            self._set_state(entry.trial)
            self.entries[trial.number] = entry
            self._told += 1
        return entry.trial

    def write_attribute(self, name: str, value: Any) -> None:
        """Records something about the whole run."""
        with self._guarded():
            self.storage.set_study_user_attr(self._study_id, name, value)

    def read_attribute(self, name: str) -> Any:
        """What was recorded about the whole run under that name, or None."""
        with self._guarded():
            return self.storage.get_study_user_attrs(self._study_id).get(name)

    def close(self) -> None:
        """Gives back connections to a database. A journal has none."""
        self.storage.remove_session()

    def _find(self, directions: Mapping[str, str] | None) -> int:
        try:
            return self.storage.get_study_id_from_name(self.name)
        except KeyError:
            if directions is None:
                raise RunError(f"the record {self.place} has no study {self.name}") from None
        with quiet():
            return self.storage.create_new_study(
                [_DIRECTIONS[direction] for direction in directions.values()], self.name
            )

    def _check(self, wanted: Mapping[str, str] | None) -> dict[str, str]:
        """The recorded objectives; a driver's are recorded where there are none yet."""
        known = self.storage.get_study_user_attrs(self._study_id).get("einsearch")
        if known is None:
            if wanted is None or self.storage.get_n_trials(self._study_id):
                raise RunError(f"the study {self.name} in {self.place} was not made by einsearch")
            attribute = {"format": FORMAT, "directions": dict(wanted)}
            self.storage.set_study_system_attr(self._study_id, "study:metric_names", list(wanted))
            self.storage.set_study_user_attr(self._study_id, "einsearch", attribute)
            return dict(wanted)
        if known["format"] > FORMAT:
            raise RunError(
                f"the record {self.place} was written by a later version of einsearch "
                f"(format {known['format']}; this one reads up to {FORMAT})"
            )
        directions: dict[str, str] = known["directions"]
        if wanted is not None and list(wanted.items()) != list(directions.items()):
            raise RunError(
                f"the record {self.place} has the objectives {_show(directions)}, "
                f"not {_show(wanted)}; use another directory"
            )
        return directions

    def _load(self, is_driver: bool) -> None:
        for frozen in self.storage.get_all_trials(self._study_id, deepcopy=False):
            try:
                entry = decode_proposal(frozen.number, frozen.user_attrs)
                result = frozen.user_attrs.get("result")
                if result is not None:
                    entry = decode_result(entry, result)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise RunError(
                    f"trial {frozen.number} in {self.place} is damaged, or was not written by "
                    f"einsearch: {type(error).__name__}: {error}"
                ) from None
            self.entries.append(entry)
            self._ids.append(frozen._trial_id)
            self._told += entry.is_finished
            if is_driver and entry.is_finished and not frozen.state.is_finished():
                self._set_state(entry.trial)

    def _create(self, attributes: dict[str, Any], trial: Trial) -> None:
        now = datetime.now()
        state = OPTUNA_STATES[trial.state]
        template = FrozenTrial(
            number=-1,
            trial_id=-1,
            state=state,
            value=None,
            values=self._optuna_values(trial),
            datetime_start=now,
            datetime_complete=now if state.is_finished() else None,
            params={},
            distributions={},
            user_attrs=attributes,
            system_attrs={},
            intermediate_values={},
        )
        self._ids.append(self.storage.create_new_trial(self._study_id, template))

    def _set_state(self, trial: Trial) -> None:
        self.storage.set_trial_state_values(
            self._ids[trial.number], OPTUNA_STATES[trial.state], self._optuna_values(trial)
        )

    def _optuna_values(self, trial: Trial) -> list[float] | None:
        if trial.state is not TrialState.COMPLETE:
            return None
        return [trial.values[name] for name in self.directions]

    def _check_number(self, trial: Trial) -> None:
        if trial.number != len(self.entries):
            raise ValueError(f"trial {trial.number} comes after {len(self.entries)} recorded ones")

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Storage errors become one `RunError`. After one nothing more is written: a line may be
        torn, and the next driver repairs it. Ctrl-C waits until the write is done."""
        if self._is_broken:
            raise RunError(f"the record {self.place} could not be written before; resume the run")
        try:
            with Uninterrupted():
                yield
        except OSError as error:
            self._is_broken = True
            raise RunError(
                f"cannot write the record {self.place}: {error.strerror or error}; every trial "
                "recorded before is kept, and the run can be resumed"
            ) from None
        except OptunaError as error:
            self._is_broken = True
            raise RunError(f"cannot use the record {self.place}: {error}") from None


def _show(directions: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {direction}" for name, direction in directions.items())


def sequence_of_events(entries: Sequence[Entry]) -> Iterator[tuple[str, Entry]]:
    """What the searcher was asked and told, in order: ("ask", entry) and ("tell", entry)."""
    told = sorted((e for e in entries if e.is_finished), key=lambda entry: entry.told_as or 0)
    position = 0
    for entry in entries:
        while position < min(entry.asked_after, len(told)):
            yield "tell", told[position]
            position += 1
        yield "ask", entry
    for entry in told[position:]:
        yield "tell", entry
