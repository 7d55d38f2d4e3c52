"""Files that einsearch writes, and paths as people give them.

Whatever einsearch writes goes through here. A file is made under a random name beside its place,
exclusively and through no link, flushed, and renamed: readers see the old or the new file, a link
in the place of a file is replaced and never followed, nothing is written through a hard link, and
nothing that was not made here is ever removed. Functions raise `OSError` as the system gives it;
callers say what they were doing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from einsearch.errors import EinsearchError

_ATTEMPTS: Final = 100
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NO_FOLLOW


def user_path(path: str | Path) -> Path:
    """A path as people write it: absolute, `~` expanded. Raises EinsearchError as `expanded`."""
    return Path(os.path.abspath(expanded(path)))


def expanded(path: str | Path) -> Path:
    """A path as people write it, `~` expanded.

    Raises:
        EinsearchError: it begins with `~name`, and there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise EinsearchError(
            f"the path {path} begins with the home of a user who is not known here; "
            f"write ./{path} for a folder of that name"
        ) from None


def replace_file(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all, in place of what has its name.

    A file that was there before hands on its permissions. Raises OSError.
    """
    temporary = _write_beside(path, data)
    try:
        with contextlib.suppress(OSError):
            before = os.lstat(path)
            if stat.S_ISREG(before.st_mode):
                os.chmod(temporary, stat.S_IMODE(before.st_mode))
        os.replace(temporary, path)
    except BaseException:
        _remove_own(temporary)
        raise
    flush_folder(path.parent)


def add_file(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Writes a file whole or not at all, where nothing has its name.

    Args:
        path: its place.
        data: its content.
        mode: permissions, of which the user's mask takes some away.

    Raises:
        FileExistsError: something has; it stays as it is.
        OSError: it cannot be written.
    """
    temporary = _write_beside(path, data, mode)
    try:
        os.link(temporary, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        _write_new(path, data, mode)
    finally:
        _remove_own(temporary)
    flush_folder(path.parent)


def write_output(path: Path, data: bytes) -> None:
    """Writes a file that a user has named; its folder is made where it is missing.

    A link in its place is replaced, as it may have come with a folder of others. Devices and
    pipes, such as /dev/stdout, are written to. Raises OSError.
    """
    path = user_path(path)
    is_special = path.parts[1:2] in (("dev",), ("proc",))
    if is_special or (path.exists() and not path.is_file()):
        with path.open("wb", buffering=0) as stream:  # a folder is refused by the system
            stream.write(data)
        return
    made = make_folder(path.parent)
    try:
        replace_file(path, data)
    except BaseException:
        remove_empty(made)
        raise


def open_append(path: Path) -> IO[bytes]:
    """A file opened for appending, made where it is missing; a link is not followed, and a file
    that has other names too is made one of its own first.

    Raises:
        OSError: it cannot be opened; ELOOP where it is a link.
    """
    make_own(path)
    return os.fdopen(os.open(path, _APPEND, 0o666), "ab")


@contextlib.contextmanager
def open_changing(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there, opened for reading and writing; a link is not followed, and a file that
    has other names too is made one of its own first. Raises OSError."""
    make_own(path)
    with os.fdopen(os.open(path, os.O_RDWR | _NO_FOLLOW), "rb+") as file:
        yield file


def make_own(path: Path) -> None:
    """Puts a copy in the place of a file that has other names too (hard links, as a copy of a
    folder that saves space has), so that writing to it changes no other. Raises OSError."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        replace_file(path, path.read_bytes())


def make_folder(path: Path) -> list[Path]:
    """Makes a folder with its parents.

    Returns:
        Those that were made, the innermost first: `remove_empty` takes them back.

    Raises:
        OSError: one cannot be made, or a file is in the way.
    """
    missing = []
    place = path
    while not place.exists():
        missing.append(place)
        place = place.parent
    path.mkdir(parents=True, exist_ok=True)
    return missing


def remove_empty(folders: list[Path]) -> None:
    """Removes folders as far as they are empty, the innermost first."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def flush_folder(folder: Path) -> None:
    """Has the names in a folder outlive a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def random_name(path: Path, kind: str) -> Path:
    """A hidden name beside `path` that nothing has: ".run.3f9c21ab.new"."""
    return path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.{kind}")


def _write_beside(path: Path, data: bytes, mode: int = 0o666) -> Path:
    """Writes a new file of a random name beside `path`."""
    for _ in range(_ATTEMPTS):
        temporary = random_name(path, "tmp")
        try:
            _write_new(temporary, data, mode)
        except FileExistsError:
            continue
        return temporary
    raise FileExistsError(f"no free name beside {path}")


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, _NEW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        _remove_own(path)
        raise


def _remove_own(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
