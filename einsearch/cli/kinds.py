"""What an argument names: a grammar, a search space, a run or data; and what to say to one that a
command does not take."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Final

from einsearch.cli.output import WrongCall
from einsearch.errors import EinsearchError
from einsearch.files import expanded
from einsearch.recipe.places import ARRAYS, TABLES, looks_like_data
from einsearch.resources import find_resource
from einsearch.shown import command, shown_line

_READ: Final = 64 * 1024
"""Bytes of a file that are looked at."""

_SPACE_KEY: Final = re.compile(r"^(grammar|task|version)\s*:", re.MULTILINE)
_RULE: Final = re.compile(r"^\s*(language\s+\d|start\s+\w+\s*$|\w+(\([^)]*\))?\s*=)", re.MULTILINE)


class Kind(StrEnum):
    """What a file or folder is."""

    GRAMMAR = "a grammar"
    SPACE = "a search space"
    RUN = "a run"
    DATA = "data"


def kind_of(source: str) -> Kind | None:
    """What a path or the name of a packaged file is; None where it is none of these.

    A file is what its suffix says, or else what its text looks like.
    """
    path = expanded(source)
    try:
        if path.is_dir():
            from einsearch.study.folder import VERSIONS

            if (path / VERSIONS).is_file():
                return Kind.RUN
            return Kind.DATA if looks_like_data(path) else None
        if path.is_file():
            return _kind_of_file(path)
    except (OSError, ValueError, EinsearchError):  # too long, or no path
        return None
    folders = ((Kind.GRAMMAR, "grammars", ".ein"), (Kind.SPACE, "search_spaces", ".yaml"))
    named = (kind for kind, folder, suffix in folders if _is_packaged(folder, source, suffix))
    return next(named, None)


def _is_packaged(folder: str, source: str, suffix: str) -> bool:
    try:
        return find_resource(folder, source, suffix) is not None
    except (OSError, ValueError):
        return False


def _kind_of_file(path: Path) -> Kind | None:
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return Kind.SPACE
    if suffix in (*TABLES, *ARRAYS):
        return Kind.DATA
    with path.open("rb") as file:
        read = file.read(_READ)
    if b"\0" in read:
        return None
    text = read.decode("utf-8", errors="replace")
    if _SPACE_KEY.search(text) and not _RULE.search(text):
        return Kind.SPACE
    return Kind.GRAMMAR if suffix == ".ein" or _RULE.search(text) else None


def refuse_other(source: str, wanted: Kind) -> None:
    """Says what a source is where a command takes another kind, and what takes it.

    Args:
        source: as the user gave it.
        wanted: what the command takes. A packaged name may be of both kinds, and passes.

    Raises:
        WrongCall: it is of another kind.
    """
    found = kind_of(source)
    if found is None or found is wanted:
        return
    both = {Kind.GRAMMAR: ("grammars", ".ein"), Kind.SPACE: ("search_spaces", ".yaml")}
    if wanted in both and not Path(source).exists():
        folder, suffix = both[wanted]
        if find_resource(folder, source, suffix) is not None:
            return
    raise WrongCall(f"{shown_line(source)} is {found}: {way(source, found, wanted)}")


def way(source: str, found: Kind, wanted: Kind | None = None) -> str:
    """What takes a source of that kind."""
    if found is Kind.SPACE:
        checks = command(["einsearch", "check", source])
        return f"{command(['einsearch', 'search', source])} searches it, {checks} checks it"
    if found is Kind.RUN:
        return f"{command(['einsearch', 'trials', source])} lists its trials"
    if found is Kind.DATA:
        searched = command(["einsearch", "search", source])
        return f"{searched} finds a network for them"
    checks = f"{command(['einsearch', 'check', source])} checks it"
    if wanted is not Kind.SPACE:
        return f"{checks}, {command(['einsearch', 'sample', source])} draws networks from it"
    return f"{checks}; a search takes a file with the lines grammar: {source} and task: ..."
