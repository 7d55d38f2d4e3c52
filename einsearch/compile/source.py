"""`python_source`: a network as readable Python that needs torch alone.

Its classes have the same submodules under the same names as `build_module` and `attach_head`
give, so that saved weights load into either.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import nn

from einsearch.compile.blending import MEANS
from einsearch.compile.head import make_head
from einsearch.compile.plan import Plan, Step, make_plan
from einsearch.compile.selecting import pruned_layer
from einsearch.compile.sourcing import Sources
from einsearch.errors import ExportError
from einsearch.primitives.base import Layer
from einsearch.primitives.program import Program
from einsearch.specs import TensorSpec, describe

_WIDTH: Final = 100
_INDENT: Final = " " * 8


def python_source(
    program: Program,
    head: TensorSpec | None = None,
    class_name: str = "Network",
    note: str = "",
    pruned: bool = False,
) -> str:
    """The source of a file that defines a network.

    Args:
        program: the architecture.
        head: the task's output, for a network with a head as `attach_head` makes it; without
            one the class is the backbone alone.
        class_name: name of the class.
        note: goes to the top as a comment.
        pruned: whether layers with a basis to select are as `prune_bases` leaves them.

    Raises:
        ExportError: a kernel needs more than torch and the standard library.
        EinsearchError: no head leads to that output.
    """
    expressions = _begun(class_name)
    plan = make_plan(program)
    expressions.pruned = pruned
    backbone = _backbone(plan, class_name if head is None else "Backbone", expressions)
    classes = {class_name if head is None else "Backbone": backbone}
    if head is not None:
        classes[class_name] = _network(program, head, class_name, "Backbone", expressions.sources)
    return _file(classes, expressions, note)


def average_source(
    members: Sequence[tuple[Program, bool]],
    shares: Sequence[float],
    kind: str,
    head: TensorSpec,
    class_name: str = "Network",
    note: str = "",
) -> str:
    """The source of a file that defines a `Blend` of networks with heads.

    An architecture that several members have is written once.

    Args:
        members: architecture of each, and whether it is pruned, as of `python_source`.
        shares, kind: as of `Blend`.
        head: the task's output.
        class_name: name of the class of the average.
        note: goes to the top as a comment.

    Raises:
        As of `python_source`.
    """
    expressions = _begun(class_name)
    classes: dict[str, str] = {}
    known: list[tuple[Plan, bool, str]] = []
    names = []
    for program, pruned in members:
        plan = make_plan(program)
        name = next((n for old, was, n in known if old == plan and was == pruned), None)
        if name is None:
            number = len(known) + 1
            name, backbone = f"Member{number}", f"Backbone{number}"
            known.append((plan, pruned, name))
            expressions.pruned = pruned
            classes[backbone] = _backbone(plan, backbone, expressions)
            classes[name] = _network(program, head, name, backbone, expressions.sources)
        names.append(name)
    about = f"The average of {len(names)} networks, {describe(members[0][0].input)} to {head}."
    mean = expressions.sources.require(MEANS[kind])
    if class_name in classes:
        raise ExportError(f"a member is named {class_name} too: choose another class name")
    classes[class_name] = _average(class_name, about, names, shares, mean)
    return _file(classes, expressions, note)


def _begun(class_name: str) -> _Expressions:
    """What a file begins with. Raises ExportError where no class can have that name."""
    if not class_name.isidentifier():
        raise ExportError(f"{class_name!r} cannot be the name of a class")
    sources = Sources(plain={"import torch"})
    sources.named["torch"].add("nn")
    return _Expressions(sources)


def _file(classes: dict[str, str], expressions: _Expressions, note: str) -> str:
    """A whole file. Raises ExportError where two things in it would have one name."""
    sources = expressions.sources
    taken = {*classes, *expressions.classes} & sources.definitions.keys()
    if taken:
        raise ExportError(f"a kernel is named {taken.pop()} too: choose another class name")
    if taken := classes.keys() & expressions.classes.keys():
        raise ExportError(f"an expression is named {taken.pop()} too: choose another class name")
    blocks = [*sources.definitions.values(), *expressions.classes.values(), *classes.values()]
    return "\n".join([*_comment(note), sources.imports(), "", "", _join(blocks)])


class _Expressions:
    """Classes of the expressions that primitives take, one for each that differs.

    Attributes:
        sources: what they need.
        pruned: whether layers with a basis to select have chosen.
        classes: source by name, inner ones first.
    """

    def __init__(self, sources: Sources, pruned: bool = False) -> None:
        self.sources = sources
        self.pruned = pruned
        self.classes: dict[str, str] = {}
        self._known: list[tuple[Plan, bool, str]] = []

    def name(self, plan: Plan) -> str:
        """The class of an expression; it is written where it is not known."""
        for known, was_pruned, name in self._known:
            if known == plan and was_pruned == self.pruned:
                return name
        name = f"Expression{len(self._known) + 1}"
        self._known.append((plan, self.pruned, name))
        self.classes[name] = _backbone(plan, name, self)
        return name

    def value(self, value: Any) -> str:
        """An argument of a layer."""
        return self.name(value) if isinstance(value, Plan) else _value(value)


def _comment(note: str) -> list[str]:
    """The note as a comment, whatever characters it has: it must never become code."""
    lines: list[str] = []
    for line in note.splitlines():
        shown = "".join(c if c.isprintable() else " " for c in line)
        lines += textwrap.wrap(shown, _WIDTH - 2, break_on_hyphens=False) or [""]
    return [*[f"# {line}".rstrip() for line in lines], ""] if lines else []


def _join(blocks: Iterable[str]) -> str:
    """Definitions two lines apart, constants that follow each other together."""
    text = ""
    previous = "class"
    for block in blocks:
        opens = ("class", "def", "@")
        spaced = block.startswith(opens) or previous.startswith(opens)
        text += ("\n\n" if spaced and text else "") + block + "\n"
        previous = block
    return text


def _average(
    class_name: str, about: str, names: Sequence[str], shares: Sequence[float], mean: str
) -> str:
    made = ", ".join(f"{name}()" for name in names)
    told = ", ".join(map(repr, shares))
    return (
        f"class {class_name}(nn.Module):\n"
        f'    """{about}"""\n\n'
        f"{_listed('    SHARES = (', told, ')')}\n\n"
        "    def __init__(self) -> None:\n"
        "        super().__init__()\n"
        f"{_listed(_INDENT + 'self.members = nn.ModuleList([', made, '])')}\n\n"
        "    def forward(self, x: torch.Tensor) -> torch.Tensor:\n"
        f"        return {mean}([member(x) for member in self.members], self.SHARES)"
    )


def _listed(opening: str, items: str, closing: str) -> str:
    """Items of a list on one line, or on as many as they need."""
    line = f"{opening}{items}{closing}"
    if len(line) <= _WIDTH:
        return line
    margin = " " * (len(opening) - len(opening.lstrip()))
    lines = textwrap.fill(
        f"{items},", _WIDTH, initial_indent=f"{margin}    ", subsequent_indent=f"{margin}    "
    )
    return f"{opening}\n{lines}\n{margin}{closing}"


def _network(
    program: Program, head: TensorSpec, class_name: str, backbone: str, sources: Sources
) -> str:
    features = program.output[0]
    made = make_head(features, head)
    kind = sources.require(type(made))
    args = ", ".join(
        _value(getattr(made, name))
        for name in ("position_axes", "feature_axis")
        if hasattr(made, name)
    )
    return (
        f"class {class_name}(nn.Module):\n"
        f'    """{describe(program.input)} to {head}."""\n\n'
        "    def __init__(self) -> None:\n"
        "        super().__init__()\n"
        f"        self.backbone = {backbone}()\n"
        f"        self.head = {kind}({features.features}, {head.features}, {args})\n\n"
        "    def forward(self, x: torch.Tensor) -> torch.Tensor:\n"
        "        return self.head(self.backbone(x))"
    )


def _backbone(plan: Plan, class_name: str, expressions: _Expressions) -> str:
    specs = f"{describe(plan.input)} to {describe(plan.output)}"
    sources = expressions.sources
    lines = [f"class {class_name}(nn.Module):", f'    """{specs}."""', ""]
    if plan.modules:
        lines += ["    def __init__(self) -> None:", "        super().__init__()"]
        for name, made in plan.modules:
            layer = pruned_layer(made) if expressions.pruned else made
            arguments = [*map(expressions.value, layer.args), *_named(layer)]
            lines.append(_call(f"self.{name} = {_path(layer, sources)}", arguments))
        lines.append("")
    names = _names(plan)
    incoming = ", ".join(f"{names[n]}: torch.Tensor" for n in range(len(plan.input)))
    several = len(plan.outputs) > 1
    outgoing = "tuple[torch.Tensor, ...]" if several else "torch.Tensor"
    lines.append(f"    def forward(self, {incoming}) -> {outgoing}:")
    lines += [_statement(step, names, sources) for step in plan.steps]
    lines.append(f"{_INDENT}return {', '.join(names[n] for n in plan.outputs)}")
    return "\n".join(lines)


def _names(plan: Plan) -> list[str]:
    """A variable for every tensor; names of tensors that nothing reads any more come back."""
    free = list(range(plan.tensors, -1, -1))
    taken = {number: free.pop() for number in range(len(plan.input))}
    register = dict(taken)
    for step, dead in zip(plan.steps, plan.dead_after(), strict=True):
        for number in dead:
            if number in taken:
                free.append(taken.pop(number))
        free.sort(reverse=True)
        for number in step.outputs:
            register[number] = free.pop()
            if number in dead:
                register[number] = -1
            else:
                taken[number] = register[number]
    return [_variable(register[number]) for number in range(plan.tensors)]


def _variable(register: int) -> str:
    if register < 0:
        return "_"
    return f"x{register}" if register else "x"


def _statement(step: Step, names: list[str], sources: Sources) -> str:
    made = ", ".join(names[n] for n in step.outputs)
    read = [names[n] for n in step.inputs]
    if step.layer.is_module:
        return _call(f"{made} = self.{step.module}", read, describe(step.specs))
    given = read if step.module is None else [*read, f"self.{step.module}"]
    arguments = [*given, *map(_value, step.layer.args), *_named(step.layer)]
    return _call(f"{made} = {_path(step.layer, sources)}", arguments, describe(step.specs))


def _named(layer: Layer) -> list[str]:
    return [f"{name}={_value(value)}" for name, value in layer.kwargs]


def _path(layer: Layer, sources: Sources) -> str:
    """How exported code refers to a layer's target."""
    target = layer.target
    name = getattr(target, "__name__", "")
    for prefix, namespace in (
        ("nn", nn),
        ("torch", torch),
        ("F", F),
        ("torch.Tensor", torch.Tensor),
    ):
        if getattr(namespace, name, None) is target:
            if prefix == "F":
                sources.plain.add("import torch.nn.functional as F")
            return f"{prefix}.{name}"
    return sources.require(target)


def _value(value: Any) -> str:
    """A plain value as Python. Everything else is refused: nothing may become code unseen."""
    if value is None or isinstance(value, (bool, int)):
        return repr(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f'float("{value}")'
    if isinstance(value, str):
        text = str.__repr__(value)
        return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text else text
    if isinstance(value, (tuple, list)):
        items = ", ".join(map(_value, value))
        return f"({items},)" if len(value) == 1 else f"({items})"
    raise ExportError(f"cannot write {value!r} as an argument of a layer")


def _call(callee: str, arguments: list[str], comment: str = "") -> str:
    """A statement that calls something, broken as formatters break it."""
    line = f"{_INDENT}{callee}({', '.join(arguments)})"
    if comment and len(line) + len(comment) + 4 <= _WIDTH:
        return f"{line}  # {comment}"
    lead = f"{_INDENT}# {comment}\n" if comment else ""
    if len(line) <= _WIDTH:
        return lead + line
    inner = f"{_INDENT}    {', '.join(arguments)}"
    if len(inner) > _WIDTH:
        inner = "\n".join(f"{_INDENT}    {argument}," for argument in arguments)
    return f"{lead}{_INDENT}{callee}(\n{inner}\n{_INDENT})"
