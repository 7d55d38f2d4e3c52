"""Neural architecture search over spaces written as probabilistic grammars.

`import einsearch as es` gives the whole interface; each name is looked up in `einsearch.api` when
it is first asked for, so that importing costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from einsearch.version import __version__

if TYPE_CHECKING:
    from einsearch.api import *  # noqa: F403

__all__ = ["__version__"]


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'einsearch' has no attribute {name!r}")
    api = importlib.import_module("einsearch.api")
    if name not in api.__all__:
        raise AttributeError(f"module 'einsearch' has no attribute {name!r}")
    value = getattr(api, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *importlib.import_module("einsearch.api").__all__})
