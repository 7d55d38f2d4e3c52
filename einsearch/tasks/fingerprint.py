"""Fingerprints of what the scores of a search hang on: its data, and the source that reads them.

A fingerprint is part -> SHA-256. Files count by their bytes; a task that has none by its arrays.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import Any, Final

import numpy as np

from einsearch.errors import TaskError
from einsearch.tasks.base import Task
from einsearch.tasks.pictures import find_pictures, is_picture_folder
from einsearch.tasks.registry import all_tasks, check_task
from einsearch.tasks.tables import find_tables, is_table

_DATA: Final = (".npy", ".npz", ".csv", ".tsv", ".txt", ".json", ".parquet", ".pt")
"""Files of a folder that count, by the end of their names."""

_OWN: Final = "einsearch."


def data_fingerprint(task: Task, config: Mapping[str, Any], base: Path) -> dict[str, str]:
    """Of the data of a task, and of the plug-in that reads them.

    Args:
        task: with its data.
        config: {name: ..., and its options}.
        base: folder that relative paths start from.

    Raises:
        TaskError: a file cannot be read.
    """
    found: dict[str, str] = {}
    for option, path in data_paths(config, base).items():
        for name, file in _files(path):
            found["/".join(filter(None, ("data", option, name)))] = _of_files(path, file)
    if not found:
        found = {
            "data/training examples": _of_arrays(task.train.x, task.train.y),
            "data/validation examples": _of_arrays(task.valid.x, task.valid.y),
        }
    source = source_fingerprint(all_tasks()[str(config["name"])])
    if source is not None:
        found["source of the task"] = source
    return found


def data_paths(config: Mapping[str, Any], base: Path) -> dict[str, Path]:
    """Options of a task that are paths, absolute. Raises TaskError."""
    _, options = check_task(config)
    return {
        name: base / value.expanduser()
        for name, value in options.items()
        if isinstance(value, Path)
    }


def source_fingerprint(function: Callable[..., Any]) -> str | None:
    """Of the module of a plug-in's function; None for einsearch's own, and where it has no file."""
    module = getattr(function, "__module__", None) or ""
    if f"{module}.".startswith(_OWN):
        return None
    try:
        return _of_bytes(inspect.getsource(importlib.import_module(module)).encode())
    except (OSError, TypeError, ImportError):
        return None


def function_fingerprint(function: Callable[..., Any]) -> dict[str, str]:
    """Of the source of one function, or of the class of an object that is called. Empty where
    Python does not know it.

    A lambda counts by its code, which another version of Python writes otherwise: the source that
    Python knows of it is the whole line that it stands in.
    """
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is not None and code.co_name == "<lambda>":
        part = f"code of the objective in Python {sys.version_info[0]}.{sys.version_info[1]}"
        return {part: _of_bytes(_of_code(code).encode())}
    for thing in (function, type(function)):
        try:
            return {"source of the objective": _of_bytes(inspect.getsource(thing).encode())}
        except (OSError, TypeError):
            continue
    return {}


def _of_code(code: CodeType) -> str:
    """What a piece of code does, whatever line it stands in."""
    constants = [
        _of_code(value)
        if isinstance(value, CodeType)
        else repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)
        for value in code.co_consts
    ]
    return repr((code.co_code, code.co_names, code.co_varnames, constants))


def differences(recorded: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What is not as it was, for people: "data/path has changed". Empty where all is. Parts whose
    source could not be had on one of both sides are passed over, and so are changed files of test
    data: no score of a search hangs on them, and where they are bad they have to be mended."""
    told = []
    for part in sorted(recorded.keys() | found.keys()):
        is_data = part.startswith("data/")
        if part in recorded and part in found:
            if recorded[part] != found[part] and not _is_test(part):
                told.append(f"{part} has changed")
        elif is_data:
            told.append(f"{part} is missing" if part in recorded else f"{part} is new")
    return told


def _is_test(part: str) -> bool:
    """Whether a part is a file that by its name holds test data: data/path/test.csv."""
    *folders, name = part.split("/")
    words = re.split(r"[-_. ]", name.lower())
    return folders[:1] == ["data"] and "test" in words


def _files(path: Path) -> Iterator[tuple[str, Path | Sequence[Path]]]:
    """The files that an option means, by their names in the folder that it is; images of a split
    together."""
    if path.is_file():
        yield "", path
        # Beside X_TRAIN.tsv stand X_TEST.tsv and X_VALID.tsv.
        beside = find_tables(path).values() if is_table(path) else ()
        yield from ((file.name, file) for file in beside if file != path)
    elif path.is_dir():
        yield from _pictures(path)
        try:
            for file in sorted(path.iterdir()):
                if file.suffix.lower() in _DATA and file.is_file():
                    yield file.name, file
        except OSError as error:
            raise TaskError(f"cannot read {path}: {error.strerror}") from None


def _pictures(path: Path) -> Iterator[tuple[str, Sequence[Path]]]:
    """Images of a folder, by their split. Where nothing tells splits apart they are "images"."""
    if not is_picture_folder(path):
        return
    found = find_pictures(path)
    for split, classes in found.items():
        name = "images" if len(found) == 1 else f"{split} images"
        yield name, [file for files in classes.values() for file in files]


def _of_files(root: Path, files: Path | Sequence[Path]) -> str:
    """Of one file, or of several with their places."""
    if isinstance(files, Path):
        return _of_file(files)
    digests = (f"{file.relative_to(root).as_posix()} {_of_file(file)}" for file in files)
    return _of_bytes("\n".join(digests).encode("utf-8", "surrogateescape"))


def _of_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TaskError(f"cannot read {path}: {error.strerror}") from None


def _of_arrays(*arrays: np.ndarray[Any, Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _of_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
