"""The grammar as used, with all that it imports, as files of a run folder.

Imports are stored under the names by which they are imported, and every name is looked up among
the copies: a run stays the same when the packaged grammars change.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Final

from einsearch.grammar.model import Grammar
from einsearch.resources import resource_folder
from einsearch.study.folder import GRAMMAR, VERSIONS

_LEVEL: Final = "grammar"
"""Folder that stands for one level that an import climbs: `import "../blocks.ein" (...)`."""


def copied_name(grammar: Grammar) -> str:
    """Where the grammar file itself goes: deep enough that no import climbs out of the folder."""
    imports = _imports(grammar)
    climbs = max((name.split("/").count("..") for name in imports), default=0)
    name = GRAMMAR
    while name in imports:
        name = f"main-{name}"
    return posixpath.join(*[_LEVEL] * climbs, name)


def copied_files(grammar: Grammar) -> dict[str, str]:
    """Name in the run folder -> text, of the grammar and what it imports."""
    name = copied_name(grammar)
    inside = posixpath.dirname(name)
    imports = {
        posixpath.normpath(posixpath.join(inside, imported)): grammar.sources[imported]
        for imported in _imports(grammar)
    }
    return {**imports, name: grammar.text}


def import_folder(grammar: Path, base: Path) -> Path:
    """Where the imports of a grammar file are looked up, if they are not beside the importer.

    Args:
        grammar: the file.
        base: folder of the search-space file that names it; perhaps a run folder.
    """
    return grammar.parent if (base / VERSIONS).is_file() else resource_folder("grammars")


def _imports(grammar: Grammar) -> list[str]:
    """Names of imported files; those given from the root of the file system are not copied."""
    return [name for name in list(grammar.sources)[1:] if not posixpath.isabs(name)]
