"""What to say to a command line that cannot be read, beside what is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from einsearch.cli.kinds import kind_of, way
from einsearch.recipe.places import SUFFIXES
from einsearch.resources import resource_names
from einsearch.shown import command, quoted

MOST_NAMED: Final = 5
"""So many runs are named."""

_COMMAND: Final = re.compile(r"No such command '(.*?)'\.", re.DOTALL)
_EXTRA: Final = re.compile(r"unexpected extra arguments? ?(?:\(s\))? ?\((\d+)\)")
_MISSING: Final = re.compile(r"Missing argument '(\w+)")


def advice(error: Any, message: str) -> str:
    """A sentence on what to type instead; empty where there is none.

    Args:
        error: of the command line, as Typer raises it.
        message: what it says.
    """
    context = getattr(error, "ctx", None)
    option = getattr(error, "option_name", None)
    if option and context is not None:
        return _of_option(option, context)
    if found := _COMMAND.search(message):
        return _of_word(found.group(1))
    if (found := _EXTRA.search(message)) and context is not None:
        return _of_number(found.group(1), context)
    found = _MISSING.search(message)
    return _of_missing(found.group(1).upper()) if found else ""


def _of_option(option: str, context: Any) -> str:
    """Which commands have an option that this one has not."""
    group = context.find_root().command
    names = [
        name
        for name, known in getattr(group, "commands", {}).items()
        if any(option in parameter.opts for parameter in known.params)
    ]
    if not names:
        return ""
    if context.parent is None:
        example = f"einsearch {names[0]} ... {option}"
        return f"{option} is an option of commands, and stands after the command: {example}"
    others = [name for name in names if name != context.command.name]
    return f"{option} is an option of {', '.join(others)}" if others else ""


def _of_word(word: str) -> str:
    """What a word is where a command was expected."""
    kind = kind_of(word)
    return "" if kind is None else f"{quoted(word)} is {kind}: {way(word, kind)}"


def _of_number(number: str, context: Any) -> str:
    """How a trial is named."""
    run = next((value for value in context.params.values() if value is not None), None)
    if context.command.name in ("best", "trials", "report") and run is not None:
        return f"One trial is told by: {command(['einsearch', 'explain', f'{run}:{number}'])}"
    return f"A trial is named beside its run: RUN:{number}"


def _of_source() -> str:
    """What a search can start from."""
    found = sorted(path for path in Path().iterdir() if path.suffix.lower() in SUFFIXES)
    here = [quoted(path) for path in found][:MOST_NAMED]
    names = [name for name in resource_names("search_spaces", ".yaml") if "/" not in name]
    return "\n".join(
        [
            "Data are enough:",
            "  einsearch search houses.csv --target price --minutes 10",
            "  einsearch search arrays.npz          train_x and train_y, or x and y",
            "  einsearch search folder              of .npy files",
            *([f"Data here: {', '.join(here)}"] if here else []),
            f"A file of yours, or a packaged one: {', '.join(names)}",
        ]
    )


def _of_missing(name: str) -> str:
    """What could stand where an argument is missing."""
    if name == "RUN":
        found = sorted(path.parent for path in Path("runs").glob("*/versions.json"))
        runs = [quoted(path) for path in found][-MOST_NAMED:]
        return f"Runs here: {', '.join(runs)}" if runs else "`einsearch search digits` makes one"
    if name == "SOURCE":
        return _of_source()
    folders = {"SPACE": ("search_spaces", ".yaml"), "GRAMMAR": ("grammars", ".ein")}
    if name not in folders:
        return ""
    names = [found for found in resource_names(*folders[name]) if "/" not in found]
    return f"A file of yours, or a packaged one: {', '.join(names)}"
