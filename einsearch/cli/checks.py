"""The command that looks for mistakes, in grammars and in search-space files: check."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from einsearch.cli.kinds import Kind, kind_of, refuse_other
from einsearch.cli.options import JsonOption, read_grammar, read_input
from einsearch.cli.output import WrongCall, print_facts, print_json
from einsearch.cli.summary import shown_size
from einsearch.cli.terminal import say
from einsearch.errors import EinsearchError, LocatedError
from einsearch.numbers import plural

if TYPE_CHECKING:
    from einsearch.derivation.counts import Counts
    from einsearch.derivation.derivation import Architecture
    from einsearch.grammar.model import Grammar
    from einsearch.study.checkspace import SpaceCheck


def check(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A grammar: an .ein file, or the name of a packaged one. Or a search-space file, "
            ".yaml.",
        ),
    ],
    input: Annotated[
        str | None,
        typer.Option(
            "--input",
            "-i",
            metavar="SPEC",
            help="A tensor to derive the seeds of a grammar and one network on.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Look for mistakes in a grammar or in a search-space file, before anything is searched.

    Derivations are counted exactly, shapes ignored. With a tensor, shapes are checked too: every
    seed is derived on it, and one network. Of a search-space file, grammar, data, seeds and all
    settings are read, and one network is drawn within its limits; nothing is trained, and no
    objective of yours is run. Status 1 where there are errors.

    Example: [cyan]einsearch check einspace --input image:3x64x64[/]
    """
    if kind_of(source) is Kind.SPACE or Path(source).suffix in (".yaml", ".yml"):
        if input is not None:
            raise WrongCall("--input is for grammars: a search-space file says what enters")
        _check_space(source, json=json)
        return
    refuse_other(source, Kind.GRAMMAR)
    _check_grammar(source, input, json=json)


def _check_grammar(source: str, input: str | None, *, json: bool) -> None:
    from einsearch.derivation.counts import count as count_derivations

    spec = None if input is None else read_input(input)
    try:
        loaded = read_grammar(source)
    except LocatedError as error:
        if not json:
            raise
        print_json({"grammar": source, "problems": [as_problem(error)]})
        raise typer.Exit(1) from None
    problems = loaded.check(spec)
    failed = any(problem.severity == "error" for problem in problems)
    counts = count_derivations(loaded) if loaded.start is not None else None
    if json:
        found = {"grammar": source, "problems": [asdict(p) for p in problems]}
        print_json(found | {"counts": None if counts is None else asdict(counts)})
        raise typer.Exit(1 if failed else 0)
    for problem in problems:
        say(f"{problem}\n")
    _print_counts(counts)
    if spec is not None and not failed:
        seeds = {f"seed {name}": loaded.seed(name, spec) for name in loaded.seeds}
        print_facts({name: size_of_network(seed) for name, seed in seeds.items()})
    say(f"{source}: {_size(loaded)}, {_verdict(len(problems))}")
    raise typer.Exit(1 if failed else 0)


def _print_counts(counts: Counts | None) -> None:
    from einsearch.derivation.counts import describe_counts

    if counts is not None:
        say("\n".join(f"{what}: {number}" for what, number in describe_counts(counts).items()))


def _size(grammar: Grammar) -> str:
    return f"{plural(len(grammar.rules), 'rule')}, {plural(len(grammar.seeds), 'seed')}"


def _verdict(problems: int) -> str:
    return plural(problems, "problem") if problems else "no problems"


def size_of_network(found: Architecture) -> str:
    """What a network costs, for people."""
    from einsearch.graph.graph import ArchitectureGraph

    graph = ArchitectureGraph(found.program)
    costs = shown_size(graph.parameters, graph.flops, graph.activation_memory)
    return f"{plural(found.nodes, 'node')}, {costs}"


def as_problem(error: EinsearchError) -> dict[str, Any]:
    """An error as JSON, with its place where it has one."""
    place = error.location if isinstance(error, LocatedError) else None
    return {
        "severity": "error",
        "message": error.message if isinstance(error, LocatedError) else str(error),
        "file": place.file if place else "",
        "line": place.line if place else 0,
        "column": place.column if place else 0,
        "hint": error.hint if isinstance(error, LocatedError) else "",
        "source_line": place.source_line if place else "",
    }


def _check_space(source: str, *, json: bool) -> None:
    from einsearch.cli.sources import find_space
    from einsearch.study.checkspace import check_space

    found = check_space(find_space(source))
    if json:
        _print_as_json(source, found)
    else:
        for problem in found.problems:
            say(f"{problem}\n")
        for error in found.errors:
            say(f"error: {error}\n")
        print_facts(_read(found))
        number = len(found.problems) + len(found.errors)
        say(f"{source}: a search space, {_verdict(number)}")
    raise typer.Exit(0 if found.is_good else 1)


def _print_as_json(source: str, found: SpaceCheck) -> None:
    problems = [*map(asdict, found.problems), *map(as_problem, found.errors)]
    print_json({"space": source, "problems": problems, "read": _read(found)})


def _read(found: SpaceCheck) -> dict[str, str]:
    """What the file says, as it was understood; as far as it could be read."""
    facts: dict[str, str] = {}
    if found.ground is not None:
        ground = found.ground
        facts["grammar"] = f"{ground.file.grammar}: {_size(ground.grammar)}"
        told = f"objective {ground.file.objective}" if ground.task is None else ground.task.summary
        facts["task"] = told
        facts["input"] = str(ground.spec)
        facts |= {f"earlier run {n + 1}": note for n, note in enumerate(ground.notes)}
        facts |= {f"seed {n + 1}": _seed(seed) for n, seed in enumerate(ground.seeds)}
    if found.file is not None:
        facts |= found.settings
    if found.sample is not None:
        facts["one network"] = _seed(found.sample)
    return facts


def _seed(found: Any) -> str:
    from einsearch.graph.graph import ArchitectureGraph

    graph = ArchitectureGraph(found.program)
    costs = shown_size(graph.parameters, graph.flops, graph.activation_memory)
    return f"{costs}: {found.text}"
