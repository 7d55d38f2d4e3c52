"""Finding the objective that a search-space file names: `package.module:function`.

Its module is looked for in the folder of the file first, as Python looks in the folder of a script;
then wherever Python finds modules. Nothing but a search, or going on with one, imports it.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from einsearch.errors import SpaceFileError
from einsearch.shown import shortened
from einsearch.study.usermodules import file_of, is_users, leads_to

NAMELESS: Final = "nameless:objective"
"""Stands in the settings of a run whose objective cannot be imported."""
_SCRIPT: Final = ("__main__", "__mp_main__")


def name_of(objective: Any) -> str:
    """How an objective is imported; of a lambda, a local function or a method of an object a name
    that says so."""
    name = getattr(objective, "__qualname__", None)
    module = getattr(objective, "__module__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return NAMELESS
    try:
        is_found = attrgetter(name)(sys.modules[module]) is objective
    except (AttributeError, KeyError):
        is_found = False
    return f"{module}:{name}" if is_found else NAMELESS


def folder_of(objective: Any) -> Path | None:
    """The folder that the module of an objective is imported from, where it is the user's."""
    name = getattr(objective, "__module__", None) or ""
    module = sys.modules.get(name)
    if module is None or name in _SCRIPT or not is_users(module):
        return None
    file = file_of(module)
    if file is None:
        return None
    depth = name.count(".") + (file.name == "__init__.py")
    return file.parents[depth]


def module_file(folder: Path, path: str) -> Path | None:
    """The file of the module of "package.module:function" in a folder; None where it is not."""
    stem = folder.joinpath(*path.partition(":")[0].split("."))
    for file in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
        if file.is_file():
            return file
    return None


def import_objective(path: str, folders: Sequence[Path] = ()) -> Any:
    """The function that "package.module:function" names.

    Args:
        path: its name.
        folders: where its module is looked for first.

    Raises:
        SpaceFileError: it cannot be imported, or is no function.
    """
    name, _, attribute = path.partition(":")
    if path == NAMELESS or name in _SCRIPT:
        whose = "is of a script" if name in _SCRIPT else "has no name that it could be imported by"
        raise SpaceFileError(
            f"the objective of this run {whose}: {path}",
            hint="hand it over: es.open_run(directory).resume(objective=...)",
        )
    file = next((file for folder in folders if (file := module_file(folder, path))), None)
    try:
        found = attrgetter(attribute)(_load(name, file))
    except (Exception, SystemExit) as error:  # whatever the module does when it is imported
        raise _unable(path, name, error) from error
    if not callable(found):
        raise SpaceFileError(f"the objective {path} is no function")
    return found


def _unable(path: str, name: str, error: BaseException) -> SpaceFileError:
    is_missing = isinstance(error, ModuleNotFoundError) and error.name is not None
    is_missing = is_missing and f"{name}.".startswith(f"{getattr(error, 'name', None)}.")
    if is_missing or isinstance(error, AttributeError):
        hint = (
            "it is written package.module:function; the module stands beside the search-space "
            "file, is installed, or its folder is on PYTHONPATH"
        )
        return SpaceFileError(f"cannot import the objective {path}: {error}", hint=hint)
    what = f"{type(error).__name__}: {error}"
    message = f"cannot import the objective {path}: its module raises {what}"
    return SpaceFileError(shortened(message))


def _load(name: str, file: Path | None) -> ModuleType:
    if file is None:
        return importlib.import_module(name)
    folder = str(file.resolve().parents[name.count(".") + (file.name == "__init__.py")])
    if folder not in sys.path:
        sys.path.append(folder)  # for what it imports itself, in workers too
    loaded = sys.modules.get(name)
    if loaded is None and leads_to(name, file):
        loaded = importlib.import_module(name)
    if loaded is not None and file_of(loaded) == file.resolve():
        return loaded
    return _load_beside(name, file)


def _load_beside(name: str, file: Path) -> ModuleType:
    """A module whose name leads to another one, under a name of its own."""
    digest = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]
    own = f"{name.replace('.', '_')}_{digest}"
    if own in sys.modules:
        return sys.modules[own]
    inside = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(own, file, submodule_search_locations=inside)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[own] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[own]
        raise
    return module
