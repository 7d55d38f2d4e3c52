"""The column `ours`: `einsearch search` as a new user calls it, with data and minutes alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from outcome_parts.figures import Figure, of_search
from outcome_parts.sets import Data, Layout

OPTIONS: Final[dict[Layout, tuple[str, ...]]] = {
    "series": ("--layout", "tokens", "--set", "task.channels=first"),
    "images": (),
    "tables": (),
    "text": (),
}
"""What a user has to say of the data, since their arrays could be understood in two ways."""
_GRACE: Final = 120.0
"""Seconds after twice its budget that a search may take before it is killed."""


class NoResult(Exception):
    """A search ended without a network, or not in time."""


def command(
    data: Data, path: Path, seed: int, minutes: float, settings: Mapping[str, Any], run: Path
) -> list[str]:
    """The search of a set, with nothing but data and minutes, and what is set beside them.

    Args:
        data: the set.
        path: its file.
        seed: of the search.
        minutes: the budget.
        settings: further entries of its space file: {"searcher": "random", "final.seeds": 3}.
        run: its run folder, new.
    """
    found = [sys.executable, "-m", "einsearch", "search", str(path), *OPTIONS[data.layout]]
    found += ["--minutes", f"{minutes:g}", "--seed", str(seed), "--run", str(run), "--json"]
    for place, value in settings.items():
        is_option = place == "searcher"
        found += ["--searcher", value] if is_option else ["--set", f"{place}={json.dumps(value)}"]
    return found


def searched(
    data: Data, seed: int, minutes: float, settings: Mapping[str, Any], work: Path
) -> tuple[Figure, dict[str, Any]]:
    """The test figure of what a search hands over, and what else is worth knowing of it.

    Raises:
        NoResult: there is no figure; the message says why.
    """
    path = data.write(work)
    called = command(data, path, seed, minutes, settings, work / "run")
    limit = 2 * 60 * minutes + _GRACE
    try:
        done = subprocess.run(called, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise NoResult(f"killed after {limit:.0f} s") from None
    if not done.stdout.strip():
        raise NoResult(done.stderr.strip()[-300:] or f"exit status {done.returncode}")
    found = json.loads(done.stdout)
    figure = handed_over(data, work / "run")
    if figure is None:
        told = " ".join(done.stderr.split())[-300:]
        raise NoResult(f"no test figure; trials: {found.get('states')}; it said: {told}")
    return figure, {"trials": found["trials"], "network": found["best"]["text"]}


def handed_over(data: Data, run: Path) -> Figure | None:
    """The test figure of what a run hands over: of its ensemble, or of its best network; None
    where nothing was tested."""
    path = run / "final.json"
    final = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    ensemble = final.get("ensemble") or {}
    value = ensemble.get("test", {}).get(data.metric)
    if value is not None:
        return of_search(data, value, ensemble.get("interval", {}).get(data.metric))
    networks = final.get("networks") or [{}]
    found = networks[0].get("test", {}).get(data.metric)
    return None if found is None else of_search(data, found["mean"])
