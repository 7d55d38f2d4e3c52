"""`run_study`: ask, submit, record, tell, until the budget is spent. Asynchronous: whenever a
worker is free, a paused trial goes on or the searcher is asked, whatever is still under way.

What the searcher is asked and told, and in which order, is on the disk before it happens.
Stopped at any moment and run again, the study goes on from there: it rebuilds the searcher from
the record and evaluates again, under their numbers, the trials that were cut off.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

from einsearch.errors import RunError
from einsearch.primitives.program import Program
from einsearch.study.duplicates import Known, count_spent
from einsearch.study.ending import TIME_UP, explain_end
from einsearch.study.events import Budget, StopReason, StudyEnd
from einsearch.study.executor import Executor, Finished, Job, Report, Resized
from einsearch.study.exhausting import Untried
from einsearch.study.options import MAX_LATE, Options, with_spare
from einsearch.study.planning.spending import Spending, add_spent, read_spent
from einsearch.study.proposing import Proposer
from einsearch.study.record import Record
from einsearch.study.result import finish_trial, repeat_trial, result_of
from einsearch.study.resuming import MakeSearcher
from einsearch.study.scheduling import Promotion
from einsearch.trial import FailureKind, Trial, TrialState


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
        self.elapsed_before = max(record.elapsed, read_spent(record).total)
        self.began = options.clock() - options.spent
        self.gate = options.gate
        self.turned_down = self.late = 0
        self.clock = Spending(options.clock)
        self.running: dict[int, Job] = {}
        self.attempts: Counter[int] = Counter()

    @property
    def elapsed(self) -> float:
        """Seconds of searching, over all sessions."""
        return self.elapsed_before + self.options.clock() - self.began

    @property
    def seconds_left(self) -> float:
        """Until the search must have ended; infinite where it need not."""
        return min(self.budget.seconds, self.gate.search_end) - self.elapsed

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
        self._note_spending()
        self.callbacks.on_end(end)
        return end

    def _search(self) -> StopReason:
        self.callbacks.on_clock(self.elapsed)
        self.callbacks.on_start(self.record.trials, self.record.directions, self.budget)
        self.proposer = Proposer(self.make_searcher, self.record, self.known, self.options)
        self.untried = Untried(self.proposer.space, self.proposer.hash_of)
        if self.proposer.note:
            self.callbacks.on_note(self.proposer.note)
        self.scheduler.restore(self.record.entries)
        self.gate.learn_all(self.record.trials)
        self.executor.judge = self._judge if self.scheduler.judges else None
        for trial in self.record.trials:
            if not trial.state.is_finished:
                self._admit(trial, None)
        self._close(self.left)
        while (reason := self._fill()) is None or self.running:
            self._wait()
        self._close(-1)
        return reason

    def _wait(self) -> None:
        """Takes in what happens next; where the time is up before, ends what is under way."""
        left = self.seconds_left
        event = self.executor.next_finished(None if math.isinf(left) else max(0.0, left))
        self.clock.add(self.executor.capacity)
        if event is None and self.seconds_left <= 0:
            self._call_time()
        else:
            self._handle(event)

    def _fill(self) -> StopReason | None:
        """Promotes and proposes until every worker has a job, and some wait; why it cannot, if the
        search is to end."""
        while len(self.running) < with_spare(self.executor.capacity):
            reason = self._stop_reason()
            if reason is StopReason.TIME:
                return reason
            is_last = reason is not None and not self.running
            promotion = self.scheduler.promotion(is_last=is_last)
            if promotion is not None:
                self._promote(promotion)
            elif reason is not None:
                return reason
            else:
                self._propose()
        return None

    def _stop_reason(self) -> StopReason | None:
        """Why no other trial may begin."""
        if self.seconds_left <= 0 or self.late >= MAX_LATE:
            return StopReason.TIME
        if self.left == 0:
            return StopReason.TRIALS
        return StopReason.EXHAUSTED if self._is_exhausted() else None

    def _is_exhausted(self) -> bool:
        """Whether all networks were tried, or the searcher finds no other."""
        if self.turned_down >= self.options.max_duplicates or self.proposer.is_over:
            return True
        if not self.known.in_a_row and not self.untried.looks_small():
            return False
        if self.known.originals and self.untried.is_nothing(self.known):
            return True
        return self.known.in_a_row >= self.options.max_duplicates

    def _promote(self, promotion: Promotion) -> None:
        """Lets a paused trial go on, or gives it up where the time does not suffice."""
        trial = self.record.entries[promotion.number].trial
        objection = self.gate.may_go_on(trial, promotion.budget, self.seconds_left)
        if objection:
            self.scheduler.drop(trial.number)
            self.record.close_trial(replace(trial, reason=f"{trial.reason}; {objection}"))
            return
        trial = self.record.promote(promotion.number, promotion.budget)
        self.callbacks.on_proposal(trial)
        self._submit(trial, None)

    def _propose(self) -> None:
        made = self.proposer.next()
        if made is None:
            return
        trial, derivation = made
        trial = replace(trial, budget=self.scheduler.first_budget)
        shown = self.options.shown(trial, derivation)
        original = self._finished(self.known.note(trial))
        if original is not None:
            repeated = repeat_trial(trial, original)
            done = self.record.propose_finished(repeated, self.elapsed, shown)
            self._tell(done)
            return
        verdict = self.gate.judge(trial, program_of(derivation), self.seconds_left)
        trial = replace(trial, metrics={**trial.metrics, **verdict.metrics})
        self.turned_down = self.turned_down + 1 if verdict.reason else 0
        # Others that are too slow at any time say nothing about the rest of this one.
        self.late = self.late + int(verdict.is_late) if verdict.reason else 0
        if verdict.reason:
            turned_down = replace(trial, state=TrialState.REJECTED, reason=verdict.reason)
            self.spent += 1
            self._tell(self.record.propose_finished(turned_down, self.elapsed, shown))
            return
        trial = self.record.propose(trial, shown)
        self.callbacks.on_proposal(trial)
        self._admit(trial, derivation)

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
        seconds = self.gate.allowed(trial, self.seconds_left)
        job = Job(trial.number, trial.text, trial.seed, trial.budget, carried, waits, seconds)
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
            keep(done, result.weights, result.answers)
        self._end(done)
        self._close(self.left)

    def _end(self, trial: Trial) -> None:
        """Records the result of what was under way, and that of those that waited for it."""
        done = self._finish(trial)
        # A new best may need less time in the end, and leave more for others.
        self.late = 0
        del self.running[trial.number]
        self.spent += len(self.record.entries[trial.number].tellings) == 1
        for number in self.known.release(trial.number):
            self._finish(repeat_trial(self.record.entries[number].trial, done))

    def _call_time(self) -> None:
        """The time is up: what is under way ends, with the values that it had before, if any."""
        for number in list(self.running):
            self.executor.cancel(number)
            entry = self.record.entries[number]
            if entry.tellings:
                before = entry.tellings[-1].trial
                self.scheduler.drop(number)
                self._end(replace(before, reason=f"{before.reason}; {TIME_UP}"))
            else:
                failure = (FailureKind.TIME_LIMIT, TIME_UP)
                self._conclude(Finished(number, None, failure, False, 0.0))

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
        self.proposer.tell(trial)
        self.gate.learn(trial)
        self.callbacks.on_trial(trial)
        self.clock.tell(trial)
        self.callbacks.on_spent(self.clock.share)

    def _cancel(self) -> None:
        for number in list(self.running):
            self.executor.cancel(number)

    def _explain(self, reason: StopReason) -> str:
        return explain_end(reason, self.budget, len(self.running), self._exhausted)

    def _exhausted(self) -> str:
        if self.turned_down >= self.options.max_duplicates:
            return (
                f"{self.turned_down} candidates in a row were turned down, the last one as "
                f"{self.record.trials[-1].reason}: give it more minutes, or set lower limits"
            )
        if self.proposer.is_over or self.untried.is_nothing(self.known):
            number = self.known.originals
            return (
                f"all {number} networks were tried" if number != 1 else "the one network was tried"
            )
        return (
            f"nothing new is left: {self.known.in_a_row} proposals in a row repeated one of the "
            f"{self.known.originals} architectures seen"
        )

    def _note_spending(self) -> None:
        self.clock.add(self.executor.capacity)
        search = self.elapsed - self.elapsed_before - self.options.spent
        spent = {"start": self.options.spent, "search": search, "workers": self.clock.workers}
        add_spent(self.record, **spent)


def program_of(derivation: Any) -> Program | None:
    """The program of a derivation; spaces of other things have none."""
    program = getattr(derivation, "program", None)
    return program if isinstance(program, Program) else None
