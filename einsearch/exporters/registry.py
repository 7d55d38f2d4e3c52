"""Exporters by name."""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import TypeVar

from einsearch.errors import ExportError
from einsearch.exporters.base import Exporter
from einsearch.plugins import RegistrationError, check_class, is_same, load_plugins, lost_plugin

_REGISTRY: dict[str, Exporter] = {}
_E = TypeVar("_E", bound=type[Exporter])


def register(cls: _E) -> _E:
    """Class decorator that makes an exporter known under its name.

    Raises:
        RegistrationError: it lacks something, or another one has its name.
    """
    check_class("exporter", cls, Exporter)
    if cls.name in _REGISTRY and not is_same(type(_REGISTRY[cls.name]), cls):
        raise RegistrationError(f"an exporter named {cls.name} is registered already")
    _REGISTRY[cls.name] = cls()
    return cls


@lru_cache(maxsize=1)
def _load_all() -> None:
    import einsearch.exporters.onnx
    import einsearch.exporters.onnx_int8
    import einsearch.exporters.pt2
    import einsearch.exporters.python_source
    import einsearch.exporters.weights  # noqa: F401  registers what ships with einsearch

    load_plugins("einsearch.exporters")


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
    hint = f"{lost}; " if (lost := lost_plugin(name)) else hint
    raise ExportError(f"no export format is named {name}; {hint}there are {', '.join(known)}")
