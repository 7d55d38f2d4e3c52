"""Which modules are the user's, and which of them another process could not import."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

_OWN = "einsearch"


def users_modules() -> list[ModuleType]:
    """Modules that are loaded and belong to no installation: not Python's, no package's."""
    found = []
    for name, module in list(sys.modules.items()):
        is_main = name in ("__main__", "__mp_main__")
        if is_main or not isinstance(module, ModuleType) or name.partition(".")[0] == _OWN:
            continue
        if module.__name__ == name and is_users(module):
            found.append(module)
    return found


def lost_modules() -> list[ModuleType]:
    """Those of the user's modules that a process with the same path would not find, or would
    take another file for."""
    return [module for module in users_modules() if not _is_found(module)]


@contextmanager
def by_value(modules: Iterable[ModuleType]) -> Iterator[None]:
    """What is pickled in here carries these modules' functions and classes along."""
    known = cloudpickle.list_registry_pickle_by_value()
    added = [module for module in modules if module.__name__ not in known]
    for module in added:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in added:
            with suppress(ValueError):
                cloudpickle.unregister_pickle_by_value(module)


def is_users(module: ModuleType) -> bool:
    """Whether a module is a file of the user's, or was made by hand."""
    file = getattr(module, "__file__", None)
    if file is None:
        # A package without __init__.py has a spec; one made by hand has nothing.
        return getattr(module, "__spec__", None) is None and not _is_builtin(module.__name__)
    return is_users_file(Path(file))


def is_users_file(path: Path) -> bool:
    """Whether a file that a module is loaded from belongs to no installation."""
    if {"site-packages", "dist-packages"} & set(path.parts):
        return False
    return not any(path.is_relative_to(folder) for folder in _python_folders())


def _is_builtin(name: str) -> bool:
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or top in sys.builtin_module_names


@cache
def _python_folders() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    return tuple({Path(paths[name]) for name in ("stdlib", "platstdlib")})


def _is_found(module: ModuleType) -> bool:
    file = file_of(module)
    return file is not None and leads_to(module.__name__, file)


def file_of(module: ModuleType) -> Path | None:
    """Where a module stands, resolved; None for one that is no file."""
    file = getattr(module, "__file__", None)
    return None if file is None else Path(file).resolve()


def leads_to(name: str, file: Path) -> bool:
    """Whether the finders of Python, as another process has them, come to a file by a name."""
    path: Any = None
    spec: Any = None
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        spec = _find(".".join(parts[:end]), path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
        if path is None and end < len(parts):
            return False
    return spec.origin is not None and Path(spec.origin).resolve() == file.resolve()


def _find(name: str, path: Any) -> Any:
    importlib.invalidate_caches()
    for finder in sys.meta_path:
        with suppress(Exception):  # a finder of others'
            spec = finder.find_spec(name, path)
            if spec is not None:
                return spec
    return None
