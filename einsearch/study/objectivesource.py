"""The source that an objective hangs on: of its own function, of what that calls beside it, and of
the modules beside its own that it imports.

Sources are read, never executed. Installed packages do not count, whatever imports them.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

from einsearch.study.importing import folder_of, module_file
from einsearch.study.usermodules import file_of, is_users
from einsearch.tasks.fingerprint import function_fingerprint


def objective_fingerprint(objective: Callable[..., Any]) -> dict[str, str]:
    """Part -> SHA-256, for all of it that Python knows."""
    found = function_fingerprint(objective)
    function = _unwrapped(objective)
    for name, source in _called(function).items():
        found[f"source of {name}, which the objective calls,"] = _digest(source)
    for name, file in _imported(function).items():
        try:
            found[f"source of the module {name}"] = _digest(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            continue
    return found


def local_modules(name: str, file: Path, root: Path) -> dict[str, Path]:
    """Files that a module imports, directly or not, as far as they stand in a folder.

    Args:
        name: of the module, as it is imported.
        file: its file.
        root: the folder that imports begin in.

    Returns:
        Module name -> file, itself included.
    """
    found = {name: file}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        for wanted in _imports(found[current], current):
            parts = wanted.split(".")
            for prefix in (".".join(parts[:end]) for end in range(1, len(parts) + 1)):
                beside = module_file(root, prefix)
                if beside is not None and prefix not in found:
                    found[prefix] = beside
                    waiting.append(prefix)
    return found


def _imports(file: Path, name: str) -> Iterator[str]:
    """Names that a source file may import modules by."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = [*above, *filter(None, [node.module])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def _imported(function: Any) -> dict[str, Path]:
    """The modules beside that of a function which it imports, by name, without its own."""
    name = getattr(function, "__module__", None) or ""
    module = sys.modules.get(name)
    file = None if module is None else file_of(module)
    if module is None or file is None or not (is_users(module) and file.is_file()):
        return {}
    root = folder_of(function) or file.parent
    found = local_modules(name, file, root)
    return {other: path for other, path in found.items() if path.resolve() != file}


def _called(function: Any) -> dict[str, str]:
    """Sources of functions and classes of the same module that a function leads to, by name."""
    found: dict[str, str] = {}
    waiting = [function]
    while waiting:
        current = waiting.pop()
        for name, thing in _named_in(current):
            if name not in found and thing is not function and _is_beside(thing, function):
                try:
                    found[name] = inspect.getsource(thing)
                except (OSError, TypeError):
                    continue
                waiting.append(thing)
    return found


def _named_in(thing: Any) -> Iterator[tuple[str, Any]]:
    """Globals that the code of a function, or of the methods of a class, names."""
    inner = vars(thing).values() if inspect.isclass(thing) else (thing,)
    for function in map(_unwrapped, inner):
        code = getattr(function, "__code__", None)
        names = getattr(function, "__globals__", {})
        for name in sorted(set(_names(code))) if code is not None else ():
            if name in names:
                yield name, _unwrapped(names[name])


def _names(code: CodeType) -> Iterator[str]:
    codes = [code]
    while codes:
        current = codes.pop()
        yield from current.co_names
        codes += [value for value in current.co_consts if isinstance(value, CodeType)]


def _is_beside(thing: Any, function: Any) -> bool:
    is_code = inspect.isfunction(thing) or inspect.isclass(thing)
    return is_code and thing.__module__ == getattr(function, "__module__", None)


def _unwrapped(function: Any) -> Any:
    """The function or class behind partial functions, decorators and objects that are called."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, (staticmethod, classmethod)):
        function = function.__func__
    with contextlib.suppress(ValueError):  # it wraps itself
        function = inspect.unwrap(function)
    is_named = inspect.isfunction(function) or inspect.isclass(function)
    if not is_named and inspect.ismethod(function):
        return function.__func__
    return function if is_named or not callable(function) else type(function)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
