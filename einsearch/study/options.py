"""`Options`: how a study runs, beside its searcher, executor, record and budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from einsearch.study.dashboard import Shown
from einsearch.study.describing import Describe, describe
from einsearch.study.events import Callbacks
from einsearch.study.objective import decisions_payload
from einsearch.study.planning.gate import Gate
from einsearch.study.scheduling import Scheduler
from einsearch.trial import Trial

MAX_DUPLICATES: Final = 300
"""So many proposals in a row that repeat earlier ones end a search: nothing new is left, or the
searcher does not find it."""

MAX_LATE: Final = 5
"""So many proposals in a row for which the time does not suffice any more end a search."""

Payload = Callable[[Trial, Any | None], Mapping[str, Any]]
"""Of a trial's job, from the trial and its derivation; the latter is None after an interruption."""

Keep = Callable[[Trial, Mapping[str, Any], Any], None]
"""Is offered the weights of a finished trial before the record has it."""


@dataclass(frozen=True)
class Options:
    """What a user may set.

    Attributes:
        seed: of the run; trials get theirs from it and their number.
        constraints: name of a value or cost -> upper bound.
        scheduler: deals out epochs; a new one for every call.
        retries: how often a trial runs again after a failure that may be the machine's.
        callbacks: are told what happens.
        describe: gives the hash of a derivation, by which duplicates are known, and its costs.
        payload: what jobs carry beside text and seed.
        keep: takes the weights of complete trials, and what they answered.
        shown: gives the parameters of a trial for Optuna's dashboard.
        max_duplicates: see `MAX_DUPLICATES`.
        clock: seconds, for a budget of time.
        gate: says which candidates may begin, and how long they may take.
        spent: seconds of this session before the study, which the budget counts.
    """

    seed: int = 0
    constraints: Mapping[str, float] = field(default_factory=dict)
    scheduler: Scheduler = field(default_factory=Scheduler)
    retries: int = 0
    callbacks: Callbacks = field(default_factory=Callbacks)
    describe: Describe = describe
    payload: Payload = decisions_payload
    keep: Keep | None = None
    shown: Callable[[Trial, Any], Shown] = lambda trial, derivation: {}
    max_duplicates: int = MAX_DUPLICATES
    clock: Callable[[], float] = time.monotonic
    gate: Gate = field(default_factory=Gate)
    spent: float = 0.0


def with_spare(capacity: int) -> int:
    """How many jobs are under way for so many workers.

    For every eight workers one more job waits, so that a worker which is free begins at once, and
    not after its result was recorded and a proposal made; that proposal knows a few results less.
    """
    return max(1, capacity + capacity // 8)
