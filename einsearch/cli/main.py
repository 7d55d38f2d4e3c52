"""The program `einsearch`: its commands, its errors and its exit status.

Exit status: 0 for done, 1 for "the answer is no" or a failed run, 2 for a wrong call, 130 after
Ctrl-C.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from einsearch.cli import (
    checks,
    diagrams,
    grammar,
    language,
    networks,
    planning,
    primitives,
    results,
    search,
    searchers,
)
from einsearch.cli.faults import DEBUG, INTERRUPTED, explain, explain_usage, is_usage_error
from einsearch.cli.terminal import flush_streams, prepare_streams, say
from einsearch.cli.warned import quiet_libraries
from einsearch.version import __version__

app = typer.Typer(
    name="einsearch",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

GRAMMARS, SEARCHES, RESULTS = "Grammars and networks", "Searching", "Results of a run"

app.command(rich_help_panel=SEARCHES)(search.search)
app.command(rich_help_panel=SEARCHES)(search.resume)
app.command(rich_help_panel=SEARCHES)(planning.plan)
app.command(rich_help_panel=SEARCHES)(searchers.searchers)
app.command(rich_help_panel=RESULTS)(results.trials)
app.command(rich_help_panel=RESULTS)(results.best)
app.command(rich_help_panel=RESULTS)(results.explain)
app.command(rich_help_panel=RESULTS)(results.learned)
app.command(rich_help_panel=RESULTS)(networks.train)
app.command(rich_help_panel=RESULTS)(networks.export)
app.command(rich_help_panel=RESULTS)(networks.report)
app.command(rich_help_panel=GRAMMARS)(checks.check)
app.command(rich_help_panel=GRAMMARS)(language.format)
app.command(rich_help_panel=GRAMMARS)(language.why)
app.command(rich_help_panel=GRAMMARS)(diagrams.draw)
app.command(rich_help_panel=GRAMMARS)(grammar.analyse)
app.command(rich_help_panel=GRAMMARS)(primitives.primitives)
app.command(rich_help_panel=GRAMMARS)(grammar.sample)
app.command(rich_help_panel=GRAMMARS)(grammar.show)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"einsearch {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    traceback: Annotated[
        bool,
        typer.Option("--traceback", help="Show where in the code an error was raised."),
    ] = False,
) -> None:
    """Search for neural networks in spaces written as grammars.

    Start with [bold]einsearch search digits[/]; it ends with the commands to type next.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program and exits with its status."""
    prepare_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    # It may stand anywhere in the line, where people add it after an error.
    shows_traceback = "--traceback" in words or bool(os.environ.get(DEBUG))
    words = [word for word in words if word != "--traceback"]
    try:
        with quiet_libraries():
            status = _run(words)
        flush_streams()
    except Exception as error:
        if shows_traceback and not isinstance(error, BrokenPipeError):
            raise
        status = explain(error)
    sys.exit(status)


@functools.cache
def _command() -> Callable[..., int | None]:
    """The program as Typer builds it from the signatures of all commands, once a process."""
    built: Callable[..., int | None] = typer.main.get_command(app)
    return built


def _run(words: list[str]) -> int:
    """The status that the command ends with."""
    try:
        return int(_command()(args=words, prog_name="einsearch", standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        if not is_usage_error(error):
            raise
        return explain_usage(error)


if __name__ == "__main__":
    main()
