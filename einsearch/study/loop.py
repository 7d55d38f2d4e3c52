"""`run_study`: ask, submit, record, tell, until the budget is spent. Asynchronous: whenever a
worker is free, a paused trial goes on or the searcher is asked, whatever is still under way.

What the searcher is asked and told, and in which order, is on the disk before it happens.
Stopped at any moment and run again, the study goes on from there: it rebuilds the searcher from
the record and evaluates again, under their numbers, the trials that were cut off.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from einsearch.derivation.uncollected import uncollected
from einsearch.errors import RunError
from einsearch.study.describing import Describe, describe, trial_of
from einsearch.study.duplicates import Known, count_spent
from einsearch.study.events import Budget, Callbacks, StopReason, StudyEnd
from einsearch.study.executor import Executor, Finished, Job, Report, Resized
from einsearch.study.exhausting import Untried
from einsearch.study.objective import decisions_payload
from einsearch.study.record import Record
from einsearch.study.result import finish_trial, repeat_trial, result_of
from einsearch.study.resuming import MakeSearcher, rebuild
from einsearch.study.scheduling import Scheduler
from einsearch.trial import Trial, TrialState

MAX_DUPLICATES: Final = 300
"""So many proposals in a row that repeat earlier ones end a search: nothing new is left, or the
searcher does not find it."""

Payload = Callable[[Trial, Any | None], Mapping[str, Any]]
"""Of a trial's job, from the trial and its derivation; the latter is None after an interruption."""

Keep = Callable[[Trial, Mapping[str, Any]], None]
"""Is offered the weights of a finished trial before the record has it."""


@dataclass(frozen=True)
class Options:
    """How a study runs, beside searcher, executor, record and budget.

    Attributes:
        seed: of the run; trials get theirs from it and their number.
        constraints: name of a value or cost -> upper bound.
        scheduler: deals out epochs; a new one for every call.
        retries: how often a trial runs again after a failure that may be the machine's.
        callbacks: are told what happens.
        describe: gives the hash of a derivation, by which duplicates are known, and its costs.
        payload: what jobs carry beside text and seed.
        keep: takes the weights of complete trials.
        max_duplicates: see `MAX_DUPLICATES`.
        clock: seconds, for the budget of hours.
    """

    seed: int = 0
    constraints: Mapping[str, float] = field(default_factory=dict)
    scheduler: Scheduler = field(default_factory=Scheduler)
    retries: int = 0
    callbacks: Callbacks = field(default_factory=Callbacks)
    describe: Describe = describe
    payload: Payload = decisions_payload
    keep: Keep | None = None
    max_duplicates: int = MAX_DUPLICATES
    clock: Callable[[], float] = time.monotonic


def run_study(
    make_searcher: MakeSearcher,
    executor: Executor,
    record: Record,
    budget: Budget,
    options: Options | None = None,
) -> StudyEnd:
    """Searches until the budget is spent, or goes on with a search that the record holds.

    Ctrl-C ends it in order: what is under way is cancelled, and runs again when it goes on.

    Args:
        make_searcher: gives the searcher, new.
        executor: runs the jobs, whose work returns a `Result`; stays open.
        record: of the run, open for writing; empty, or with the trials so far.
        budget: for all sessions of the run together.
        options: the rest.

    Raises:
        RunError: the record cannot be written. Everything before is kept.
        EinsearchError: the searcher or the executor cannot go on; so too.
    """
    return _Study(make_searcher, executor, record, budget, options or Options()).run()


def with_spare(capacity: int) -> int:
    """How many jobs are under way for so many workers.

    For every eight workers one more job waits, so that a worker which is free begins at once, and
    not after its result was recorded and a proposal made; that proposal knows a few results less.
    """
    return max(1, capacity + capacity // 8)


class _Study:
    """One session of a study."""

    def __init__(
        self,
        make_searcher: MakeSearcher,
        executor: Executor,
        record: Record,
        budget: Budget,
        options: Options,
    ) -> None:
        self.make_searcher = make_searcher
        self.executor = executor
        self.record = record
        self.budget = budget
        self.options = options
        self.callbacks = options.callbacks
        self.scheduler = options.scheduler
        self.known = Known(record.trials)
        self.spent = count_spent(record.trials)
        self.elapsed_before = record.elapsed
        self.began = options.clock()
        self.running: dict[int, Job] = {}
        self.attempts: Counter[int] = Counter()

    @property
    def elapsed(self) -> float:
        """Seconds of searching, over all sessions."""
        return self.elapsed_before + self.options.clock() - self.began

    @property
    def left(self) -> float:
        """How many trials may yet begin."""
        if self.budget.trials is None:
            return math.inf
        begun = sum(not self.record.entries[number].tellings for number in self.running)
        return max(0, self.budget.trials - self.spent - begun)

    def run(self) -> StudyEnd:
        try:
            reason = self._search()
        except KeyboardInterrupt:
            self._cancel()
            reason = StopReason.INTERRUPTED
        except BaseException:
            self._cancel()
            raise
        end = StudyEnd(reason, self._explain(reason))
        self.record.write_attribute("end", {"reason": str(reason), "message": end.message})
        self.callbacks.on_end(end)
        return end

    def _search(self) -> StopReason:
        self.callbacks.on_start(self.record.trials, self.record.directions, self.budget)
        self.searcher, note = rebuild(self.make_searcher, self.record.entries)
        self.untried = Untried(self.searcher.space, self._hash_of)
        if note:
            self.callbacks.on_note(note)
        self.scheduler.restore(self.record.entries)
        self.executor.judge = self._judge if self.scheduler.judges else None
        for trial in self.record.trials:
            if not trial.state.is_finished:
                self._admit(trial, None)
        self._close(self.left)
        while (reason := self._fill()) is None or self.running:
            self._handle(self.executor.next_finished())
        self._close(-1)
        return reason

    def _fill(self) -> StopReason | None:
        """Promotes and proposes until every worker has a job, and some wait; why it cannot, if the
        search is to end."""
        while len(self.running) < with_spare(self.executor.capacity):
            reason = self._stop_reason()
            if reason is StopReason.HOURS:
                return reason
            is_last = reason is not None and not self.running
            promotion = self.scheduler.promotion(is_last=is_last)
            if promotion is not None:
                trial = self.record.promote(promotion.number, promotion.budget)
                self.callbacks.on_proposal(trial)
                self._submit(trial, None)
            elif reason is not None:
                return reason
            else:
                self._propose()
        return None

    def _stop_reason(self) -> StopReason | None:
        """Why no other trial may begin."""
        hours = self.budget.hours
        if hours is not None and self.elapsed >= hours * 3600:
            return StopReason.HOURS
        if self.left == 0:
            return StopReason.TRIALS
        return StopReason.EXHAUSTED if self._is_exhausted() else None

    def _is_exhausted(self) -> bool:
        """Whether all networks were tried, or the searcher finds no other."""
        if not self.known.in_a_row and not self.untried.looks_small():
            return False
        if self.known.originals and self.untried.is_nothing(self.known):
            return True
        return self.known.in_a_row >= self.options.max_duplicates

    def _propose(self) -> None:
        began = time.perf_counter()
        with uncollected():
            proposal = self.searcher.ask()
            description = self.options.describe(proposal.derivation)
            seconds = time.perf_counter() - began
            trial = trial_of(proposal, description, self.options.seed, seconds)
        trial = replace(trial, budget=self.scheduler.first_budget)
        original = self._finished(self.known.note(trial))
        if original is not None:
            done = self.record.propose_finished(repeat_trial(trial, original), self.elapsed)
            self._tell(done)
            return
        trial = self.record.propose(trial)
        self.callbacks.on_proposal(trial)
        self._admit(trial, proposal.derivation)

    def _hash_of(self, derivation: Any) -> str:
        return self.options.describe(derivation).hash

    def _finished(self, number: int) -> Trial | None:
        """The trial of that number if it has finished."""
        if number >= len(self.record.entries):
            return None
        entry = self.record.entries[number]
        return entry.trial if entry.is_finished else None

    def _admit(self, trial: Trial, derivation: Any | None) -> None:
        """Starts a recorded trial, or has it wait for the equal one that is under way."""
        number = self.known.original_of(trial)
        original = self._finished(number)
        if number == trial.number:
            self._submit(trial, derivation)
        elif original is not None:
            self._finish(repeat_trial(trial, original))
        else:
            self.known.wait(trial, number)

    def _submit(self, trial: Trial, derivation: Any | None) -> None:
        carried = {**self.options.payload(trial, derivation), **self.scheduler.start(trial)}
        waits = self.scheduler.judges
        job = Job(trial.number, trial.text, trial.seed, trial.budget, carried, waits)
        self.running[trial.number] = job
        self.executor.submit(job)

    def _handle(self, event: Finished | Report | Resized | None) -> None:
        if event is None:
            numbers = ", ".join(map(str, self.running))
            raise RunError(f"the executor has lost trials {numbers}; resume the run")
        if isinstance(event, Resized):
            return  # more is proposed for the workers that joined
        if isinstance(event, Report):
            if not self.scheduler.judges:
                self._note(event)
            self.callbacks.on_report(event.number, event.epoch, event.metrics)
        elif event.number not in self.running:
            return  # of no job that was asked for
        elif event.is_machine_fault and self.attempts[event.number] < self.options.retries:
            self._retry(event)
        else:
            self._conclude(event)

    def _judge(self, report: Report) -> bool:
        self._note(report)
        return self.scheduler.judge(report)

    def _note(self, report: Report) -> None:
        """Records a report, as far as it tells of the main objective."""
        value = report.metrics.get(next(iter(self.record.directions)))
        if isinstance(value, (int, float)):
            self.record.report(report.number, report.epoch, value)

    def _retry(self, event: Finished) -> None:
        self.attempts[event.number] += 1
        why = ": ".join(event.failure or ())
        self.callbacks.on_note(f"trial {event.number} runs again: {why}")
        self.executor.submit(self.running[event.number])

    def _conclude(self, event: Finished) -> None:
        """Finishes an original, and those that waited for it."""
        trial = self.record.entries[event.number].trial
        result = result_of(event)
        constraints = self.options.constraints
        done = finish_trial(trial, result, self.record.directions, event.seconds, constraints)
        done = self.scheduler.conclude(done, result.checkpoint)
        keep = self.options.keep
        if keep is not None and result.weights is not None and done.state is TrialState.COMPLETE:
            keep(done, result.weights)
        done = self._finish(done)
        del self.running[event.number]
        self.spent += len(self.record.entries[event.number].tellings) == 1
        for number in self.known.release(event.number):
            self._finish(repeat_trial(self.record.entries[number].trial, done))
        self._close(self.left)

    def _close(self, left: float) -> None:
        """Gives up trials that will not go on."""
        for number, reason in self.scheduler.close(left).items():
            self.record.close_trial(replace(self.record.entries[number].trial, reason=reason))

    def _finish(self, trial: Trial) -> Trial:
        is_open = self.scheduler.is_open(trial.number)
        done = self.record.finish(trial, self.elapsed, is_open=is_open)
        self._tell(done)
        return done

    def _tell(self, trial: Trial) -> None:
        self.searcher.tell(trial)
        self.callbacks.on_trial(trial)

    def _cancel(self) -> None:
        for number in list(self.running):
            self.executor.cancel(number)

    def _explain(self, reason: StopReason) -> str:
        if reason is StopReason.TRIALS:
            return f"the budget of {_counted(self.budget.trials or 0)} is spent"
        if reason is StopReason.HOURS:
            return f"the budget of {self.budget.hours:g} hours is spent"
        if reason is StopReason.INTERRUPTED:
            return f"interrupted; under way and run again on resume: {_counted(len(self.running))}"
        if self.untried.is_nothing(self.known):
            number = self.known.originals
            return (
                f"all {number} networks were tried" if number != 1 else "the one network was tried"
            )
        return (
            f"nothing new is left: {self.known.in_a_row} proposals in a row repeated one of the "
            f"{self.known.originals} architectures seen"
        )


def _counted(trials: int) -> str:
    return f"{trials} trial{'' if trials == 1 else 's'}"
