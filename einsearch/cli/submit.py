"""`einsearch search --submit`: a search that runs on a cluster by itself, seen from here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from einsearch.cli.terminal import say, say_part
from einsearch.resources import install_hint

if TYPE_CHECKING:
    from einsearch.study.ray.jobs import Submitted


class OnInterrupt(StrEnum):
    """What Ctrl-C does to a search that was submitted."""

    DETACH = "detach"
    STOP = "stop"


def submit_search(
    address: str,
    space: Path,
    run: str | None,
    changes: Mapping[str, Any],
    on_interrupt: OnInterrupt,
) -> None:
    """Submits a search, and shows what it prints until it ends.

    Args:
        address: of the cluster's dashboard.
        space: the search-space file.
        run: run folder on the head; None for one named after the space and the time.
        changes: in place of what the file says.
        on_interrupt: what Ctrl-C does.
    """
    from einsearch.errors import EinsearchError
    from einsearch.study.plan import changed_file
    from einsearch.study.spacefile import load_space_file

    try:
        from einsearch.study.ray.jobs import submit
    except ModuleNotFoundError as error:
        raise EinsearchError(
            f"--submit needs {error.name}, which is not installed: {install_hint('ray')}"
        ) from None
    where = {"executor": "ray", "address": "auto"}
    chosen = {name: value for name, value in changes.items() if value is not None}
    file = changed_file(load_space_file(space), {**where, **chosen})
    job = submit(address, file, run or f"{space.stem}-{datetime.now():%Y%m%d-%H%M%S}")
    say(f"Submitted as {job.number}; its run folder is {job.run}", error=True)
    _follow(job, on_interrupt)


def _follow(job: Submitted, on_interrupt: OnInterrupt) -> None:
    from einsearch.study.ray.jobs import follow, stop

    try:
        is_well = follow(job, say_part)
    except KeyboardInterrupt:
        if on_interrupt is OnInterrupt.STOP:
            stop(job)
            say("The search was told to stop; its run folder stays.", error=True)
            raise typer.Exit(1) from None
        say(_how_to_return(job), error=True)
        raise typer.Exit(0) from None
    if not is_well:
        raise typer.Exit(1)


def _how_to_return(job: Submitted) -> str:
    return (
        "The search goes on.\n"
        f"  ray job logs --address {job.address} --follow {job.number}    watch it\n"
        f"  ray job stop --address {job.address} {job.number}             stop it"
    )
