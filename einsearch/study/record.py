"""`Record`: the trials of a run, kept as an Optuna study. Only the driver writes to it.

A proposal is written when it is made, its result when it comes, in this order in one file. The
result is flushed to the disk before the call returns, and all before it with it: the searcher hears
of nothing that a crash could take back. All trials are also kept in memory, because Optuna copies
every trial of a study to give one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from pydantic import BaseModel

from einsearch.errors import RunError
from einsearch.study.checked import (
    Damage,
    EndAttribute,
    StudyAttribute,
    check,
    check_sense,
    check_trial,
)
from einsearch.study.dashboard import Shown
from einsearch.study.encoding import (
    OPTUNA_STATES,
    Entry,
    decode_entry,
    decode_proposal,
    decode_result,
    encode_promotion,
    encode_proposal,
    encode_result,
)
from einsearch.study.interrupts import Uninterrupted
from einsearch.study.storage import flushed_at_once, line_that_set, quiet, unflushed
from einsearch.trial import Trial, TrialState

FORMAT: Final = 1
"""Version of the attributes; a record of a later one is not read."""

CONSTRAINTS: Final = "constraints"
"""System attribute in which Optuna's samplers and dashboards look for constraints: a list of
numbers, each at most 0 where it is kept."""

NOTHING: Final[Shown] = {}

DIRECTIONS: Final = {"maximize": StudyDirection.MAXIMIZE, "minimize": StudyDirection.MINIMIZE}
"""Of an objective, as Optuna has them."""


STUDY_ATTRIBUTES: Final[Mapping[str, type[BaseModel]]] = {"end": EndAttribute}
"""What attributes of the whole run may hold, as far as einsearch looks into them."""


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
        place: str | Path = "memory",
        *,
        is_begun: bool = False,
    ) -> None:
        """Opens the study `name`.

        Args:
            storage: see `storage.py`.
            name: of the study; one storage may hold many.
            directions: given by a driver, who makes the study where it is missing; None to read.
            place: for messages; the file of a journal, whose lines they name.
            is_begun: whether the study must be there; an error says that it was lost.
        """
        self.storage = storage
        self.name = name
        self.place = place
        self.entries: list[Entry] = []
        self._ids: list[int] = []
        self._is_broken = False
        self._told = 0
        with self._guarded():
            self._study_id = self._find(directions, is_begun)
            self.directions = self._check(directions)
            self._load(is_driver=directions is not None)

    @property
    def trials(self) -> list[Trial]:
        """All trials by number, running ones too."""
        return [entry.trial for entry in self.entries]

    @property
    def told(self) -> int:
        """How many results the searcher was told."""
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

    def propose(self, trial: Trial, shown: Shown = NOTHING) -> Trial:
        """Records a proposal: the next trial, RUNNING, and that the searcher was asked for it
        after all trials told so far. Returns the trial as the record gives it back.

        It outlives the death of the process at once, and a power cut once a later result has
        been recorded. The searcher would propose the same again.

        Args:
            trial: the next one.
            shown: parameters for Optuna's dashboard.
        """
        self._check_number(trial)
        entry = Entry(replace(trial, state=TrialState.RUNNING), asked_after=self._told)
        attributes = encode_proposal(entry)
        with self._guarded(), unflushed(self.storage):
            self._create(attributes, entry.trial, shown)
            self.entries.append(decode_proposal(trial.number, attributes))
        return self.entries[-1].trial

    def propose_finished(self, trial: Trial, elapsed: float = 0.0, shown: Shown = NOTHING) -> Trial:
        """Records a proposal whose result is known at once, in one write."""
        self._check_number(trial)
        entry = Entry(trial, self._told).finished(trial, self._told, elapsed, is_open=False)
        attributes = {**encode_proposal(entry), "result": encode_result(entry)}
        with self._guarded():
            self._create(attributes, trial, shown)
            self.entries.append(decode_entry(trial.number, attributes))
            self._told += 1
        return self.entries[-1].trial

    def report(self, number: int, epoch: int, value: float) -> None:
        """Records the main objective of a running trial after an epoch, as Optuna's pruners and
        plots want it. Flushed as a proposal is."""
        with self._guarded(), unflushed(self.storage):
            self.storage.set_trial_intermediate_value(self._ids[number], epoch, value)
            entry = self.entries[number]
            reports = {**entry.reports, epoch: value}
            self.entries[number] = replace(entry, reports=reports)

    def finish(self, trial: Trial, elapsed: float = 0.0, *, is_open: bool = False) -> Trial:
        """Records the result of a running trial; it is the next that the searcher is told.

        The result is written first and Optuna's state after it. If a crash comes between, the
        next driver sets the state.

        Args:
            trial: with its result.
            elapsed: seconds on the clock of the search.
            is_open: whether it is only paused: `promote` may let it go on.

        Returns:
            The trial as the record gives it back: what the searcher is to be told.
        """
        before = self.entries[trial.number]
        if before.is_finished or not trial.state.is_finished:
            raise ValueError(f"trial {trial.number} is {before.trial.state}: cannot finish it")
        result = encode_result(before.finished(trial, self._told, elapsed, is_open=is_open))
        with self._guarded():
            with flushed_at_once(self.storage):
                entry = self._write_result(trial.number, result)
            self.entries[trial.number] = entry
            self._told += 1
        return entry.trial

    def promote(self, number: int, budget: float) -> Trial:
        """Records that a paused trial goes on, to another budget. Flushed as a proposal is.

        Returns:
            The trial, RUNNING again.
        """
        entry = self._paused(number).promoted(budget)
        with self._guarded(), unflushed(self.storage):
            promotion = encode_promotion(entry)
            self.storage.set_trial_user_attr(self._ids[number], "promoted", promotion)
            self.entries[number] = entry
        return entry.trial

    def close_trial(self, trial: Trial) -> Trial:
        """Records that a paused trial does not go on, ever; its result stays, but for the reason.
        Flushed as a proposal is."""
        before = self._paused(trial.number)
        last = replace(before.tellings[-1], trial=trial)
        closed = replace(before, trial=trial, tellings=(*before.tellings[:-1], last), is_open=False)
        with self._guarded(), unflushed(self.storage):
            entry = self._write_result(trial.number, encode_result(closed))
            self.entries[trial.number] = entry
        return entry.trial

    def write_attribute(self, name: str, value: Any) -> None:
        """Records something about the whole run."""
        with self._guarded():
            self.storage.set_study_user_attr(self._study_id, name, value)

    def read_attribute(self, name: str) -> Any:
        """What was recorded about the whole run under that name, or None. Raises RunError."""
        with self._guarded():
            return self._attribute(name, STUDY_ATTRIBUTES.get(name))

    def close(self) -> None:
        """Gives back connections to a database. A journal has none."""
        self.storage.remove_session()

    def _attribute(self, name: str, model: type[BaseModel] | None) -> Any:
        """An attribute of the study, checked; None where there is none. Raises RunError."""
        attributes = self.storage.get_study_user_attrs(self._study_id)
        if name in attributes and model is not None:
            try:
                check(model, attributes[name])
            except Damage as damage:
                raise RunError(
                    f"the attribute {name} of the study in {self.place}"
                    f"{self._line(None, name)} is damaged: {damage}"
                ) from None
        return attributes.get(name)

    def check_sense(self) -> None:
        """Looks whether what the record says can be true. Raises RunError."""
        for entry in self.entries:
            with self._told_damage(entry.trial.number):
                check_sense(entry.trial, self.directions)

    @contextlib.contextmanager
    def _told_damage(self, number: int) -> Iterator[None]:
        try:
            yield
        except Damage as damage:
            raise RunError(
                f"trial {number} in {self.place}{self._line(number, damage.key)} is damaged, or "
                f"was not written by einsearch: {damage}"
            ) from None

    def _line(self, number: int | None, key: str) -> str:
        return line_that_set(self.place, number, key) if isinstance(self.place, Path) else ""

    def _find(self, directions: Mapping[str, str] | None, is_begun: bool) -> int:
        try:
            return self.storage.get_study_id_from_name(self.name)
        except KeyError:
            if is_begun:
                raise RunError(
                    f"the record {self.place} is lost: it holds no study {self.name}, which the "
                    "run began with. Put it back from a copy, or start a new run in another folder"
                ) from None
            if directions is None:
                raise RunError(f"the record {self.place} has no study {self.name}") from None
        with quiet():
            return self.storage.create_new_study(_as_optuna(directions), self.name)

    def _check(self, wanted: Mapping[str, str] | None) -> dict[str, str]:
        """The recorded objectives; a driver's are recorded where there are none yet."""
        known = self._attribute("einsearch", StudyAttribute)
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
        if self.storage.get_study_directions(self._study_id) != _as_optuna(directions):
            raise RunError(
                f"the record {self.place} is damaged: it has the objectives {_show(directions)}, "
                "and Optuna's study has others"
            )
        if wanted is not None and list(wanted.items()) != list(directions.items()):
            raise RunError(
                f"the record {self.place} has the objectives {_show(directions)}, "
                f"not {_show(wanted)}; use another directory"
            )
        return directions

    def _load(self, is_driver: bool) -> None:
        for frozen in self.storage.get_all_trials(self._study_id, deepcopy=False):
            reports = frozen.intermediate_values
            with self._told_damage(frozen.number):
                check_trial(frozen.user_attrs, reports)
            entry = decode_entry(frozen.number, frozen.user_attrs, reports)
            self.entries.append(entry)
            if is_driver:
                number = frozen.number
                found = self.storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
                self._ids.append(found)
            self._told += len(entry.tellings)
            if is_driver and _is_final(entry) and not frozen.state.is_finished():
                self._set_state(entry.trial)

    def _create(self, attributes: dict[str, Any], trial: Trial, shown: Shown) -> None:
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
            params={name: value for name, (_, value) in shown.items()},
            distributions={name: found for name, (found, _) in shown.items()},
            user_attrs=attributes,
            system_attrs=_constraints(trial),
            intermediate_values={},
        )
        self._ids.append(self.storage.create_new_trial(self._study_id, template))

    def _write_result(self, number: int, result: dict[str, Any]) -> Entry:
        """The result, then what Optuna is to know of it."""
        entry = decode_result(replace(self.entries[number], tellings=()), result)
        self.storage.set_trial_user_attr(self._ids[number], "result", result)
        for name, value in _constraints(entry.trial).items():
            self.storage.set_trial_system_attr(self._ids[number], name, value)
        if _is_final(entry):
            self._set_state(entry.trial)
        return entry

    def _paused(self, number: int) -> Entry:
        entry = self.entries[number]
        if not entry.is_open:
            raise ValueError(f"trial {number} is {entry.trial.state}, and not paused")
        return entry

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


def _as_optuna(directions: Mapping[str, str]) -> list[StudyDirection]:
    return [DIRECTIONS[direction] for direction in directions.values()]


def _show(directions: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {direction}" for name, direction in directions.items())


def _constraints(trial: Trial) -> dict[str, Any]:
    """The system attributes of Optuna that say which constraints a trial keeps."""
    return {CONSTRAINTS: list(trial.excess.values())} if trial.excess else {}


def _is_final(entry: Entry) -> bool:
    return entry.is_finished and not entry.is_open


def sequence_of_events(entries: Sequence[Entry]) -> Iterator[tuple[str, Trial]]:
    """What the searcher was asked and told, in order: ("ask", trial) and ("tell", trial)."""
    tellings = [telling for entry in entries for telling in entry.tellings]
    told = sorted(tellings, key=lambda telling: telling.position)
    position = 0
    for entry in entries:
        while position < min(entry.asked_after, len(told)):
            yield "tell", told[position].trial
            position += 1
        yield "ask", entry.trial
    for telling in told[position:]:
        yield "tell", telling.trial
