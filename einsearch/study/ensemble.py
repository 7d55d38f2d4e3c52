"""`Ensemble`: the average of several trained networks as the model that a run hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from einsearch.evaluate.certainty import intervals
from einsearch.evaluate.crossvalidation import Answers
from einsearch.evaluate.ensembling import blended, chosen
from einsearch.evaluate.final import FinalResult, FinalRun
from einsearch.evaluate.metrics import score
from einsearch.study.fulltraining import FullTraining
from einsearch.tasks.base import Task
from einsearch.trial import Trial

if TYPE_CHECKING:
    from einsearch.study.finishing import Finish


@dataclass(frozen=True)
class Member:
    """One network of an ensemble.

    Attributes:
        number: of its trial.
        text: its architecture.
        weights: name of the file in the run folder.
        share: of its answers in the average; all sum to 1.
    """

    number: int
    text: str
    weights: str
    share: float


@dataclass(frozen=True)
class Ensemble:
    """Which networks are averaged, and what the average scores.

    Attributes:
        members: at least one.
        valid: metrics on validation data; empty where the members learned from these.
        test: metrics on test data; empty where there are none.
        interval: 95 % intervals of `test`.
    """

    members: tuple[Member, ...]
    valid: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)
    interval: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "members": [vars(member) for member in self.members],
            "valid": dict(self.valid),
            "test": dict(self.test),
            "interval": {name: list(ends) for name, ends in self.interval.items()},
        }

    @classmethod
    def of(
        cls,
        finish: Finish,
        training: FullTraining,
        trials: Sequence[Trial],
        results: Mapping[int, FinalResult],
    ) -> Ensemble | None:
        """The average of fully trained networks.

        Where they learned from all examples, all of them count the same. Else those are taken that
        answer the validation examples best together.

        Args:
            finish: of the run.
            training: that trained them.
            trials: whose networks they are.
            results: by number of the trial, tested.
        """
        runs = {
            (trial.number, run.seed): (trial, run)
            for trial in trials
            for run in results[trial.number].runs
            if run.is_complete
        }
        if not runs:
            return None
        counts = dict.fromkeys(runs, 1)
        valid: Mapping[str, float] = {}
        if not training.is_whole:
            answers = {
                key: run.outcome.answers
                for key, (_, run) in runs.items()
                if run.outcome.answers is not None
            }
            counts = chosen(finish.task, answers, finish.file.final.ensemble) or counts
            parts = [answers[key] for key in counts if key in answers]
            if len(parts) == len(counts):
                valid = _scores(finish.task, parts, list(counts.values()))
        total = sum(counts.values())
        members = tuple(
            Member(
                number, runs[number, seed][0].text, _file(training, runs[number, seed]), n / total
            )
            for (number, seed), n in counts.items()
        )
        tests = [runs[key][1].answers for key in counts]
        known = [one for one in tests if one is not None]
        if len(known) < len(counts):
            return cls(members, valid)
        together = _together(finish.task, known, list(counts.values()))
        test = score(finish.task, together.outputs, together.y, together.weights)
        return cls(members, valid, test, intervals(finish.task, together))


def _file(training: FullTraining, one: tuple[Trial, FinalRun]) -> str:
    trial, run = one
    return training.files(trial).name(run.seed)


def _together(task: Task, parts: Sequence[Answers], counts: Sequence[int]) -> Answers:
    total = sum(counts)
    outputs = blended(task, [part.outputs for part in parts], [n / total for n in counts])
    return Answers(parts[0].rows, outputs, parts[0].y, parts[0].weights)


def _scores(task: Task, parts: Sequence[Answers], counts: Sequence[int]) -> Mapping[str, float]:
    together = _together(task, parts, counts)
    return score(task, together.outputs, together.y, together.weights)
