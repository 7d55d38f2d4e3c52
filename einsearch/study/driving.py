"""`go_on`: drives a run from where it stands to its end: search, learned grammar, full training."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from einsearch.errors import EinsearchError
from einsearch.evaluate.machine import held_to, share_alone
from einsearch.searchers.registry import make_searcher
from einsearch.study.baselines import finish_baselines, score_baselines, seconds_of_tests
from einsearch.study.checkpoints import CheckpointStore
from einsearch.study.dashboard import ShownParameters
from einsearch.study.events import Callbacks, StopReason, StudyEnd
from einsearch.study.executor import Executor
from einsearch.study.finishing import finish_run
from einsearch.study.folder import RunFolder
from einsearch.study.learned import keep_learned
from einsearch.study.loop import run_study
from einsearch.study.objective import decisions_payload, derivation_payload, program_payload
from einsearch.study.opening import drive
from einsearch.study.options import Options, Payload
from einsearch.study.orders import by_executor
from einsearch.study.places import find_place
from einsearch.study.plan import Plan
from einsearch.study.planning.spending import add_spent, read_spent
from einsearch.study.pruning import make_scheduler
from einsearch.study.record import Record
from einsearch.study.run import Run, open_run
from einsearch.study.weights import WeightStore

STARTED = {"ray": "Ray", "local": "workers"}
"""What an executor starts before the first trial, by its name."""


@dataclass(frozen=True)
class Going:
    """What going on with a run changes in its folder.

    Attributes:
        files: texts that take the place of its files.
        objective: that it imports, if any.
        trusts: whether the user trusts a folder that came from elsewhere.
    """

    files: Mapping[str, str]
    objective: str | None
    trusts: bool = False


def go_on(
    plan: Plan,
    folder: RunFolder | None,
    callbacks: Callbacks,
    storage: str | None,
    began: float,
    going: Going | None = None,
) -> Run:
    """Drives a run to its end.

    Args:
        plan: what is searched, and how.
        folder: of the run; None keeps it in memory, or in `storage`.
        callbacks: are told what happens.
        storage: URL of the record's storage, where there is no folder to name it.
        began: `time.monotonic()` from which the minutes of the budget count.
        going: of a run that was begun before; None for a new one.

    Raises:
        EinsearchError: it cannot go on. Nothing that was recorded is lost.
    """
    with _vanishing(folder):
        driving = drive(folder, plan.directions, storage, is_begun=going is not None)
    read = () if plan.task is None else (plan.task.summary, *plan.task.reading.notes)
    for note in (*driving.notes, *read, *plan.notes):
        callbacks.on_note(note)
    with driving if folder is not None else nullcontext():
        if folder is not None and going is not None:
            for name, text in going.files.items():
                folder.write(name, text.encode())
            folder.settle(going.objective, trusts=going.trusts)
        with _vanishing(folder, driving.record):
            store = _checkpoints(plan, folder)
            if not plan.is_inline:
                callbacks.on_stage(f"starting {STARTED.get(plan.executor_name, 'workers')}")
            executor = plan.executor(folder)
            try:
                if folder is not None:
                    score_baselines(plan, folder, executor, callbacks)
                end = _study(plan, driving.record, folder, executor, store, callbacks, began)
                if plan.outline is not None:
                    add_spent(driving.record, calibration=plan.outline.seconds)
            except BaseException:
                executor.close()
                raise
        try:
            run = Run(driving.record, folder)
            if folder is not None:
                keep_learned(plan, driving.record, folder, callbacks)
            if end.reason is not StopReason.INTERRUPTED:
                _finish(plan, run, executor, folder, callbacks, began)
        finally:
            executor.close()
    return run if folder is None else open_run(folder.path, folder.given_storage)


@contextmanager
def _vanishing(folder: RunFolder | None, record: Record | None = None) -> Iterator[None]:
    """Takes back the folder of a new search that cannot make its first trial, so that the same
    command works once the mistake is mended."""
    try:
        yield
    except EinsearchError:
        if folder is not None and (record is None or not record.entries):
            folder.discard()
        raise


def _checkpoints(plan: Plan, folder: RunFolder | None) -> CheckpointStore:
    url = None if plan.epochs is None else plan.epochs[0].checkpoints
    return CheckpointStore(find_place(folder, url))


def _study(
    plan: Plan,
    record: Any,
    folder: RunFolder | None,
    executor: Executor,
    checkpoints: CheckpointStore,
    callbacks: Callbacks,
    began: float,
) -> StudyEnd:
    store = None if folder is None else WeightStore(folder, plan.directions, record.trials)
    epochs, full = plan.epochs or (None, 0)
    limits = None if plan.file is None else asdict(plan.file.limits)
    shown = ShownParameters(plan.grammar, limits)
    options = Options(
        seed=plan.seed,
        constraints=plan.constraints,
        scheduler=make_scheduler(epochs, full, plan.directions, checkpoints),
        retries=plan.retries,
        callbacks=callbacks,
        payload=_payload(plan),
        keep=None if store is None else store.offer,
        gate=plan.gate,
        spent=time.monotonic() - began,
        shown=lambda trial, derivation: shown.of(trial, derivation.program),
    )
    searcher = partial(make_searcher, plan.searcher, plan.space, plan.seed)
    return run_study(searcher, executor, record, plan.budget, options)


def _finish(
    plan: Plan,
    run: Run,
    executor: Executor,
    folder: RunFolder | None,
    callbacks: Callbacks,
    began: float,
) -> None:
    """The full training, inside what is left of the budget and of the machine's memory. A run that
    is resumed after its time was up gets as much as was planned for it."""
    file, task = plan.file, plan.task
    if file is None or task is None or folder is None:
        return
    times, now = plan.gate.times, time.monotonic()
    until = math.inf
    if times is not None:
        before = read_spent(run.record).total - (now - began)
        until = max(began + times.total - times.closing - max(0.0, before), now + 0.5 * times.final)
    carry = by_executor(executor)
    with held_to(share_alone()):
        kept_free = seconds_of_tests(folder, task)
        early = until - kept_free
        finish_run(run, file, task, folder, callbacks, early, carry, executor.capacity)
        if file.final.top:
            finish_baselines(folder, task, min(until, time.monotonic() + 2 * kept_free))
    add_spent(run.record, final=time.monotonic() - now)


def _payload(plan: Plan) -> Payload:
    """What jobs carry: a task wants the network, an objective of the user's the derivation."""
    if plan.task is not None:
        return program_payload
    return derivation_payload if plan.is_inline else decisions_payload
