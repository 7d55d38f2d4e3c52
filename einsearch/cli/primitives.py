"""The command that lists primitives, and tells all of one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from einsearch.cli.options import JsonOption
from einsearch.cli.output import WrongCall, print_json, print_table, width
from einsearch.cli.terminal import say
from einsearch.errors import ArgumentError, EinsearchError
from einsearch.numbers import count, memory
from einsearch.shown import command

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Architecture
    from einsearch.primitives.arguments import Parameter
    from einsearch.primitives.base import Primitive

INPUTS: Final = ("image:16x8x8", "tokens:16x8", "vector:16", "image:1x8x8", "tokens:16x1")
"""What primitives are tried on; of the first three, all that they take are shown."""

WIDE: Final = 110
"""Columns of a terminal from which on the list has arguments."""

SETTINGS: Final = ("{}", "im2col(3) >> {}", "(identity, linear(1)) >> {}", "{} >> add")
"""What a call stands in where it cannot stand alone."""


def primitives(
    name: Annotated[str, typer.Argument(help="Only this one, with all it says.")] = "",
    json: JsonOption = False,
) -> None:
    """List the operations that grammars are made of, or tell all of one.

    Of one: its arguments, what it takes and gives, what it costs, and an example.

    Example: [cyan]einsearch primitives conv2d[/]
    """
    from einsearch.primitives.base import all_primitives, get_primitive

    try:
        found = [get_primitive(name)] if name else list(all_primitives().values())
    except ArgumentError as error:
        raise WrongCall(str(error)) from None
    if json:
        print_json([_describe(primitive) for primitive in found])
    elif name:
        _print_page(found[0])
    else:
        is_narrow = (most := width()) is not None and most < WIDE
        rows = [
            (p.name if is_narrow else p.signature(), _documentation(p).split("\n", 1)[0])
            for p in found
        ]
        print_table(("primitive", "meaning"), rows)


def _print_page(primitive: Primitive) -> None:
    """Everything about one primitive."""
    say(f"{primitive.signature()}\n\n{_documentation(primitive)}")
    say(f"\n{_tensors(primitive.arity)}")
    if primitive.parameters:
        say()
        rows = [(p.name, _default(p), p.expected()) for p in primitive.parameters]
        print_table(("argument", "default", "takes"), rows)
    examples = list(examples_of(primitive))
    if not examples:
        return
    say(f"\nExample: {examples[0].text}")
    say()
    costs = [example.row for example in examples]
    print_table(("on", "gives", "parameters", "FLOPs", "activations"), costs)
    edges = " ".join(_at_the_edges(primitive))
    if edges:
        say(f"\n{edges}")
    shown = ["einsearch", "show", examples[0].text, "--input", examples[0].input]
    say(f"\nTry: {command(shown)}")


def _tensors(arity: tuple[int, int]) -> str:
    """How many tensors go in."""
    fewest, most = arity
    if fewest == most:
        return f"Takes {fewest} tensor{'s' if fewest > 1 else ''}."
    return (
        f"Takes {fewest} or more tensors." if most > 1000 else f"Takes {fewest} to {most} tensors."
    )


def _default(parameter: Parameter) -> str:
    from einsearch.primitives.arguments import show_value

    return "required" if parameter.is_required else show_value(parameter.default)


class Example(NamedTuple):
    """A call on a tensor, and what it comes to."""

    text: str
    input: str
    found: Architecture

    @property
    def row(self) -> tuple[str, ...]:
        """Cells of the table: tensor, outcome, costs."""
        from einsearch.graph.graph import ArchitectureGraph

        graph = ArchitectureGraph(self.found.program)
        costs = count(graph.parameters), count(graph.flops), memory(graph.activation_memory)
        return (self.input, str(self.found.output), *costs)


def examples_of(primitive: Primitive) -> Iterator[Example]:
    """A call of a primitive on every kind of tensor that it takes, from its declaration alone."""
    call = example_call(primitive)
    joined = f"(identity, identity) >> {call}"
    texts = [setting.format(call) for setting in SETTINGS]
    is_join = primitive.arity[1] > 1
    texts = [joined, *texts[2:]] if is_join else texts
    for text in texts:
        made = [Example(text, spec, found) for spec in INPUTS if (found := _made(text, spec))]
        if made:
            usual = [example for example in made if example.input in INPUTS[:3]]
            yield from usual or made[:1]
            return


def _made(text: str, spec: str) -> Architecture | None:
    from einsearch.api import architecture
    from einsearch.specs import parse_spec

    try:
        return architecture(text, parse_spec(spec))
    except EinsearchError:
        return None


def example_call(primitive: Primitive, **more: Any) -> str:
    """A call with a value for each required argument, such as `conv2d(16, 3)`."""
    values = [_example(p) for p in primitive.parameters if p.is_required]
    values += [f"{name}={value}" for name, value in more.items()]
    return f"{primitive.name}({', '.join(values)})" if values else primitive.name


def _example(parameter: Parameter) -> str:
    """A value that a parameter takes, as text."""
    from einsearch.primitives.arguments import Kind, show_value

    usual: Mapping[str, int] = {"kernel": 3, "channels": 16, "features": 16}
    if parameter.examples:
        value = parameter.examples[0]
        return f'"{value}"' if parameter.kind is Kind.TEXT else str(value)
    if parameter.kind is Kind.SYMBOL:
        return parameter.symbols[0]
    if parameter.kind is Kind.INT:
        wanted = usual.get(parameter.name, 2)
        return str(int(min(max(wanted, parameter.minimum), parameter.maximum)))
    if parameter.kind is Kind.NUMBER:
        return show_value(min(max(0.5, parameter.minimum), parameter.maximum))
    return {Kind.AXIS: "0", Kind.BOOL: "true", Kind.TEXT: '"x"'}.get(parameter.kind, "relu")


def _at_the_edges(primitive: Primitive) -> Iterator[str]:
    """What becomes of sizes where there is a kernel: padding and stride, as they are inferred."""
    names = [parameter.name for parameter in primitive.parameters]
    if "kernel" not in names:
        return
    for spec, size in (("image:16x8x8", -1), ("tokens:8x16", 0)):
        plain = _made(example_call(primitive), spec)
        if plain is None or plain.output.layout is not plain.input.layout:
            continue
        same = plain.output.shape[size] == 8
        padded = "the edges are padded" if same else "the edges are not padded"
        yield f"Sizes: a kernel of 3 makes {plain.output.shape[size]} of 8, {padded}."
        if "stride" in names:
            by_two = {
                n: _made(example_call(primitive, stride=2), spec.replace("8", str(n)))
                for n in (8, 7)
            }
            told = [f"{a.output.shape[size]} of {n}" for n, a in by_two.items() if a is not None]
            yield f"A stride of 2 makes {', '.join(told)}."
        return


def _documentation(primitive: Primitive) -> str:
    return inspect.getdoc(type(primitive)) or ""


def _describe(primitive: Primitive) -> dict[str, Any]:
    fewest, most = primitive.arity
    return {
        "name": primitive.name,
        "signature": primitive.signature(),
        "doc": _documentation(primitive),
        "tensors": {"fewest": fewest, "most": most},
        "arguments": [
            {
                "name": p.name,
                "takes": p.expected(),
                "required": p.is_required,
                "default": None if p.is_required else p.default,
            }
            for p in primitive.parameters
        ],
    }
