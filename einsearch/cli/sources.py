"""What a search starts from: data, or a search-space file; and the options that data need."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from einsearch.cli.output import WrongCall
from einsearch.errors import TaskError
from einsearch.files import expanded
from einsearch.shown import shown_line

if TYPE_CHECKING:
    from einsearch.study.fromdata import FromData

_DATA: Final = "Data: where SOURCE is no search-space file"

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="Data: a .csv, .tsv, .npz or .txt file, or a folder. Or a search-space file, or a "
        "packaged one: digits.",
    ),
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="COLUMN",
        help="Column of a table that is to be told: its name, first or last.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
KindOption = Annotated[
    str | None,
    typer.Option(
        "--target-kind",
        metavar="KIND",
        help="What is to be told: classes, labels (several an example), number.",
        show_default="as its values look",
        rich_help_panel=_DATA,
    ),
]
IgnoreOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="COLUMN",
        help="Column of a table that is left out, such as an identifier; may stand several times.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        "--layout",
        metavar="LAYOUT",
        help="What one example is: image, tokens (a series), vector.",
        show_default="as its shape says",
        rich_help_panel=_DATA,
    ),
]
TestOption = Annotated[
    float | None,
    typer.Option(
        "--test",
        metavar="PART",
        help="Part of the examples that is kept back for the test; 0 for none.",
        show_default="0.2 where there are no test data",
        rich_help_panel=_DATA,
    ),
]
ValidOption = Annotated[
    float | None,
    typer.Option(
        "--valid",
        metavar="PART",
        help="Part of the examples that scores in the search are of.",
        show_default="as the task has it",
        rich_help_panel=_DATA,
    ),
]
GrammarOption = Annotated[
    str | None,
    typer.Option(
        "--grammar",
        metavar="GRAMMAR",
        help="Which networks there are: a packaged grammar, or an .ein file.",
        show_default="the one that suits the data",
        rich_help_panel=_DATA,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other key of a search-space file, such as training.epochs=20 or "
        "task.header=true; may stand several times.",
        show_default=False,
    ),
]

FLAGS: Final[Mapping[str, str]] = {
    "target": "--target",
    "target_kind": "--target-kind",
    "ignore": "--ignore",
    "layout": "--layout",
    "test": "--test",
    "valid": "--valid",
}
"""Options of a task that have one of their own on the command line."""

_WRITTEN: Final = r"(?<![\w-])(?<! a )({}): (\[[^\]]*\]|\"[^\"]*\"|[\w.]+)"
"""An option with its value; "beside a target: ignore leaves none" is a sentence."""


def is_data_source(name: str) -> bool:
    """Whether an argument names data, by how its name ends.

    Raises:
        WrongCall: it is a file, but neither data nor a search space.
    """
    from einsearch.cli.kinds import Kind, kind_of
    from einsearch.recipe.places import SUFFIXES, is_data

    path, kind = expanded(name), kind_of(name)
    if kind is Kind.DATA:
        return True
    if kind is None and path.is_file() and not is_data(path):
        raise WrongCall(
            f"{shown_line(name)} is neither data nor a search space. Data are "
            f"{', '.join(SUFFIXES)} files and folders: save a table as .csv, arrays with "
            "numpy.savez as .npz; a search space is a .yaml file"
        )
    return kind is None and is_data(path)


def find_space(name: str) -> Path:
    """The search-space file that an argument names. Raises WrongCall."""
    from einsearch.cli.kinds import Kind, refuse_other
    from einsearch.resources import find_resource, resource_names

    path = expanded(name)
    refuse_other(name, Kind.SPACE)
    if path.is_file():
        return path
    found = find_resource("search_spaces", name, ".yaml")
    if found is None:
        known = ", ".join(resource_names("search_spaces", ".yaml"))
        raise WrongCall(
            f"there is no search-space file {name}, and no packaged one of that name ({known}); "
            "nor are there data of that name"
        )
    return found


def chosen(
    target: str | None,
    target_kind: str | None,
    ignore: Sequence[str] | None,
    layout: str | None,
    test: float | None,
    valid: float | None,
    grammar: str | None,
) -> dict[str, Any]:
    """What the options of data say, by the names that Python knows; what is left out is None."""
    return {
        "target": target,
        "target_kind": target_kind,
        "ignore": list(ignore) if ignore else None,
        "layout": layout,
        "test": test,
        "valid": valid,
        "grammar": grammar,
    }


def refuse_data_options(options: Mapping[str, Any], source: str) -> None:
    """Raises WrongCall where options for data stand beside a search-space file."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise WrongCall(
            f"{shown_line(source)} is a search space, which says itself what its data and its "
            f"grammar are: leave {flags} out, or change the file"
        )


def set_values(pairs: Sequence[str] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What --set says: options of the task, and sections of a search-space file.

    Raises:
        WrongCall: one cannot be read.
    """
    import yaml

    task: dict[str, Any] = {}
    sections: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, text = pair.partition("=")
        section, dot, name = key.strip().partition(".")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            equals = ""
        if not equals or not section or "." in name or (dot and not name):
            raise WrongCall(
                f"--set {shown_line(pair)}: expected KEY=VALUE, such as training.epochs=20, "
                "task.header=true or seed=3"
            )
        if section == "task" and name:
            task[name] = value
        elif name:
            sections.setdefault(section, {})[name] = value
        else:
            sections[section] = value
    return task, sections


def spelt(message: str) -> str:
    """A message about data in the words of the command line: `--target last` for `target: last`."""
    from einsearch.tasks.registry import all_tasks

    names = [name for name in inspect.signature(all_tasks()["arrays"]).parameters if name != "base"]

    def word(found: re.Match[str]) -> str:
        name, value = found.groups()
        if name == "ignore":
            columns = re.split(r",\s*", value.strip("[]"))
            return " ".join(f"--ignore {_in_line(column)}" for column in columns)
        flag = FLAGS.get(name)
        return f"--set task.{name}={value}" if flag is None else f"{flag} {value}"

    return re.sub(_WRITTEN.format("|".join(map(re.escape, names))), word, message)


def _in_line(word: str) -> str:
    """A word as it stands in a command line, in quotes where it has spaces."""
    return word if word.startswith('"') or " " not in word else f'"{word}"'


def read_source(path: Path, options: Mapping[str, Any]) -> FromData:
    """What a search of data will search.

    Raises:
        WrongCall: the data cannot be used, or not without another option.
        EinsearchError: something else is wrong.
    """
    from einsearch.study.fromdata import read_data

    try:
        return read_data(path, options)
    except TaskError as error:
        raise WrongCall(spelt(str(error))) from None


def task_changed(space: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """The section `task` of a search-space file with other options; nothing without any."""
    from einsearch.study.spacefile import load_space_file

    return {"task": {**load_space_file(space).task, **options}} if options else {}
