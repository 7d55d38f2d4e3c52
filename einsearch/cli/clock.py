"""When the program was started: the minutes of a budget count from there, imports included."""

from __future__ import annotations

import time

_STARTED: list[float] = []


def start() -> None:
    """Says that this process runs the program, and nothing else."""
    from einsearch.evaluate.machine import process_began

    _STARTED[:] = [process_began()]


def started() -> float:
    """`time.monotonic()` of the start of the program; now, where another program calls it."""
    return _STARTED[0] if _STARTED else time.monotonic()
