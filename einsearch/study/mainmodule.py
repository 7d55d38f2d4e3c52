"""Workers that do not run the script that started them.

A process that Python spawns imports its parent's main module again. A worker needs nothing of it,
since what a script defines travels by value, and may not have it: a script that came through a
pipe is no file, and one without a guard would search again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any


class _Unfiled(ModuleType):
    """A main module as it is, but for the file that it came from. Other threads go on with it."""

    def __init__(self, main: ModuleType) -> None:
        super().__init__(main.__name__)
        self._main = main

    def __getattr__(self, name: str) -> Any:
        if name == "__file__":
            raise AttributeError(name)
        return getattr(self._main, name)


@contextmanager
def without_main() -> Iterator[None]:
    """Processes that are spawned in here do not import the main module."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = _Unfiled(main)
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def is_importable() -> bool:
    """Whether a spawned process could import the main module."""
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is not None:
        return True
    path = getattr(main, "__file__", None)
    return path is not None and Path(path).is_file()
