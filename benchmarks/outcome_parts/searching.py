"""The column `ours`: `einsearch search` as a new user calls it, with data and minutes alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from einsearch.resources import resource_names
from outcome_parts.figures import Figure, of_search
from outcome_parts.sets import Data, Layout

GRAMMARS: Final[dict[Layout, tuple[str, ...]]] = {
    "series": ("series",),
    "images": ("images", "vision"),
    "tables": ("tables", "kan"),
    "text": ("characters",),
}
"""Packaged grammars by layout; the first that this version has."""
OPTIONS: Final[dict[Layout, dict[str, Any]]] = {
    "series": {"name": "arrays", "layout": "tokens", "channels": "first"},
    "images": {"name": "arrays", "layout": "image", "channels": "first"},
    "tables": {"name": "arrays", "layout": "vector"},
    "text": {"name": "characters"},
}
"""What the task is told of the data."""
_GRACE: Final = 120.0
"""Seconds after twice its budget that a search may take before it is killed."""


class NoResult(Exception):
    """A search ended without a network, or not in time."""


def space(data: Data, path: Path, minutes: float, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The search-space file of a set: task and budget, and what is set beside them.

    Args:
        data: the set.
        path: its file.
        minutes: the budget.
        settings: further entries by their place: {"searcher": "random", "final.seeds": 3}.
    """
    known = resource_names("grammars", ".ein")
    found: dict[str, Any] = {
        "version": 1,
        "grammar": next(name for name in GRAMMARS[data.layout] if name in known),
        "task": {**OPTIONS[data.layout], "path": str(path)},
        "budget": {"minutes": minutes},
    }
    if data.kind == "number":
        found["task"]["regression"] = True
    for place, value in settings.items():
        *sections, last = place.split(".")
        section = found
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
    return found


def searched(
    data: Data, seed: int, minutes: float, settings: Mapping[str, Any], work: Path
) -> tuple[Figure, dict[str, Any]]:
    """The test figure of what a search hands over, and what else is worth knowing of it.

    Raises:
        NoResult: there is no figure; the message says why.
    """
    path = data.write(work)
    file = work / "space.yaml"
    file.write_text(yaml.safe_dump(space(data, path, minutes, settings)), encoding="utf-8")
    command = [sys.executable, "-m", "einsearch", "search", str(file), "--json"]
    command += ["--seed", str(seed), "--run", str(work / "run")]
    limit = 2 * 60 * minutes + _GRACE
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise NoResult(f"killed after {limit:.0f} s") from None
    if not done.stdout.strip():
        raise NoResult(done.stderr.strip()[-300:] or f"exit status {done.returncode}")
    found = json.loads(done.stdout)
    try:
        value = found["final"]["test"][data.metric]["mean"]
    except (KeyError, TypeError):
        told = " ".join(done.stderr.split())[-300:]
        raise NoResult(f"no test figure; trials: {found.get('states')}; it said: {told}") from None
    best = found["best"]
    return of_search(data, value), {"trials": found["trials"], "network": best["text"]}
