"""Arrays in files: an `.npz`, or a folder of `.npy`. Headers first, data when asked, no pickles."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from einsearch.errors import TaskError

ARRAYS: Final = ("train_x", "train_y", "valid_x", "valid_y", "test_x", "test_y")
"""The arrays that a task looks for; others in the same place are left alone."""

_HEADERS: Final = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


@dataclass(frozen=True)
class StoredArray:
    """An array in a file of which only the header has been read.

    Attributes:
        path: the `.npz` or `.npy` file.
        name: "train_x", ...
        shape, dtype: as the header says.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self) -> NDArray[Any]:
        """The data.

        Raises:
            TaskError: the file is damaged, or has gone.
        """
        with _readable(self.path, self.name):
            loaded = np.load(self.path, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            with loaded:
                array: NDArray[Any] = loaded[self.name]
                return array

    def __str__(self) -> str:
        shape = "x".join(map(str, self.shape)) or "a single number"
        return f"{self.name} ({shape}, {self.dtype}) in {self.path}"


@contextmanager
def _readable(path: Path, name: str) -> Iterator[None]:
    """Turns what a damaged file makes NumPy raise into a TaskError."""
    try:
        yield
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise TaskError(
            f"cannot read {name} in {path}: {error}; "
            "save it again with numpy.save or numpy.savez, as plain numbers"
        ) from None


def find_arrays(path: Path) -> Mapping[str, StoredArray]:
    """What an `.npz` file or a folder of `.npy` files holds of `ARRAYS`, by name.

    Raises:
        TaskError: there is nothing at `path`, it is no such file or folder, or an array in it is
            damaged or holds Python objects.
    """
    if not path.exists():
        raise TaskError(
            f"there is no file or folder {path}: give an .npz, a .csv, a .tsv, "
            "or a folder of .npy files"
        )
    if path.is_dir():
        return _find_in_folder(path)
    if path.suffix != ".npz":
        raise TaskError(f"{path} is neither an .npz, .csv or .tsv file nor a folder of .npy files")
    return _find_in_archive(path)


def _find_in_folder(folder: Path) -> dict[str, StoredArray]:
    found = {}
    for name in ARRAYS:
        file = folder / f"{name}.npy"
        if file.is_file():
            with _readable(file, name), file.open("rb") as stream:
                found[name] = _header(stream, file, name)
    archives = sorted(folder.glob("*.npz"))
    if not found and archives:
        raise TaskError(f"{folder} has no .npy files, but {archives[0].name}: give its own path")
    return found


def _find_in_archive(path: Path) -> dict[str, StoredArray]:
    found = {}
    with _readable(path, "arrays"), zipfile.ZipFile(path) as archive:
        members = set(archive.namelist())
        for name in ARRAYS:
            if f"{name}.npy" in members:
                with archive.open(f"{name}.npy") as stream:
                    found[name] = _header(stream, path, name)
    return found


def _header(stream: IO[bytes], path: Path, name: str) -> StoredArray:
    version = npy.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"its format is version {version}, which holds no plain numbers")
    shape, _, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise TaskError(
            f"{name} in {path} holds Python objects, which are never unpickled: "
            "convert it to an array of numbers and save it again"
        )
    return StoredArray(path, name, shape, dtype)
