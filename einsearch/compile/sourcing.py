"""Source of kernels and all that they refer to, so that it stands on torch alone."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import textwrap
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from types import FunctionType, ModuleType
from typing import Any, Final

from einsearch.errors import ExportError

_ALLOWED: Final = sys.stdlib_module_names | {"torch"}


@dataclass
class Sources:
    """Definitions and imports of an exported file, in an order in which they can stand.

    Attributes:
        definitions: source by name, dependencies first.
        plain: statements `import x` and `import x as y`.
        named: names imported by `from module import ...`, by module.
    """

    definitions: dict[str, str] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)
    named: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _owners: dict[str, tuple[str, str]] = field(default_factory=dict)

    def require(self, target: Any) -> str:
        """Takes in a function or class of einsearch or a plug-in; the name to call it by.

        Raises:
            ExportError: its source cannot stand on torch and the standard library.
        """
        name: str = target.__name__
        self._define(target.__module__, name)
        return name

    def imports(self) -> str:
        """The import statements, sorted, the standard library's first."""
        lines = [(line.split()[1], 0, line) for line in self.plain]
        for module, names in self.named.items():
            listed = ", ".join(sorted(names, key=lambda n: (not n[0].isupper(), n)))
            lines.append((module, 1, f"from {module} import {listed}"))
        sections = []
        for own in (False, True):
            chosen = [x for x in lines if (x[0].partition(".")[0] == "torch") is own]
            ordered = sorted(chosen, key=lambda x: (x[1], x[0], x[2]))
            sections.append("\n".join(line for _, _, line in ordered))
        return "\n\n".join(section for section in sections if section)

    def _define(self, module: str, name: str) -> None:
        owner = (module, name)
        if self._owners.setdefault(name, owner) != owner:
            other = ".".join(self._owners[name])
            raise ExportError(f"{other} and {module}.{name} have one name: rename one to export")
        if name in self.definitions:
            return
        page = _page(module)
        node = page.definitions.get(name)
        if node is None:
            raise ExportError(f"{module}.{name} is not defined at the top of its file")
        self.definitions[name] = ""
        for used in sorted(_names(node)):
            self._refer(module, page, used)
        del self.definitions[name]
        self.definitions[name] = _segment(page, node)

    def _refer(self, module: str, page: _Page, name: str) -> None:
        if name in page.definitions:
            self._define(module, name)
        elif name in page.imports:
            self._import(module, name, page.imports[name])
        elif not hasattr(builtins, name) and name in vars(sys.modules[module]):
            raise ExportError(f"cannot tell where {module} takes {name} from")

    def _import(self, module: str, name: str, origin: tuple[str, str | None]) -> None:
        source, attribute = origin
        value = vars(sys.modules[module])[name]
        if attribute is not None and not isinstance(value, ModuleType):
            home = getattr(value, "__module__", "")
            if isinstance(value, (type, FunctionType)) and source.partition(".")[0] not in _ALLOWED:
                self._define(home, name)
                return
        if source.partition(".")[0] not in _ALLOWED:
            raise ExportError(
                f"{module} uses {name} of {source}, which exported code cannot import"
            )
        if attribute is None:
            self.plain.add(f"import {source}" + ("" if name == source else f" as {name}"))
        else:
            self.named[source].add(attribute + ("" if name == attribute else f" as {name}"))


@dataclass(frozen=True)
class _Page:
    """One source file: its text, its top-level definitions and what it imports."""

    text: str
    definitions: dict[str, ast.stmt]
    imports: dict[str, tuple[str, str | None]]


@lru_cache(maxsize=256)
def _page(module: str) -> _Page:
    text = inspect.getsource(sys.modules[module])
    definitions: dict[str, ast.stmt] = {}
    imports: dict[str, tuple[str, str | None]] = {}
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            definitions[node.name] = node
        elif isinstance(node, ast.Assign):
            definitions.update({t.id: node for t in node.targets if isinstance(t, ast.Name)})
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            definitions[node.target.id] = node
        elif isinstance(node, ast.Import):
            imports.update({a.asname or a.name.split(".")[0]: (a.name, None) for a in node.names})
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports.update({a.asname or a.name: (node.module, a.name) for a in node.names})
    return _Page(text, definitions, imports)


def _names(node: ast.stmt) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _segment(page: _Page, node: ast.stmt) -> str:
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(d.lineno for d in decorators)])
    lines = page.text.splitlines()[first - 1 : node.end_lineno]
    return textwrap.dedent("\n".join(lines))
