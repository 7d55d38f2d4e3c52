"""Arrays in files: an `.npz`, or a folder of `.npy`. Headers first, data when asked, no pickles.

What a header promises is compared with what the file can hold before memory is taken for it.
"""

from __future__ import annotations

import io
import lzma
import math
import tokenize
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.tasks.arraynames import recognised
from einsearch.tasks.labels import plain
from einsearch.tasks.stored import RowFile

_HEADERS: Final = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}
_LONGEST_HEADER: Final = 16_384
"""Bytes. NumPy itself refuses to read more than 10,000."""
_DEFLATED: Final = 1032
"""Deflate makes nothing smaller than by this factor."""
_LISTED: Final = 8
LARGE: Final = 2**30
"""Bytes of an array as float32 from which it stays on disk."""
_PART: Final = 8
"""So does one that takes more than this part of the memory that is free."""
_FLOAT32: Final = 4
_MEMINFO: Final = Path("/proc/meminfo")

_DAMAGE: Final = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, NotImplementedError, SyntaxError,
    RecursionError, MemoryError, TypeError, OverflowError, AttributeError, IndexError,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError,
)  # fmt: skip
"""What reading a damaged or made-up file may raise."""


@dataclass(frozen=True)
class StoredArray(ABC):
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

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features or answers; nothing where they have none."""
        return ()

    @property
    def notes(self) -> tuple[str, ...]:
        """How the file was read, where it might have been meant otherwise; a sentence each."""
        return ()

    @abstractmethod
    def read(self) -> NDArray[Any]:
        """The data.

        Raises:
            TaskError: the file is damaged, or has gone or changed.
        """

    def texts(self) -> list[str]:
        """A text for each example, without space around it. Raises TaskError as `read` does."""
        return [str(text) for text in plain(self.read().reshape(-1))]

    def refusal(self, index: int, reason: str) -> TaskError:
        """An error that says which example is wrong, counted from 0."""
        return TaskError(f"{self}, example {index}: {reason}")

    def __str__(self) -> str:
        shape = "x".join(map(str, self.shape)) or "a single number"
        return f"{self.name} ({shape}, {self.dtype}) in {self.path}"


@dataclass(frozen=True)
class FileArray(StoredArray):
    """An array of NumPy's.

    Attributes:
        member: its name in the archive, or None where the file holds it alone.
        offset: bytes of the file before its first number.
        is_by_column: whether numbers of one column stand beside each other, and not of one row.
    """

    member: str | None
    offset: int = 0
    is_by_column: bool = False

    @property
    def stays(self) -> bool:
        """Whether it is too large to be read at once, and can be read by rows."""
        if self.member is not None or self.is_by_column or self.dtype.kind not in "iubf":
            return False
        wanted = math.prod(self.shape) * max(self.dtype.itemsize, _FLOAT32)
        free = _free_memory()
        return wanted > (LARGE if free is None else min(LARGE, free // _PART))

    def row_file(self) -> RowFile:
        """Its rows, where they are read a few at a time. Raises TaskError."""
        with _readable(self.path, self.name):
            now = _open_header(self.path, self.name, self.member)
            if now != self:
                raise TaskError(f"{self} has changed since the run began: start a new run")
        return RowFile(self.path, self.offset, self.shape, self.dtype)

    def read(self) -> NDArray[Any]:
        with _readable(self.path, self.name):
            now = _open_header(self.path, self.name, self.member)
            if (now.shape, now.dtype) != (self.shape, self.dtype):
                raise TaskError(f"{self} has changed since the run began: start a new run")
            check_memory(self)
            with _stream(self.path, self.member) as (stream, _):
                array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
                return array


@contextmanager
def _readable(path: Path, name: str) -> Iterator[None]:
    """Turns what a damaged file makes NumPy raise into a TaskError."""
    try:
        yield
    except TaskError:
        raise
    except _DAMAGE as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TaskError(
            f"cannot read {name} in {path}: {told}; "
            "save it again with numpy.save or numpy.savez, as plain numbers"
        ) from None


@contextmanager
def _stream(path: Path, member: str | None) -> Iterator[tuple[IO[bytes], int]]:
    """The bytes of an array, and how many there are."""
    if member is None:
        with path.open("rb") as file:
            yield file, path.stat().st_size
        return
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(member)
        _check_member(info, path)
        with archive.open(info) as stream:
            yield stream, info.file_size


def _check_member(info: zipfile.ZipInfo, path: Path) -> None:
    """Raises ValueError where a member of an archive cannot be what it says."""
    if info.flag_bits & 1:
        raise ValueError("it is encrypted")
    stored, held = info.compress_size, info.file_size
    if stored > path.stat().st_size:
        raise ValueError("the file ends before it does")
    if info.compress_type == zipfile.ZIP_STORED and stored != held:
        raise ValueError(f"it says to hold {held:,} bytes, and holds {stored:,}")
    if info.compress_type == zipfile.ZIP_DEFLATED and held > _DEFLATED * (stored + 1):
        raise ValueError(f"{stored:,} compressed bytes cannot hold the {held:,} that it speaks of")


def _open_header(path: Path, name: str, member: str | None) -> FileArray:
    """Raises TaskError, and what `_DAMAGE` lists."""
    with _stream(path, member) as (stream, size):
        head = io.BytesIO(stream.read(_LONGEST_HEADER))
    version = npy.read_magic(head)
    if version not in _HEADERS:
        raise ValueError(f"its format is version {version}, which holds no plain numbers")
    shape, is_by_column, dtype = _HEADERS[version](head)
    if dtype.hasobject:
        raise TaskError(
            f"{name} in {path} holds Python objects, which are never unpickled: "
            "convert it to an array of numbers and save it again; .astype(str) makes words of it"
        )
    if any(not isinstance(length, int) or length < 0 for length in shape):
        raise ValueError(f"its header says that its shape is {shape}")
    wanted, there = math.prod(shape) * dtype.itemsize, size - head.tell()
    if wanted > there:
        raise ValueError(
            f"its header speaks of {'x'.join(map(str, shape))} elements, {wanted:,} bytes, "
            f"and there are {there:,}"
        )
    return FileArray(path, name, tuple(shape), dtype, member, head.tell(), is_by_column)


def check_memory(
    array: StoredArray, hint: str = "save fewer examples, or smaller numbers such as uint8"
) -> None:
    """Raises TaskError where an array is larger than the memory that is free."""
    free = _free_memory()
    wanted = math.prod(array.shape) * array.dtype.itemsize
    if free is not None and wanted > free:
        raise TaskError(
            f"{array} takes {wanted / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB of memory are free: "
            f"{hint}"
        )


def _free_memory() -> int | None:
    """Bytes that the machine says are free; None where it does not."""
    try:
        lines = _MEMINFO.read_text().splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    kilobytes = next(found, None)
    return None if kilobytes is None else 1024 * int(kilobytes)


def find_arrays(path: Path) -> Mapping[str, StoredArray]:
    """What an `.npz` file or a folder of `.npy` files holds, by the names of `ARRAYS`.

    Raises:
        TaskError: there is nothing at `path`, it is no such file or folder, it has no arrays to
            train on, or an array in it is damaged or holds Python objects.
    """
    if not path.exists():
        raise TaskError(
            f"there is no file or folder {path}: give an .npz, a .csv, a .tsv, "
            "a folder of .npy files, or of folders of images"
        )
    if not path.is_dir() and path.suffix != ".npz":
        raise TaskError(f"{path} is neither an .npz, .csv or .tsv file nor a folder of .npy files")
    members = _members_of_folder(path) if path.is_dir() else _members_of_archive(path)
    meant = recognised(members, path)
    missing = [name for name in ("train_x", "train_y") if name not in meant]
    if missing:
        _refuse(path, members, missing)
    found = {}
    for name, given in meant.items():
        file, member = members[given]
        with _readable(file, name):
            found[name] = _open_header(file, name, member)
    return found


Members = Mapping[str, tuple[Path, str | None]]
"""By name of the array, its file and its name in there."""


def _members_of_folder(folder: Path) -> Members:
    files = {file.stem: (file, None) for file in sorted(folder.glob("*.npy")) if file.is_file()}
    archives = sorted(folder.glob("*.npz"))
    if not files and archives:
        raise TaskError(f"{folder} has no .npy files, but {archives[0].name}: give its own path")
    return files


def _members_of_archive(path: Path) -> Members:
    with _readable(path, "arrays"), zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        return {name.removesuffix(".npy"): (path, name) for name in names}


def _refuse(path: Path, members: Members, missing: list[str]) -> None:
    """Raises TaskError: says which arrays there are."""
    shown = []
    for given, (file, member) in list(members.items())[:_LISTED]:
        try:
            array = _open_header(file, given, member)
            shown.append(f"{given} ({'x'.join(map(str, array.shape))}, {array.dtype})")
        except (TaskError, *_DAMAGE):
            shown.append(f"{given} (cannot be read)")
    shown += ["..."] if len(members) > _LISTED else []
    held = f"it holds {', '.join(shown)}" if shown else "it holds no arrays"
    if len(missing) == 2:
        told = "has no train_x and train_y: a task needs at least these"
    else:
        told = f"has train data, but no {missing[0]}: add it"
    raise TaskError(f"{path} {told}; {held}")
