"""What is imported is declared, and of other packages nothing private is used."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
FILES = sorted((ROOT / "einsearch").rglob("*.py"))

OF_EXTRAS = {"ray": ["ray"], "export": ["onnx", "onnxscript", "onnxruntime"]}
"""Extra -> what may be imported where it is installed; each such import stands in a function or in
a module that is imported in one."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> set[str]:
    """Names of packages in a list of requirements."""
    return {normal(re.split(r"[\[<>=!~; ]", text, maxsplit=1)[0]) for text in requirements}


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, module) of every absolute import, inside of functions too, with what it takes from
    the module: "numpy", "numpy.typing.NDArray"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def read(path: Path) -> ast.AST:
    return ast.parse(path.read_text("utf-8"))


FOUND = [(path, line, name) for path in FILES for line, name in imports(read(path))]


def top(name: str) -> str:
    return name.partition(".")[0]


def is_ours(name: str) -> bool:
    return top(name) in {"einsearch", "__future__"} or top(name) in sys.stdlib_module_names


def test_every_import_is_declared() -> None:
    known = packages_distributions()
    core = declared(PROJECT["dependencies"])
    extras = {name for names in OF_EXTRAS.values() for name in names}
    undeclared = {
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path, line, name in FOUND
        if not is_ours(name)
        and top(name) not in extras
        and not {normal(package) for package in known.get(top(name), [top(name)])} & core
    }
    assert not undeclared


@pytest.mark.parametrize("extra", OF_EXTRAS)
def test_imports_of_extras_are_declared_there(extra: str) -> None:
    offered = declared(PROJECT["optional-dependencies"][extra])
    assert {normal(name) for name in OF_EXTRAS[extra]} <= offered
    used = {top(name) for _, _, name in FOUND}
    assert set(OF_EXTRAS[extra]) <= used | {"onnxscript", "onnxruntime"}


def test_what_is_declared_is_used() -> None:
    """But for what a library needs to do what it is asked for."""
    known = packages_distributions()
    used = {
        normal(package) for _, _, name in FOUND for package in known.get(top(name), [top(name)])
    }
    assert declared(PROJECT["dependencies"]) - used <= {"cmaes"}


def test_nothing_private_of_other_packages_is_used() -> None:
    """Neither imported, nor reached through a module: a release may take it away."""
    private = {
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path, line, name in FOUND
        if not is_ours(name) and any(part.startswith("_") for part in name.split("."))
    }
    for path in FILES:
        tree = read(path)
        modules = {
            alias.asname or top(alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
            if not is_ours(alias.name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and _is_private(node.attr):
                root: ast.expr = node
                while isinstance(root, ast.Attribute):
                    root = root.value
                if isinstance(root, ast.Name) and root.id in modules:
                    private.add(f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}")
    assert private == set()


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
