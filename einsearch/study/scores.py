"""How values of a run are written for people: what its search-space file says decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from einsearch.errors import EinsearchError
from einsearch.numbers import Scores
from einsearch.study.yamltext import read_yaml
from einsearch.tasks.base import SHARES


def scores_of(path: Path) -> Scores:
    """For the search of a search-space file: shares of examples are in per cent where einsearch
    trains; numbers of an objective of the user's are its own, as where the file cannot be read."""
    try:
        return _scores_for(read_yaml(path.read_text(encoding="utf-8"), str(path)).data)
    except (OSError, UnicodeDecodeError, EinsearchError):
        return Scores()


def _scores_for(data: Any) -> Scores:
    task = data.get("task") if isinstance(data, dict) else None
    has_objective = task is None or (isinstance(task, dict) and "objective" in task)
    return Scores() if has_objective else Scores(SHARES)
