"""`Run`: what the record of a search says to people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from einsearch.compile.given import instance, wrong
from einsearch.errors import NoCompleteTrial, RunError
from einsearch.numbers import Scores
from einsearch.shown import shortened
from einsearch.study.encoding import Entry
from einsearch.study.folder import SPACE, RunFolder
from einsearch.study.lock import is_locked
from einsearch.study.opening import read_record
from einsearch.study.planning.spending import Spent, read_spent
from einsearch.study.ranking import by_main_objective, pareto_front
from einsearch.study.record import Record
from einsearch.study.scores import scores_of
from einsearch.study.spacefile import load_space_file
from einsearch.study.weights import read_weights
from einsearch.trial import Trial

if TYPE_CHECKING:
    from torch import nn


_MOST: Final = 5
"""Reasons that are told, of a run without a complete trial."""
_LONGEST: Final = 160
"""Characters of each."""


class Run:
    """A search that was, or is still under way, as its record is at the moment.

    Attributes:
        record: the record; its `study` is Optuna's, for plots and dashboard.
        folder: the files; None for a run in memory.
    """

    def __init__(self, record: Record, folder: RunFolder | None = None) -> None:
        self.record = record
        self.folder = folder

    @property
    def trials(self) -> list[Trial]:
        """Every trial, by number."""
        trials = self.record.trials
        if self.folder is None:
            return trials
        place = str(self.folder.path)
        return [replace(trial, directory=place) for trial in trials]

    @property
    def entries(self) -> list[Entry]:
        """Every trial with its place among the events of the search."""
        return self.record.entries

    @property
    def directions(self) -> Mapping[str, str]:
        """Objective name -> "maximize" or "minimize"; the first is the main one."""
        return self.record.directions

    @property
    def scores(self) -> Scores:
        """Writes its values for people: shares of examples in per cent where einsearch trained."""
        return Scores() if self.folder is None else scores_of(self.folder.path / SPACE)

    @property
    def directory(self) -> Path | None:
        """The run folder; None for a run in memory."""
        return None if self.folder is None else self.folder.path

    @property
    def best(self) -> Trial:
        """The complete trial that is best by the main objective; the earliest of equals. One that
        breaks a constraint only where all do, that which breaks them by least.

        Raises:
            NoCompleteTrial: there is none; the message counts failures by reason.
        """
        found = self.find_best()
        if found is None:
            raise NoCompleteTrial(_without_best(self.trials))
        return found

    def find_best(self) -> Trial | None:
        """As `best`; None where no trial is complete."""
        return next(iter(by_main_objective(self.trials, self.directions)), None)

    @property
    def pareto_front(self) -> list[Trial]:
        """Complete trials that no other dominates, best first by the main objective. Trials that
        break constraints only where all do, those that break them by least."""
        return pareto_front(self.trials, self.directions)

    def hypervolume(self, reference: Mapping[str, float] | None = None) -> float:
        """How much of the space of objectives the Pareto front dominates, in the product of their
        units; 0 without complete trials that keep all constraints.

        Args:
            reference: objective name -> value: the corner up to which it is measured. Where None,
                the worst value of each among those trials: to compare runs, give one for all.

        Raises:
            RunError: the reference lacks an objective.
        """
        from einsearch.study.hypervolume import hypervolume, reference_point

        if reference is not None:
            _check_reference(reference)
        trials = self.record.trials
        corner = reference_point(trials, self.directions) if reference is None else reference
        return hypervolume(trials, self.directions, corner) if corner or reference else 0.0

    @property
    def epochs(self) -> int:
        """How many epochs were paid for, by all trials together; not those of attempts that a
        crash cut off."""
        return sum(last - first for trial in self.record.trials for first, last in trial.spans)

    @property
    def architectures(self) -> list[str]:
        """Texts of the complete trials, best first, each once."""
        ranked = by_main_objective(self.trials, self.directions)
        return list(dict.fromkeys(trial.text for trial in ranked))

    @property
    def spent(self) -> Spent:
        """How the time of all sessions was spent, in seconds by phase."""
        return read_spent(self.record)

    @property
    def minutes(self) -> float | None:
        """Its budget of time; None where it has none, and for a run in memory."""
        if self.folder is None:
            return None
        return load_space_file(self.folder.path / SPACE).budget.whole.minutes

    @property
    def state(self) -> str:
        """ "running" while a driver is at work; else how the last session ended: "trials",
        "time", "exhausted" or "interrupted" (a killed one too)."""
        if self.folder is not None and is_locked(self.folder.path):
            return "running"
        end = self.record.read_attribute("end")
        is_cut_off = any(not trial.state.is_finished for trial in self.trials)
        return "interrupted" if end is None or is_cut_off else str(end["reason"])

    @property
    def final(self) -> dict[str, Any] | None:
        """Results of the full training at the end; None where there was none. Raises RunError."""
        return None if self.folder is None else self.folder.read_final()

    @property
    def baselines(self) -> dict[str, Any] | None:
        """What simple models score on the same data; None where none were asked for. Raises
        RunError."""
        return None if self.folder is None else self.folder.read_baselines()

    def learned_grammar(self) -> str | None:
        """The grammar that the search has learned, as the text of a file; None where its searcher
        learns none, and for a run in memory.

        Raises:
            EinsearchError: the grammar, the task or the searcher of the run cannot be made again.
        """
        from einsearch.study.learned import learned_in

        return None if self.folder is None else learned_in(self.folder, self.record)

    def weights(self, trial: Trial) -> dict[str, Any] | None:
        """Weights of a trial, name -> NumPy array; None for a run in memory.

        Raises:
            RunError: they were not kept: only those of the best trials are.
        """
        _check_trial(trial)
        return None if self.folder is None else read_weights(self.folder, trial.number)

    def model(self, trial: Trial | None = None) -> nn.Module:
        """A trained network, head included, in evaluation mode.

        Args:
            trial: whose network; weights of its full training where there was one. Where None,
                the model that the run ended with, which may be the average of several networks:
                its answers are logits or numbers, as those of one.

        Raises:
            RunError: the run has no folder, or did not keep the weights.
        """
        from einsearch.study.trained import load_handed_over, load_trained

        if trial is None:
            return load_handed_over(self).network
        _check_trial(trial)
        return load_trained(self, trial).network

    def resume(self, **changes: Any) -> Run:
        """Goes on with the run, up to its budget; arguments as of `einsearch.study.launch.resume`.

        Raises:
            RunError: it is in memory, or another process drives it.
        """
        from einsearch.study.launch import resume

        if self.directory is None:
            raise RunError("a run in memory cannot be resumed: give search a directory")
        if self.folder is not None:
            changes.setdefault("storage", self.folder.given_storage)
        return resume(self.directory, **changes)

    def __repr__(self) -> str:
        place = "memory" if self.directory is None else str(self.directory)
        return f"<Run in {place}: {len(self.trials)} trials, {self.state}>"


def _without_best(trials: Sequence[Trial]) -> str:
    if not trials:
        return "no trial is complete: none was made yet"
    counts = Counter(f"{t.state}" + (f" ({t.reason})" if t.reason else "") for t in trials)
    told = [f"{number} {shortened(what, _LONGEST)}" for what, number in counts.most_common(_MOST)]
    more = f", and {len(counts) - _MOST} other reasons" if len(counts) > _MOST else ""
    return (
        f"no trial of {len(trials)} is complete: {', '.join(told)}{more}. "
        "run.trials[NUMBER].traceback says where a failure came from"
    )


def _check_reference(reference: Any) -> None:
    is_named = isinstance(reference, Mapping)
    if not is_named or not all(isinstance(value, Real) for value in reference.values()):
        raise wrong("reference", reference, 'objectives with numbers, such as {"accuracy": 0.0}')


def _check_trial(trial: object) -> None:
    instance("the trial", trial, Trial, "a trial of the run, such as run.trials[3]")


def open_run(path: Path, storage: str | None = None) -> Run:
    """A run as its folder has it now; nothing is written, and a driver may be at work.

    Args:
        path: of the folder.
        storage: URL of the record's storage, in place of what the folder says.

    Raises:
        RunError: there is no such folder, it is no run folder, it is damaged, or it came from
            elsewhere and names a storage that the caller does not.
    """
    folder = RunFolder(path, storage)
    return Run(read_record(folder), folder)
