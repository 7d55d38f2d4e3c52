"""The source of plug-ins that a run uses, as a part of its fingerprint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from einsearch.primitives.base import all_primitives
from einsearch.searchers.registry import all_searchers
from einsearch.tasks.fingerprint import source_fingerprint

_WORD: Final = re.compile(r"[^\W\d]\w*")


def plugin_fingerprint(
    texts: Iterable[str], searcher: str | Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Of the modules of the plug-ins whose primitives are named in some texts, and of a searcher's.

    Args:
        texts: of grammars or networks.
        searcher: name, or name and options; None to leave it out.
    """
    words = {word for text in texts for word in _WORD.findall(text)}
    found = {
        f"source of the primitive {name}": source_fingerprint(type(primitive))
        for name, primitive in all_primitives().items()
        if name in words
    }
    name = searcher if searcher is None or isinstance(searcher, str) else searcher.get("name")
    if (kind := all_searchers().get(str(name))) is not None:
        found[f"source of the searcher {name}"] = source_fingerprint(kind)
    return {part: digest for part, digest in found.items() if digest is not None}
