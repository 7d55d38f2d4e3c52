"""Results that a later call of the same benchmark need not compute again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Kept:
    """Results by key, written as they come.

    Args:
        path: JSON lines; None keeps nothing beyond this process.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, Any] = {}
        if path is not None and path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            self._known = dict(map(json.loads, lines))

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        """The result of that key, JSON-ready; made where it is not known."""
        if key not in self._known:
            self.keep(key, make())
        return self._known[key]

    def find(self, key: str) -> Any | None:
        """The result of that key, or None where it is not known."""
        return self._known.get(key)

    def keep(self, key: str, result: Any) -> None:
        """Keeps a JSON-ready result."""
        self._known[key] = result
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, result]) + "\n")
