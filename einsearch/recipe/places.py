"""Which files and folders are data, by their names, and which task reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TABLES: Final = (".csv", ".tsv")
ARRAYS: Final = (".npz",)
TEXTS: Final = (".txt",)
SUFFIXES: Final = (*TABLES, *ARRAYS, *TEXTS)
"""Ends of the names of files that are data."""

_IN_FOLDERS: Final = (*TABLES, *ARRAYS, ".npy")
_IMAGES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_LOOKED_AT: Final = 1000
"""Entries of a folder."""


def is_data(path: Path) -> bool:
    """Whether a path is data by its name: a file that ends as data do, or a folder."""
    return path.is_dir() or path.suffix.lower() in SUFFIXES


def looks_like_data(folder: Path) -> bool:
    """Whether a folder holds arrays or tables, or folders of images."""
    entries = _entries(folder)
    if any(entry.suffix.lower() in _IN_FOLDERS for entry in entries):
        return True
    return any(
        entry.is_dir() and any(one.suffix.lower() in _IMAGES for one in _entries(entry))
        for entry in entries
    )


def task_of(path: Path) -> str:
    """Name of the task that reads data."""
    return "characters" if path.suffix.lower() in TEXTS else "arrays"


def _entries(folder: Path) -> list[Path]:
    found = []
    for entry in folder.iterdir():
        found.append(entry)
        if len(found) >= _LOOKED_AT:
            break
    return found
