"""Objectives that leave a line in a ledger whenever an evaluation begins or ends."""

from __future__ import annotations

import os
import signal
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

LEDGER: Final = "EINSEARCH_TEST_LEDGER"
"""Environment variable of a cluster's processes: the ledger's path."""
SECONDS: Final = 0.15
"""That an evaluation takes."""


@dataclass(frozen=True)
class Entry:
    """A line of the ledger: what happened, in which process, supervised by which."""

    event: str
    process: int
    supervisor: int
    text: str


def score(text: str) -> float:
    return zlib.crc32(text.encode()) / 2**32


def slow(derivation: Any) -> float:
    """Takes its time."""
    note("begin", derivation.text)
    time.sleep(SECONDS)
    note("end", derivation.text)
    return score(derivation.text)


def poisonous(derivation: Any) -> float:
    """Takes its process along for one architecture in four."""
    note("begin", derivation.text)
    if score(derivation.text) < 0.25:
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(60)
    return score(derivation.text)


def note(event: str, text: str) -> None:
    line = f"{event}\t{os.getpid()}\t{os.getppid()}\t{text}\n"
    ledger = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(ledger, line.encode())  # in one piece, whoever else writes
    os.close(ledger)


def read_ledger(path: Path) -> list[Entry]:
    """All entries so far, in order."""
    if not path.exists():
        return []
    lines = path.read_text().splitlines()
    fields = [line.split("\t") for line in lines]
    return [Entry(event, int(pid), int(parent), text) for event, pid, parent, text in fields]
