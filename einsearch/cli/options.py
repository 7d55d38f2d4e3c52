"""Options and arguments that several commands share, and how their texts are read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from einsearch.cli.output import WrongCall
from einsearch.errors import GrammarError, ShapeError
from einsearch.files import expanded
from einsearch.specs import TensorSpec, parse_spec

if TYPE_CHECKING:
    from einsearch.study.run import Run
    from einsearch.trial import Trial

DEFAULT_INPUT = "image:3x32x32"

GrammarArgument = Annotated[
    str,
    typer.Argument(
        metavar="GRAMMAR", help="An .ein file, or the name of a packaged grammar: einspace."
    ),
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
RunTrialArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN[:TRIAL]", help="A run folder, and the number of a trial: runs/digits-1:17."
    ),
]
TrialOption = Annotated[
    int | None, typer.Option("--trial", "-t", help="Number of a trial.", show_default="the best")
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Where the data are now.",
        show_default="where they were, or beside the moved folder",
    ),
]


def _name_storage(url: str | None) -> str | None:
    from einsearch.study.storageurl import name_storage

    name_storage(url)
    return url


StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="Storage of the record; needed where a folder that came from elsewhere names one.",
        show_default="as the run folder says, if it was made here",
        callback=_name_storage,
    ),
]
AcceptOption = Annotated[
    bool,
    typer.Option(
        "--accept-changes",
        help="Go on though data, or the source of a plug-in or objective, are not those that the "
        "run began with.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
InputOption = Annotated[
    str,
    typer.Option(
        "--input",
        "-i",
        metavar="SPEC",
        help="The incoming tensor: image:3x32x32, tokens:128x16 or vector:10.",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of all random choices.", min=0)]


def read_input(text: str) -> TensorSpec:
    """The tensor that `--input` names. Raises WrongCall."""
    try:
        return parse_spec(text)
    except ShapeError as error:
        raise WrongCall(f"--input: {error}") from None


def read_grammar(source: str) -> Any:
    """The grammar that an argument names: a `Grammar` with the methods that `api` binds to it.

    Raises:
        WrongCall: there is no such file and no such packaged grammar.
        GrammarError: there is, and it cannot be used.
    """
    from einsearch.api import load_grammar
    from einsearch.cli.kinds import Kind, refuse_other

    refuse_other(source, Kind.GRAMMAR)
    try:
        return load_grammar(source)
    except GrammarError as error:
        if error.location is None:
            raise WrongCall(str(error)) from None
        raise


def read_text(argument: str) -> str:
    """An architecture text, from stdin where the argument is "-"."""
    return sys.stdin.read().strip() if argument == "-" else argument


def read_run(folder: Path) -> Run:
    """The run in a folder. Raises WrongCall where there is none, RunError where it is damaged."""
    from einsearch.api import open_run
    from einsearch.cli.kinds import Kind, refuse_other

    folder = expanded(folder)
    refuse_other(str(folder), Kind.RUN)
    if not folder.is_dir():
        named, number = split_trial(str(folder))
        hint = "" if number is None or not named.is_dir() else f"; the run is {named}"
        raise WrongCall(f"there is no run folder {folder}{hint}")
    if not is_run(folder):
        raise WrongCall(f"{folder} is not a run folder: it has no versions.json")
    return open_run(folder)


def is_run(path: Path) -> bool:
    """Whether there is a run folder of that path."""
    from einsearch.study.folder import VERSIONS

    try:
        return (path / VERSIONS).is_file()
    except OSError:
        return False


def split_trial(text: str) -> tuple[Path, int | None]:
    """The run folder that RUN:TRIAL names, and the trial; None where the text is a folder alone."""
    folder, _, number = text.rpartition(":")
    if folder and number.isdecimal() and not expanded(text).is_dir():
        return expanded(folder), int(number)
    return expanded(text), None


def names_trial(text: str) -> bool:
    """Whether a text is RUN:TRIAL, and not RUN alone."""
    return split_trial(text)[1] is not None


def read_named(text: str, number: int | None = None) -> tuple[Run, Trial]:
    """The run and the trial that RUN:TRIAL names, or RUN and a number beside it, or RUN and its
    best trial.

    Raises:
        WrongCall: there is no such run or trial, or two different ones are named.
    """
    folder, named = split_trial(text)
    if number is not None and named is not None and number != named:
        raise WrongCall(f"{text} names trial {named}, and {number} is given beside it")
    run = read_run(folder)
    return run, read_trial(run, named if number is None else number)


def read_trial(run: Run, number: int | None) -> Trial:
    """The trial of that number, or the best one.

    Raises:
        WrongCall: there is no such trial, or none has finished.
    """
    if number is None:
        if run.find_best() is None:
            raise WrongCall(f"no trial of {run.directory} is complete")
        return run.best
    if not 0 <= number < len(run.trials):
        last = len(run.trials) - 1
        raise WrongCall(f"{run.directory} has no trial {number}; they run from 0 to {last}")
    return run.trials[number]
