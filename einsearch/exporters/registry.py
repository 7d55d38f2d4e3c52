"""Exporters by name."""

from __future__ import annotations

import difflib
from functools import lru_cache
from importlib.metadata import entry_points
from typing import TypeVar

from einsearch.errors import ExportError
from einsearch.exporters.base import Exporter

_REGISTRY: dict[str, Exporter] = {}
_E = TypeVar("_E", bound=type[Exporter])


def register(cls: _E) -> _E:
    """Class decorator that makes an exporter known under its name."""
    if cls.name in _REGISTRY and type(_REGISTRY[cls.name]).__qualname__ != cls.__qualname__:
        raise ValueError(f"an exporter named {cls.name} is registered already")
    _REGISTRY[cls.name] = cls()
    return cls


@lru_cache(maxsize=1)
def _load_all() -> None:
    import einsearch.exporters.onnx
    import einsearch.exporters.onnx_int8
    import einsearch.exporters.pt2
    import einsearch.exporters.python_source
    import einsearch.exporters.weights  # noqa: F401  registers what ships with einsearch

    for entry in entry_points(group="einsearch.exporters"):
        entry.load()


def all_exporters() -> dict[str, Exporter]:
    """Every known exporter by name, sorted, those of other packages' entry points included."""
    _load_all()
    return dict(sorted(_REGISTRY.items()))


def get_exporter(name: str) -> Exporter:
    """The exporter of that name.

    Raises:
        ExportError: there is none; the message lists what there is.
    """
    known = all_exporters()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ExportError(f"no export format is named {name}; {hint}there are {', '.join(known)}")
