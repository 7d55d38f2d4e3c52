"""How worker processes are started: from a server that has imported everything already.

A new interpreter takes seconds to import PyTorch. So the first worker starts a server that does,
and every worker is a copy of it, which takes milliseconds; it shares the memory of the imports with
all others, too. The server holds no data, runs no candidate, and ends with its driver.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

PRELOADED: Final = ("einsearch.study.worker", "einsearch.study.objective")
"""What every worker needs."""

TRAINING: Final = (
    "einsearch.study.training",
    "einsearch.evaluate.candidate",
    "einsearch.study.warm",
    "sklearn.metrics",
)
"""What workers that train candidates need as well: PyTorch above all."""

_ALONE: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""A process that is to be copied has no threads of numerical libraries, which copies lack."""


def has_server() -> bool:
    """Whether workers are copies of a server: where copying a process is safe."""
    return sys.platform == "linux"


def start_server(*, trains: bool) -> None:
    """Starts the server, if there is none, and does not wait for it.

    Args:
        trains: whether workers will train candidates.
    """
    if not has_server():
        return
    from multiprocessing import forkserver

    wanted = [*PRELOADED, *(TRAINING if trains else ())]
    multiprocessing.set_forkserver_preload(wanted)
    with _environment(_ALONE):
        forkserver.ensure_running()


def worker_context() -> Any:
    """What starts a worker: a context of multiprocessing."""
    if not has_server():
        return multiprocessing.get_context("spawn")
    start_server(trains="torch" in sys.modules)
    return multiprocessing.get_context("forkserver")


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
