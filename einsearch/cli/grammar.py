"""Commands on grammars and networks: analyse, sample, show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from einsearch.cli.kinds import Kind, refuse_other
from einsearch.cli.options import (
    DEFAULT_INPUT,
    GrammarArgument,
    InputOption,
    JsonOption,
    SeedOption,
    StorageOption,
    is_run,
    read_grammar,
    read_input,
    read_text,
    split_trial,
)
from einsearch.cli.output import (
    WrongCall,
    print_facts,
    print_json,
    write_file,
)
from einsearch.cli.summary import head_of, network_of_run, shown_size
from einsearch.cli.terminal import console, say
from einsearch.numbers import plural

if TYPE_CHECKING:
    from einsearch.derivation.analysis import Analysis
    from einsearch.derivation.derivation import Architecture
    from einsearch.derivation.limits import Limits
    from einsearch.graph.heads import Head


class Format(StrEnum):
    """What `show` prints."""

    DRAWING = "drawing"
    SVG = "svg"
    SOURCE = "source"
    FORMULA = "formula"


SUFFIXES: Final[Mapping[str, Format | None]] = {
    "": None,
    ".svg": Format.SVG,
    ".py": Format.SOURCE,
    ".txt": None,
}
"""What the end of a file's name asks `show` for; None for any text."""


def analyse(grammar: GrammarArgument, json: JsonOption = False) -> None:
    """Compute whether draws end, how large networks are, and how many there are.

    Nothing is drawn. Guards, shapes and limits are ignored, but numbers of derivations heed guards
    that ask for values or for the number of tensors; "at most" says that others were taken for
    true. In JSON, null stands for infinite.

    Example: [cyan]einsearch analyse einspace[/]
    """
    from einsearch.derivation.counts import describe_counts

    analysis: Analysis = read_grammar(grammar).analyse()
    if json:
        print_json(asdict(analysis))
        return
    print_facts(
        {
            "rules": str(analysis.rules),
            "probability that a draw ends": f"{analysis.termination:.4g}",
            "smallest network": plural(analysis.least_nodes, "node"),
            "expected nodes as drawn": f"{analysis.drawn_nodes:.4g}",
            "expected nodes as built": f"{analysis.built_nodes:.4g}  (copies counted)",
            "growth as drawn": f"{analysis.drawn_growth:.4g}  (below 1: finite)",
            "growth as built": f"{analysis.built_growth:.4g}",
            **(describe_counts(analysis.counts) if analysis.counts else {}),
        }
    )


def sample(
    grammar: GrammarArgument,
    input: InputOption = DEFAULT_INPUT,
    number: Annotated[int, typer.Option("--number", "-n", help="How many.", min=1)] = 1,
    seed: SeedOption = 0,
    nodes: Annotated[int, typer.Option(help="At most so many operations as built.")] = 400,
    depth: Annotated[int, typer.Option(help="At most so many nested levels.")] = 40,
    parameters: Annotated[int | None, typer.Option(help="At most so many weights.")] = None,
    flops: Annotated[int | None, typer.Option(help="At most so many per example.")] = None,
    require: Annotated[
        str | None,
        typer.Option(
            help="What each must have, of input,parameters,nonlinearity,gradient,causal; or empty.",
            show_default="as the grammar says",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Draw networks from a grammar, one line of text each.

    Example: [cyan]einsearch sample einspace --input image:1x8x8 -n 5 --nodes 40[/]
    """
    from einsearch.compile.given import generator_given
    from einsearch.derivation.limits import Limits

    spec, loaded = read_input(input), read_grammar(grammar)
    wanted = None if require is None else _requirements(require)
    rng = generator_given(seed)
    limits = _limits(Limits, nodes=nodes, depth=depth, parameters=parameters, flops=flops)
    drawn = []
    for _ in range(number):
        found = loaded.sample(spec, rng, limits=limits, require=wanted)
        drawn.append(_facts(found) | {"log_probability": found.log_probability})
        if not json:
            say(found.text, flush=True)
    if json:
        print_json(drawn)


def _requirements(text: str) -> Sequence[str]:
    from einsearch.grammar.model import REQUIREMENTS

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in REQUIREMENTS:
            raise WrongCall(f"--require: {name} is none of {', '.join(REQUIREMENTS)}")
    return names


def _limits(make: type[Limits], **bounds: int | None) -> Limits:
    try:
        return make(**bounds)
    except ValueError as error:
        raise WrongCall(str(error)) from None


def show(
    network: Annotated[
        str,
        typer.Argument(help="A network's text, the name of a seed, RUN:TRIAL, or - for stdin."),
    ],
    input: Annotated[
        str | None,
        typer.Option(
            "--input",
            "-i",
            metavar="SPEC",
            help="The incoming tensor: image:3x32x32, tokens:128x16 or vector:10.",
            show_default=f"{DEFAULT_INPUT}, or that of the run",
        ),
    ] = None,
    grammar: Annotated[
        str | None,
        typer.Option("--grammar", "-g", help="Whose seeds and rules the text may use."),
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option(
            "--format", "-f", help="How to show it.", show_default="as FILE ends, or drawing"
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Draw repeated parts every time.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to this file instead: .svg is a picture, .py PyTorch source, .txt text.",
        ),
    ] = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Draw a network, count it, or print it as PyTorch source or as a formula.

    A formula is for layers made of arithmetic: einsearch show bn_relu -g evonorm -f formula

    Example: [cyan]einsearch show resnet18 --grammar einspace --input image:3x64x64[/]
    """
    format = _format_of(output, format)
    found, head = _read_network(network, input, grammar)
    if json:
        print_json(_facts(found))
        return
    text = _pictured(found, format, head, full=full, markup=output is None)
    if output is not None:
        write_file(output, text + "\n")
    elif format is Format.DRAWING:
        facts = _facts(found)
        console().print(text, overflow="ignore", crop=False, no_wrap=True, markup=True)
        costs = (facts[name] for name in ("parameters", "flops", "activation_memory"))
        say(f"\n{plural(facts['nodes'], 'node')}, {shown_size(*costs)}")
    else:
        say(text)


def _format_of(output: Path | None, format: Format | None) -> Format:
    """What is asked for, or else what the name of the file says. Raises WrongCall."""
    suffix = "" if output is None else output.suffix.lower()
    if format is None and suffix not in SUFFIXES:
        known = ", ".join(name for name in SUFFIXES if name)
        raise WrongCall(
            f"--output: {output} ends in none of {known}; say what to write by --format"
        )
    said = SUFFIXES.get(suffix)
    if format is None:
        return said or Format.DRAWING
    wrong = suffix == ".svg" or format is Format.SVG
    if wrong and said not in (None, format):
        raise WrongCall(f"--output: {output} ends in {suffix}, and --format is {format}")
    return format


def _read_network(
    network: str, input: str | None, grammar: str | None
) -> tuple[Architecture, Head | None]:
    """The network that an argument names, and what the task of its run puts at its end."""
    from einsearch.api import architecture

    if is_run(split_trial(network)[0]):
        found, run = network_of_run(network)
        if input is not None:
            return architecture(found.text, read_input(input)), None
        return found, head_of(run, found.program)
    if network != "-" and Path(network).is_file():
        refuse_other(network, Kind.RUN)
    spec, text = read_input(input or DEFAULT_INPUT), read_text(network)
    loaded = None if grammar is None else read_grammar(grammar)
    if loaded is not None and text in loaded.seeds:
        return loaded.seed(text, spec), None
    return architecture(text, spec, loaded), None


def _pictured(
    found: Architecture, format: Format, head: Head | None, *, full: bool, markup: bool
) -> str:
    from einsearch.compile.source import python_source
    from einsearch.graph.draw import draw_text
    from einsearch.graph.formula import formula
    from einsearch.graph.svg import draw_svg

    if format is Format.SVG:
        return draw_svg(found.program, fold=not full, head=head)
    if format is Format.FORMULA:
        return formula(found.program)
    if format is Format.SOURCE:
        return python_source(found.program).rstrip()
    return draw_text(found.program, fold=not full, markup=markup, head=head)


def _facts(found: Architecture) -> dict[str, Any]:
    from einsearch.graph.graph import ArchitectureGraph

    graph = ArchitectureGraph(found.program)
    return {
        "text": found.text,
        "input": str(found.input),
        "output": str(found.output),
        "nodes": found.nodes,
        "depth": found.depth,
        "parameters": graph.parameters,
        "flops": graph.flops,
        "activation_memory": graph.activation_memory,
        "hash": graph.canonical_hash,
    }
