"""No part of einsearch asks for a primitive by its name where it could ask for a property: a
primitive of a plug-in with that property would be passed over."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import einsearch
from einsearch.primitives.base import all_primitives

ROOT: Final = Path(einsearch.__file__).parent
LOOK_UPS: Final = ("get", "maker", "before")
IMPLIED: Final = "texts mean `clone(n) >> (a, b)` by `(a, b)`, and leave `identity` out"
PART: Final = "a kind of part of a circuit, no primitive"
SECTION: Final = "a section of a search-space file, no primitive"
COLOURS: Final = (
    "colours of families of primitives, which are named after the modules of primitives"
)
ALLOWED: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "cli/primitives.py": (("relu",), "an example of an expression"),
    "compile/fuse.py": (
        ("im2col", "linear", "matmul", "permute", "softmax"),
        "one kernel stands for several calls of just these",
    ),
    "cost/calibrating.py": (("norm", "parameter", "softmax"), "figures of probes, no primitives"),
    "derivation/counts_series.py": (("constant",), PART),
    "derivation/matching.py": (("clone", "identity"), IMPLIED),
    "derivation/parse.py": (("clone",), IMPLIED),
    "derivation/splicing.py": (("clone",), IMPLIED),
    "derivation/target.py": (("clone", "identity"), IMPLIED),
    "derivation/terms.py": (("clone",), IMPLIED),
    "derivation/why_fragment.py": (("clone",), IMPLIED),
    "derivation/why_nearest.py": (("clone",), IMPLIED),
    "derivation/why_values.py": (("clone",), IMPLIED),
    "evaluate/optimizing.py": (("constant",), "a schedule of learning rates, no primitive"),
    "exporters/python_source.py": (("mean",), "a moment of the data, no primitive"),
    "grammar/foreign.py": (("conv1d", "conv2d"), "how names of other libraries are said here"),
    "report/beside.py": (("mean",), "a statistic of several trainings, no primitive"),
    "study/spacereading.py": (("training",), SECTION),
    "study/yamltext.py": (("training",), SECTION),
    "graph/draw.py": (("attention", "experts", "linear", "norm"), COLOURS),
    "graph/formula.py": (
        (
            *("add", "channel_affine", "constant", "maximum", "mean", "mul", "neg", "parameter"),
            *("root_mean_square", "safe_div", "square", "std"),
        ),
        "how just these are written in mathematics; others are written as calls",
    ),
    "graph/simplify.py": (
        ("add", "clone", "concat", "identity", "maximum", "mul", "permute", "split", "zero"),
        "algebra of just these; the hash of every network hangs on it",
    ),
    "graph/svg.py": (("attention", "experts", "linear", "norm"), COLOURS),
}
"""File -> the names that it may ask for, and why."""


def strings(node: ast.AST, constants: dict[str, ast.AST]) -> Iterator[str]:
    """The strings that an operand of a comparison is, or holds."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        for item in node.elts:
            yield from strings(item, constants)
    elif isinstance(node, ast.Dict):
        for key in filter(None, node.keys):
            yield from strings(key, constants)
    elif isinstance(node, ast.Call):
        for argument in node.args:
            yield from strings(argument, constants)
    elif isinstance(node, ast.Name) and node.id in constants:
        yield from strings(constants[node.id], {})


def module_constants(tree: ast.Module) -> dict[str, ast.AST]:
    found: dict[str, ast.AST] = {}
    for item in tree.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.value:
            found[item.target.id] = item.value
        elif isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
            found[item.targets[0].id] = item.value
    return found


def compared(text: str) -> set[str]:
    """Names of primitives that a module compares something with, or looks something up by."""
    tree = ast.parse(text)
    constants, names, found = module_constants(tree), all_primitives().keys(), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for operand in (node.left, *node.comparators):
                found |= names & set(strings(operand, constants))
        elif isinstance(node, (ast.MatchValue, ast.Subscript)):
            found |= names & set(strings(node.value, constants))
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in LOOK_UPS:
            asked = (getattr(node.func, "value", node), *node.args)
            found |= {s for a in asked for s in strings(a, constants)} & names
    return found


def test_names_of_primitives_are_asked_for_in_allowed_places_alone() -> None:
    places = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).parts[0] != "primitives"
        for name in compared(path.read_text(encoding="utf-8"))
    }
    allowed = {(file, name) for file, (names, _) in ALLOWED.items() for name in names}
    assert sorted(places - allowed) == []
    assert sorted(allowed - places) == []


def test_the_test_sees_comparisons() -> None:
    for text in (
        'x = call.primitive.name == "relu"',
        'x = call.name in ("relu", "gelu")',
        'NAMES: Final = frozenset({"relu"})\ndef f(name):\n    return name not in NAMES\n',
        'TABLE = {"relu": 1}\nx = TABLE[call.name]\ny = TABLE.get(call.name)\n',
        'match name:\n    case "relu":\n        pass\n',
    ):
        assert "relu" in compared(text)
    assert compared('x = call.primitive.is_affine\ny = "relu"') == set()
