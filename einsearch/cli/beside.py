"""What the data of a run give without a search, as its summary shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from einsearch.cli.output import print_table
from einsearch.cli.terminal import say

if TYPE_CHECKING:
    from einsearch.study.run import Run


def print_beside(run: Run) -> None:
    """Simple models with their scores, and whether a network beats them; nothing where they were
    not asked for."""
    from einsearch.report.beside import beside

    found = beside(run)
    if found is None or not found.rows:
        return
    say()
    print_table(found.heads, found.cells(run.scores), 0)
    if verdict := found.verdict(run.scores):
        say()
        say(verdict)


def beside_as_json(run: Run) -> dict[str, Any] | None:
    """The same as JSON."""
    from einsearch.report.beside import beside

    found = beside(run)
    if found is None:
        return None
    return {
        "metric": found.metric,
        "network": found.network,
        "tested": found.tested,
        "is_beaten": found.is_beaten,
        "verdict": found.verdict(run.scores),
        "models": list(found.rows),
    }
