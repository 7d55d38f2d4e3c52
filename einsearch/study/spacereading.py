"""Plain data -> `SpaceFile`, with every mistake explained where it stands.

First the types, by pydantic, whose findings are put into the words of a user; then, in
`spacechecks.py`, what only the rest of einsearch knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from einsearch.errors import Location, SpaceFileError
from einsearch.evaluate.config import TrainingConfig
from einsearch.study import spacefile as sf
from einsearch.study.mistakes import expected_words, show
from einsearch.study.searchedtraining import SECTION, check_against, taken_apart
from einsearch.study.seeding import KINDS, EarlierRun
from einsearch.study.spacechecks import Checks, Locate, advice
from einsearch.study.yamltext import Keys

_SECTIONS: Final[Mapping[str, type[BaseModel]]] = {
    "sampling": sf.SamplingSection,
    "limits": sf.LimitsSection,
    "training": TrainingConfig,
    "budget": sf.BudgetSection,
    "budget.epochs": sf.EpochsSection,
    "executor": sf.ExecutorSection,
    "trial": sf.TrialSection,
    "final": sf.FinalSection,
    "seeds": EarlierRun,
}
_SHORTHANDS: Final = ("task", "searcher", "executor")
"""Sections for which a name alone may stand."""
_NEEDED: Final = "every search space needs grammar and task"


def _nowhere(path: Keys, *, key: bool = False) -> None:
    return None


def build_space(data: Any, base: Path, locate: Locate = _nowhere) -> sf.SpaceFile:
    """A search space from what a file says.

    Args:
        data: plain data.
        base: folder that relative paths start from.
        locate: finds places for messages.

    Raises:
        SpaceFileError: what is wrong, where, and what was expected.
    """
    if not isinstance(data, dict):
        raise SpaceFileError(
            f"expected keys with values, found {show(data)}",
            locate(()),
            "such as: {grammar: einspace, task: {name: digits}}",
        )
    written = {
        key: {"name": value} if key in _SHORTHANDS and isinstance(value, str) else value
        for key, value in data.items()
    }
    domains: dict[str, str] = {}
    if SECTION in written:
        written[SECTION], domains = taken_apart(written[SECTION], locate)
    try:
        space = sf.SpaceFile.model_validate(written)
    except ValidationError as error:
        raise _explain(error, locate) from None
    space._base, space._searched = base, domains
    check_against(space.training, domains, locate)
    return Checks(space, written, locate).checked()


def _explain(error: ValidationError, locate: Locate) -> SpaceFileError:
    """The first mistake of the text, and how many there are."""
    mistakes = [_mistake(dict(details), locate) for details in error.errors()]
    mistakes.sort(key=lambda mistake: _place(mistake.location))
    first, others = mistakes[0], len(mistakes) - 1
    if not others:
        return first
    more = "and 1 more mistake" if others == 1 else f"and {others} more mistakes"
    hint = f"{first.hint}; {more}" if first.hint else more
    return SpaceFileError(first.message, first.location, hint)


def _place(location: Location | None) -> tuple[int, int]:
    return (location.line, location.column) if location else (0, 0)


def _mistake(details: Mapping[str, Any], locate: Locate) -> SpaceFileError:
    path: Keys = tuple(part for part in details["loc"] if part not in ("[key]", *KINDS))
    kind, found = details["type"], details["input"]
    name = ".".join(map(str, path))
    if kind == "extra_forbidden":
        section, key = ".".join(map(str, path[:-1])), str(path[-1])
        message = f"{section} has no key {key}" if section else f"there is no key {key}"
        return SpaceFileError(message, locate(path, key=True), advice(key, _known_keys(path[:-1])))
    if kind == "missing":
        hint = "such as {run: runs/earlier, best: 10}" if path[0] == "seeds" else _NEEDED
        return SpaceFileError(f"the key {name} is missing", locate(path[:-1]), hint)
    if kind == "value_error" and isinstance(found, dict):
        return SpaceFileError(f"{name}: {details['ctx']['error']}", locate(path))
    if kind == "value_error":
        expected = str(details["ctx"]["error"]).removeprefix("expected ")
    else:
        expected = expected_words(details)
    return SpaceFileError(f"{name} is {show(found)}: expected {expected}", locate(path))


def _known_keys(section: Keys) -> Iterable[str]:
    name = ".".join(part for part in section if isinstance(part, str))
    model = _SECTIONS[name] if name else sf.SpaceFile
    return model.model_fields
