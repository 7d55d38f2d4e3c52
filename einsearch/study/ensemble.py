"""`averaged`: which of the networks that a run trained in full are averaged at its end, and what
their average scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from einsearch.evaluate.certainty import intervals
from einsearch.evaluate.crossvalidation import Answers
from einsearch.evaluate.ensembling import blended, chosen
from einsearch.evaluate.final import FinalResult, FinalRun, answers_of
from einsearch.evaluate.metrics import score
from einsearch.study.fulltraining import FullTraining
from einsearch.study.handing import HandedOver, Member
from einsearch.tasks.base import Task
from einsearch.trial import Trial

if TYPE_CHECKING:
    from einsearch.study.finishing import Finish

Key = tuple[int, int]
"""Number of a trial, and the seed of its full training."""

Runs = Mapping[Key, tuple[Trial, FinalRun]]


def averaged(
    finish: Finish,
    training: FullTraining,
    trials: Sequence[Trial],
    results: Mapping[int, FinalResult],
) -> HandedOver | None:
    """The average of fully trained networks; None where no training was complete.

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
    counts, valid = dict.fromkeys(runs, 1), {}
    if not training.is_whole:
        answers = {key: _validated(training, *runs[key]) for key in runs}
        counts = chosen(finish.task, answers, finish.file.final.ensemble)
        together = _together(finish.task, [answers[key] for key in counts], counts)
        valid = score(finish.task, together.outputs, together.y, together.weights)
    members = _members(training, runs, counts)
    tests = [answered for key in counts if (answered := runs[key][1].answers) is not None]
    if len(tests) < len(counts):
        return HandedOver(members, valid)
    together = _together(finish.task, tests, counts)
    test = score(finish.task, together.outputs, together.y, together.weights)
    return HandedOver(members, valid, test, intervals(finish.task, together), len(together))


def _validated(training: FullTraining, trial: Trial, run: FinalRun) -> Answers:
    """What a network answers to the validation examples; that of an earlier session is asked."""
    if run.outcome.answers is not None:
        return run.outcome.answers
    task, weights = training.task, run.outcome.weights
    assert weights is not None
    return answers_of(trial.text, task, training.config, weights, task.valid).thinned()


def _members(training: FullTraining, runs: Runs, counts: Mapping[Key, int]) -> tuple[Member, ...]:
    total = sum(counts.values())
    trials = {key: runs[key][0] for key in counts}
    return tuple(
        Member(key[0], trials[key].text, training.files(trials[key]).name(key[1]), n / total)
        for key, n in counts.items()
    )


def _together(task: Task, parts: Sequence[Answers], counts: Mapping[Key, int]) -> Answers:
    total = sum(counts.values())
    outputs = blended(task, [part.outputs for part in parts], [n / total for n in counts.values()])
    return Answers(parts[0].rows, outputs, parts[0].y, parts[0].weights)
