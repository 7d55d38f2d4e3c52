"""Training candidates of a task, as the work of an executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from einsearch.evaluate.config import TrainingConfig
from einsearch.study.baselines import BASELINE, score_baseline
from einsearch.study.executor import Job, ReportBack, Work
from einsearch.study.result import Result, from_outcome
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task


@dataclass(frozen=True)
class TrainingWork:
    """Builds the task where candidates are trained, and gives the work. A `WorkFactory`.

    Attributes:
        task: {name: ..., and its options}, as in a search-space file; or the task itself, whose
            data then travels to where candidates are trained.
        base: folder that relative paths of the task start from.
        training: of every candidate. A job with a budget halts after so many of its epochs, and
            one with a checkpoint goes on from there. One with `full` in its payload says itself how
            it is trained, as fields of `evaluate.candidate.Job`; one with `baseline` names a simple
            model, which is scored in place of a network.
        measures_latency: whether candidates are timed, too.
        memory: bytes that the process of a worker may use; None for any number.
        gpu: share of a GPU's memory that it may use, where others use the rest.
    """

    task: Mapping[str, Any] | Task
    base: Path
    training: TrainingConfig
    measures_latency: bool = False
    memory: int | None = None
    gpu: float = 1.0

    def __call__(self) -> Work:
        from einsearch.evaluate.candidate import Job as Candidate
        from einsearch.evaluate.candidate import evaluate_candidate
        from einsearch.evaluate.memory import Allowance
        from einsearch.evaluate.suiting import check_training

        source = self.task
        task = (
            source if isinstance(source, Task) else make_task(source, self.base, checks_test=False)
        )
        check_training(task, self.training)
        allowance = Allowance(self.memory, self.gpu)

        def work(job: Job, report: ReportBack) -> Result:
            if BASELINE in job.payload:
                return score_baseline(task, job)
            until = None if job.budget is None else round(job.budget)
            checkpoint = job.payload.get("checkpoint")
            special = job.payload.get("full")
            candidate = Candidate(
                job.payload.get("program", job.text),
                self.training,
                job.seed,
                job.seconds,
                keep_weights=until is None or until >= self.training.total_epochs,
                until=until,
                checkpoint=checkpoint,
                measures_latency=self.measures_latency and checkpoint is None,
                allowance=allowance,
            )
            if special is not None:
                candidate = replace(candidate, measures_latency=False, **special)
            return from_outcome(evaluate_candidate(candidate, task, report))

        return work
