"""`Founding`: a new run folder, whole or not at all, and taken back without a trace.

A folder that is missing is built under a name of its own beside its place, and renamed when it
stands. One that is there and empty, which may be where people stand or where a disk is mounted,
gets its files one by one, none in the place of another. What is taken back is known by name:
nothing is removed that was not made here.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from einsearch import files as system
from einsearch.errors import FolderTaken, RunError
from einsearch.shown import quoted

_NAMED: Final = 3
"""So many files of a folder that is not empty are named."""


@dataclass(frozen=True)
class Begin:
    """What makes further files of a new folder.

    Attributes:
        make: is given the folder.
        files: names of what it makes.
    """

    make: Callable[[Path], None]
    files: tuple[str, ...]


class Founding:
    """A folder in the making.

    Args:
        path: absolute; missing, or an empty folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folders: list[Path] = []
        self._names: list[str] = []
        self._begin: Begin | None = None

    def build(self, files: Mapping[str, bytes], begin: Begin | None = None) -> None:
        """Makes the folder with its files.

        Args:
            files: relative name -> content; the last one makes it a run.
            begin: makes further files of the folder that it is given, before the last one; what
                it does is known by the names that it gives.

        Raises:
            FolderTaken: something has taken the place meanwhile.
            OSError: it cannot be written; nothing is left then.
        """
        self._begin = begin
        if self._path.exists():
            self._fill(self._path, files)
            return
        self._folders = system.make_folder(self._path.parent)
        draft = system.random_name(self._path, "new")
        try:
            draft.mkdir()
            self._fill(draft, files)
            _rename(draft, self._path)
        except BaseException:
            _empty(draft, self._names)
            system.remove_empty([draft, *self._folders])
            raise
        self._folders.insert(0, self._path)
        system.flush_folder(self._path.parent)

    def take_back(self, files: Iterable[str], folders: Iterable[str]) -> None:
        """Removes what was built and what a run that made no trial has written.

        Args:
            files, folders: names of what a run writes; folders go if they are empty.
        """
        _empty(self._path, [*self._names, *files])
        system.remove_empty([self._path / name for name in folders])
        system.remove_empty(self._folders)

    def _fill(self, folder: Path, files: Mapping[str, bytes]) -> None:
        made = self._names
        inner: list[Path] = []
        try:
            for place, (name, data) in enumerate(files.items(), start=1):
                if place == len(files) and self._begin is not None:
                    made += self._begin.files
                    self._begin.make(folder)
                inner = system.make_folder((folder / name).parent) + inner
                system.add_file(folder / name, data)
                made.append(name)
        except BaseException as error:
            _empty(folder, made)
            system.remove_empty(inner)
            if isinstance(error, FileExistsError):
                raise FolderTaken(
                    f"{folder} is being written to by another program: choose another folder"
                ) from None
            raise


def check_vacant(path: Path, versions: str) -> None:
    """Checks that a run folder may be made.

    Args:
        path: absolute.
        versions: the file by which a run folder is known.

    Raises:
        FolderTaken: it holds a run or anything else, or is a file.
        RunError: it cannot be read.
    """
    if path.is_symlink() and not path.exists():
        raise FolderTaken(f"{path} is a link that leads nowhere: choose another folder")
    if path.exists() and not path.is_dir():
        raise FolderTaken(f"{path} is a file: choose another name for the run folder")
    try:
        names = sorted(item.name for item in path.iterdir()) if path.is_dir() else []
    except OSError as error:
        raise RunError(f"cannot read the folder {path}: {error.strerror}") from None
    if versions in names:
        raise FolderTaken(
            f"{path} holds a run already: go on with `einsearch resume {quoted(path)}`, "
            "or choose another folder"
        )
    if names:
        shown = ", ".join(names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise FolderTaken(
            f"{path} is not empty (it has {shown}{more}): choose another folder; a run needs one "
            f"of its own, missing or empty, such as {path / 'run'}"
        )


def _rename(draft: Path, path: Path) -> None:
    try:
        os.rename(draft, path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
            raise FolderTaken(f"{path} was made meanwhile: choose another folder") from None
        raise


def _empty(folder: Path, names: Iterable[str]) -> None:
    """Removes files of those names, and folders between that are empty then."""
    between: set[Path] = set()
    for name in names:
        with contextlib.suppress(OSError):
            (folder / name).unlink()
        between.update(list(Path(name).parents)[:-1])
    deepest = sorted(between, key=lambda inner: -len(inner.parts))
    system.remove_empty([folder / inner for inner in deepest])
