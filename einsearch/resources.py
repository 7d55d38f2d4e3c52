"""Where the files that ship with einsearch lie: packaged grammars and search spaces.

A wheel carries them inside the package; in a checkout they stand beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent


def resource_folder(name: str) -> Path:
    """The folder of packaged files named `name`: "grammars" or "search_spaces".

    Raises:
        FileNotFoundError: this installation has no such folder.
    """
    for folder in (_PACKAGE / f"_{name}", _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation of einsearch has no folder of {name}")


def find_resource(folder: str, name: str, suffix: str) -> Path | None:
    """The packaged file called `name` (with or without its suffix), or None.

    `name` may lie in a subfolder ("blocks/attention.ein"), but not outside `folder`.
    """
    root = resource_folder(folder)
    wanted = (root / (name if name.endswith(suffix) else name + suffix)).resolve()
    return wanted if wanted.is_relative_to(root) and wanted.is_file() else None


def resource_names(folder: str, suffix: str) -> list[str]:
    """Names, without suffix, of the packaged files of a folder, sorted."""
    root = resource_folder(folder)
    return sorted(
        path.relative_to(root).with_suffix("").as_posix() for path in root.rglob(f"*{suffix}")
    )
