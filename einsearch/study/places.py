"""Where the checkpoints of a run are kept: its folder, memory, or any file system of fsspec."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Protocol

from einsearch.errors import EinsearchError, RunError, SpaceFileError
from einsearch.files import replace_file
from einsearch.study.folder import CHECKPOINTS, RunFolder
from einsearch.study.storageurl import without_password

_LOCAL: Final = ("file", "local")
_NAMES: Final = "trial-*.ckpt"


class Place(Protocol):
    """Files of bytes by name, each written whole or not at all."""

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, in place of an earlier one. Raises RunError."""
        ...

    def read(self, name: str) -> bytes | None:
        """A file; None where there is none, or it cannot be read."""
        ...

    def remove(self, name: str) -> None:
        """Removes a file, if there is one. Raises RunError."""
        ...

    def names(self) -> list[str]:
        """Of the checkpoints that are there. Raises RunError."""
        ...


class MemoryPlace:
    """Keeps files in the memory of the driver."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def write(self, name: str, content: bytes) -> None:
        self._files[name] = content

    def read(self, name: str) -> bytes | None:
        return self._files.get(name)

    def remove(self, name: str) -> None:
        self._files.pop(name, None)

    def names(self) -> list[str]:
        return list(self._files)


class FolderPlace:
    """Keeps files in a run folder."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def write(self, name: str, content: bytes) -> None:
        self._folder.write(f"{CHECKPOINTS}/{name}", content)

    def read(self, name: str) -> bytes | None:
        try:
            return (self._folder.checkpoints / name).read_bytes()
        except OSError:
            return None

    def remove(self, name: str) -> None:
        try:
            self._folder.inside(f"{CHECKPOINTS}/{name}").unlink(missing_ok=True)
        except OSError as error:
            raise RunError(
                f"cannot remove a checkpoint from {self._folder.checkpoints}: {error.strerror}"
            ) from None

    def names(self) -> list[str]:
        return [path.name for path in self._folder.checkpoints.glob(_NAMES)]


class RemotePlace:
    """Keeps files in a folder that a URL names, such as s3://bucket/checkpoints.

    Args:
        url: of the folder. A path without a scheme is one of this machine, such as a network
            drive.
        run: name of the run, whose checkpoints have a folder of their own in it.

    Raises:
        RunError: the file system cannot be used.
    """

    def __init__(self, url: str, run: str) -> None:
        self._url = f"{url.rstrip('/')}/{run}"
        try:
            self._files, self._root = _file_system(self._url)
            self._files.makedirs(self._root, exist_ok=True)
        except Exception as error:  # of any library
            raise self._unable("cannot make the folder", error) from None

    def write(self, name: str, content: bytes) -> None:
        path = f"{self._root}/{name}"
        try:
            if not _is_local(self._files):  # object stores write all or nothing
                self._files.pipe_file(path, content)
                return
            replace_file(Path(path), content)
        except Exception as error:
            raise self._unable("cannot write a checkpoint to", error) from None

    def read(self, name: str) -> bytes | None:
        try:
            content: bytes = self._files.cat_file(f"{self._root}/{name}")
        except Exception:
            return None
        return content

    def remove(self, name: str) -> None:
        try:
            self._files.rm_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return
        except Exception as error:
            raise self._unable("cannot remove a checkpoint from", error) from None

    def names(self) -> list[str]:
        try:
            self._files.invalidate_cache()
            found = self._files.glob(f"{self._root}/{_NAMES}")
        except Exception as error:
            raise self._unable("cannot list", error) from None
        return [str(path).rsplit("/", 1)[-1] for path in found]

    def _unable(self, what: str, error: Exception) -> RunError:
        return RunError(f"{what} {self._url}: {type(error).__name__}: {error}")


def check_place(url: str) -> None:
    """Raises SpaceFileError where no file system is known for a URL, or its library is missing."""
    if "://" in url and without_password(url) != url:
        raise SpaceFileError(
            f"checkpoints are not kept at {without_password(url)}: the URL holds a secret, which "
            "would be written into the run folder",
            hint="leave it out; fsspec's libraries take secrets from their settings or environment",
        )
    try:
        _file_system(url)
    except ImportError as error:
        raise SpaceFileError(f"checkpoints cannot be kept at {url}: {error}") from None
    except Exception as error:
        raise SpaceFileError(
            f"checkpoints cannot be kept at {url}: {error}",
            hint="it is a path, or a URL such as s3://bucket/folder, gs://bucket/folder, file:///path",
        ) from None


def find_place(folder: RunFolder | None, url: str | None) -> Place:
    """Where the checkpoints of a run go.

    Args:
        folder: of the run; None for a run in memory.
        url: of a folder for the checkpoints of runs; None for the run folder.

    Raises:
        EinsearchError: there is no such place, or a run in memory asks for one.
    """
    if url is None:
        return MemoryPlace() if folder is None else FolderPlace(folder)
    if folder is None:
        raise EinsearchError(
            "checkpoints are kept elsewhere for a run that can be resumed: give search a directory"
        )
    return RemotePlace(url, folder.name)


def _file_system(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    files, root = url_to_fs(url)
    return files, str(root)


def _is_local(files: Any) -> bool:
    protocol = files.protocol
    names = (protocol,) if isinstance(protocol, str) else protocol
    return any(name in _LOCAL for name in names)
