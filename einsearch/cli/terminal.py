"""The one way out: everything that a command prints passes here.

Text of others (reasons of failures, names, networks, comments, names of files) comes out with its
control characters spelt out, as `\\x1b`; markup in it means nothing; what the stream cannot write
becomes something plain. No other file of the command line prints.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, TextIO

from einsearch.shown import PLAIN, shown, shown_json

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH: Final = 160
"""Columns of a drawing that goes into a file or a pipe, where no terminal sets a width."""


def prepare_streams() -> None:
    """Lets stdout and stderr take every text: a character that their encoding lacks is written as
    one like it, or as `?`; a stream that was closed before the start takes all and keeps none."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=PLAIN)


def flush_streams() -> None:
    """Writes what waits in stdout and stderr, while an error can still be told."""
    sys.stdout.flush()
    sys.stderr.flush()


def drop_streams() -> None:
    """Lets what is still to be written go nowhere, where nobody reads it: Python would complain
    at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with open(os.devnull, "w", encoding="utf-8") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())


def say(text: object = "", *, error: bool = False, flush: bool = False) -> None:
    """Prints a line or several on stdout, or on stderr."""
    print(shown(str(text)), file=sys.stderr if error else sys.stdout, flush=flush)


def say_part(text: str) -> None:
    """Prints a part of what comes bit by bit, such as the log of another machine."""
    print(shown(text), end="", flush=True)


def say_data(text: str) -> None:
    """Prints a text that other programs read, such as a grammar, without a further end of line.
    It goes unchanged into a file or a pipe; a terminal gets it as it gets all."""
    sys.stdout.write(shown(text) if sys.stdout.isatty() else text)


def say_json(text: str) -> None:
    """Prints a text of JSON; what a terminal would obey is escaped, and means the same."""
    print(shown_json(text))


def console(*, error: bool = False) -> Console:
    """A Rich console on stdout or stderr; plain text where that is no terminal. Markup counts only
    where it is asked for."""
    from rich.console import Console, ConsoleOptions
    from rich.segment import Segment

    class SafeConsole(Console):
        """Spells out what texts hide; its own commands to the terminal are no texts."""

        def render(
            self, renderable: Any, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else shown(text), style, control)

    stream: TextIO = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return SafeConsole(
        file=stream, width=width, highlight=False, soft_wrap=False, markup=False, emoji=False
    )
