"""The command that lists searchers."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from einsearch.cli.options import JsonOption
from einsearch.cli.output import WrongCall, print_json, print_table
from einsearch.cli.terminal import say

if TYPE_CHECKING:
    from einsearch.searchers.base import Searcher


def searchers(
    name: Annotated[str, typer.Argument(help="Only this one, with all it says.")] = "",
    json: JsonOption = False,
) -> None:
    """List the searchers, with the options that a search-space file may give them.

    Example: [cyan]einsearch searchers evolution[/]
    """
    from einsearch.errors import SearcherError
    from einsearch.searchers.registry import DEFAULT_SEARCHER, all_searchers, check_searcher

    known = all_searchers()
    if name:
        try:
            check_searcher(name)
        except SearcherError as error:
            raise WrongCall(str(error)) from None
        known = {name: known[name]}
    if json:
        print_json([describe_searcher(key, searcher) for key, searcher in known.items()])
    elif name:
        say(inspect.getdoc(known[name]))
        print_options(name)
    else:
        rows = [
            (f"{key} (default)" if key == DEFAULT_SEARCHER else key, first_line(searcher))
            for key, searcher in known.items()
        ]
        print_table(("searcher", "what it does"), rows)


def print_options(name: str) -> None:
    """Prints a table of options, and how they are given."""
    rows = [(key, kind, show(default)) for key, kind, default in options_of(name)]
    if not rows:
        return
    say()
    print_table(("option", "takes", "default"), rows)
    key, _, default = rows[0]
    say(f"\nIn a search-space file: searcher: {{name: {name}, {key}: {default}}}")


def describe_searcher(name: str, searcher: type[Searcher]) -> dict[str, Any]:
    """All about one searcher, as data."""
    options = [
        {"name": key, "takes": kind, "default": default} for key, kind, default in options_of(name)
    ]
    return {"name": name, "doc": inspect.getdoc(searcher) or "", "options": options}


def options_of(name: str) -> list[tuple[str, str, Any]]:
    """Name, type and default of each option of a searcher."""
    from einsearch.searchers.registry import searcher_options

    return [
        (key, type_name(option.annotation), option.default)
        for key, option in searcher_options(name).items()
    ]


def first_line(searcher: type[Searcher]) -> str:
    """The first line of its documentation."""
    return (inspect.getdoc(searcher) or "").split("\n", 1)[0]


def show(value: Any) -> str:
    """A default as a search-space file would say it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def type_name(annotation: Any) -> str:
    """A type hint in words of a search-space file."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin is typing.Literal:
        return ", ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(given) for given in arguments if given is not type(None))
    kind = origin or annotation
    if isinstance(kind, type) and kind is not str and issubclass(kind, Sequence):
        return "a list"
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return "keys with values"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return words.get(annotation, getattr(annotation, "__name__", str(annotation)))
