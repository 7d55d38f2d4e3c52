"""Parts that other packages add by entry points: primitives, searchers, tasks, export formats."""

from __future__ import annotations

import inspect
import logging
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from einsearch.errors import EinsearchError
from einsearch.shown import shown_line

_LONGEST = 300
"""Characters of a reason."""

_failed: dict[str, str] = {}


class RegistrationError(EinsearchError, ValueError):
    """A class or function that cannot be made known; the message says what it lacks."""


def load_plugins(group: str) -> None:
    """Imports the entry points of a group, which register themselves.

    One that cannot be imported is told of by one line of the logger `einsearch`, which goes to
    standard error unless the program says otherwise; everything else works.
    """
    for entry in entry_points(group=group):
        try:
            entry.load()
        except (Exception, SystemExit) as error:  # whatever code of others does
            _failed[entry.name] = _reason(entry, error)
            logging.getLogger("einsearch").warning("%s", shown_line(_failed[entry.name]))


def lost_plugin(name: str) -> str | None:
    """Why the plug-in of that name could not be loaded; None where there is none."""
    return _failed.get(name)


def check_class(what: str, cls: Any, base: type) -> None:
    """Checks a class that is to be registered.

    Args:
        what: "primitive", for messages.
        cls: the class.
        base: what it must derive from.

    Raises:
        RegistrationError: it is no such class, has no name, or lacks methods.
    """
    if not inspect.isclass(cls) or not issubclass(cls, base):
        raise RegistrationError(
            f"{cls!r} is no {what}: expected a class that extends {base.__name__}"
        )
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not name.replace("-", "_").isidentifier():
        raise RegistrationError(
            f'the {what} {cls.__qualname__} has the name {name!r}: give it one, name = "mine"'
        )
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        raise RegistrationError(
            f"the {what} {name} ({cls.__qualname__}) lacks {', '.join(missing)}: see "
            f"{base.__module__}.{base.__name__}"
        )


def is_same(one: Any, other: Any) -> bool:
    """Whether two classes or functions are one definition, executed once more."""
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def _reason(entry: EntryPoint, error: BaseException) -> str:
    found = " ".join(f"{type(error).__name__}: {error}".split())
    cut = found if len(found) <= _LONGEST else f"{found[: _LONGEST - 3]}..."
    package = (
        "" if entry.dist is None else f" of the package {entry.dist.name} {entry.dist.version}"
    )
    named = f"{entry.name} = {entry.value}{package}"
    return f"the plug-in {named} cannot be loaded, and is left out: {cut}"
