"""Commands on the language itself: format, why."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from einsearch.cli.kinds import Kind, refuse_other
from einsearch.cli.options import (
    DEFAULT_INPUT,
    JsonOption,
    read_grammar,
    read_input,
    read_text,
)
from einsearch.cli.output import WrongCall, print_json
from einsearch.cli.terminal import say, say_data
from einsearch.errors import EinsearchError, GrammarError
from einsearch.files import expanded
from einsearch.numbers import plural

if TYPE_CHECKING:
    from einsearch.grammar.model import Grammar
    from einsearch.specs import TensorSpec

STDIN = "-"


def format(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE", help="Files, folders of .ein files, or - for stdin to stdout."
        ),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; status 1 if a file would change.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Write nothing; show what would change, status 1.")
    ] = False,
    stdin_filename: Annotated[
        Path | None,
        typer.Option(help="Where stdin comes from: its imports are looked up beside it."),
    ] = None,
) -> None:
    """Give grammar files the one canonical layout.

    Comments stay, the meaning stays. A file with errors is left as it is.

    Example: [cyan]einsearch format mine.ein[/]
    """
    counts = {"changed": 0, "unchanged": 0, "failed": 0}
    for path in _expand(files):
        try:
            source = _read(path, stdin_filename)
            formatted = _formatted(source)
            _deliver(source, formatted, is_written=not (check or diff), shows_diff=diff)
        except EinsearchError as error:
            say(f"error: {error}", error=True)
            counts["failed"] += 1
        else:
            counts["unchanged" if formatted == source.text else "changed"] += 1
    if files != [STDIN]:
        say(_summary(counts, is_written=not (check or diff)), error=True)
    would_change = counts["changed"] and (check or diff)
    raise typer.Exit(1 if counts["failed"] or would_change else 0)


def why(
    space: Annotated[
        str,
        typer.Argument(
            metavar="SPACE", help="A grammar, as elsewhere, or a search-space file (.yaml)."
        ),
    ],
    network: Annotated[
        str,
        typer.Argument(
            metavar="TEXT|SEED", help="A network's text, the name of a seed, or - for stdin."
        ),
    ],
    input: Annotated[
        str | None,
        typer.Option(
            "--input",
            "-i",
            metavar="SPEC",
            help="The incoming tensor: image:3x32x32, tokens:128x16 or vector:10.",
            show_default=f"of the search-space file, or {DEFAULT_INPUT}",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Tell how a network is derived, or what keeps a grammar from deriving it.

    A derivation is shown as a tree: each rule with the alternative that was taken, its
    probability, where it is written, and shapes. Otherwise: the smallest fragment that cannot be
    derived, the reason, and the alternative that came nearest; status 1.

    Example: [cyan]einsearch why digits residual --input image:1x8x8[/]
    """
    from einsearch.derivation.why import why as find_why
    from einsearch.derivation.why_print import as_json
    from einsearch.errors import ParseError

    grammar, spec = _read_space(space, input)
    try:
        found = find_why(grammar, read_text(network), spec)
    except ParseError as error:
        raise WrongCall(str(error)) from None
    if json:
        print_json(as_json(found))
    else:
        say(found)
    raise typer.Exit(0 if found.derivation is not None else 1)


def _read_space(source: str, input: str | None) -> tuple[Grammar, TensorSpec]:
    """The grammar that an argument names, and the tensor that enters its networks."""
    if Path(source).suffix not in (".yaml", ".yml"):
        return read_grammar(source), read_input(input or DEFAULT_INPUT)
    from einsearch.study.plan import load_file_grammar, spec_of
    from einsearch.study.spacefile import load_space_file

    if not Path(source).is_file():
        raise WrongCall(f"there is no file {source}")
    file = load_space_file(source)
    return load_file_grammar(file), spec_of(file) if input is None else read_input(input)


class _Source(NamedTuple):
    """A file as read. `path` is None for stdin; `label` stands in messages."""

    path: Path | None
    label: str
    beside: Path
    text: str


def _expand(files: list[str]) -> Iterator[str]:
    """Files as named, and those in folders; each once. Raises WrongCall before anything is read."""
    found: dict[str, None] = {}
    for name in files:
        path = expanded(name)
        if name == STDIN or path.is_file():
            refuse_other(name, Kind.GRAMMAR)
            found[name] = None
        elif path.is_dir():
            inside = sorted(str(item) for item in path.rglob("*.ein") if item.is_file())
            if not inside:
                raise WrongCall(f"there is no .ein file in {name}")
            found.update(dict.fromkeys(inside))
        else:
            raise WrongCall(f"there is no file {name}")
    return iter(found)


def _read(name: str, stdin_filename: Path | None) -> _Source:
    from einsearch.grammar.source import Unreadable, decode, read_bytes

    if name == STDIN:
        label = str(stdin_filename or "<stdin>")
        beside = (stdin_filename or Path("stdin.ein")).resolve()
        return _Source(None, label, beside, sys.stdin.read())
    path = expanded(name).resolve()
    try:
        # Line ends are kept as they are, to be written again.
        return _Source(path, name, path, decode(read_bytes(path)))
    except Unreadable as error:
        raise GrammarError(f"cannot read {name}: {error}") from None


def _formatted(source: _Source) -> str:
    """The text in its canonical layout, with the line ends that it has."""
    from einsearch.grammar.format import format_text
    from einsearch.grammar.load import load_grammar_text
    from einsearch.resources import resource_folder

    text = source.text.replace("\r\n", "\n")
    load_grammar_text(text, source.label, source.beside, resource_folder("grammars"))
    formatted = format_text(text, source.label)
    return formatted.replace("\n", "\r\n") if "\r\n" in source.text else formatted


def _deliver(source: _Source, formatted: str, *, is_written: bool, shows_diff: bool) -> None:
    changes = formatted != source.text
    if shows_diff:
        say_data("".join(_difference(source, formatted)))
    elif not is_written:
        if changes:
            say(f"would reformat {source.label}")
    elif source.path is None:
        say_data(formatted)
    elif changes:
        _write(source.path, formatted)
        say(f"reformatted {source.label}")


def _difference(source: _Source, formatted: str) -> Iterator[str]:
    before, after = source.text.splitlines(), formatted.splitlines()
    for line in unified_diff(before, after, source.label, source.label, lineterm=""):
        yield f"{line}\n"


def _write(path: Path, text: str) -> None:
    """Replaces a file at once: whoever reads it sees the old text or the new one.

    Raises:
        EinsearchError: it cannot be written; then it is as it was.
    """
    from einsearch.files import replace_file

    try:
        replace_file(path.resolve(), text.encode("utf-8"))
    except OSError as error:
        raise EinsearchError(f"cannot write {path}: {error.strerror}") from None


def _summary(counts: dict[str, int], *, is_written: bool) -> str:
    will = "" if is_written else "would be "
    told = {
        "changed": f"{will}reformatted",
        "unchanged": f"{will}left unchanged",
        "failed": "cannot be formatted",
    }
    return ", ".join(f"{plural(n, 'file')} {told[what]}" for what, n in counts.items() if n)
