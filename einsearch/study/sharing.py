"""Arrays of a work factory that all workers of this machine map: they are in memory once."""

from __future__ import annotations

import mmap
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np

from einsearch.study.executor import WorkFactory
from einsearch.study.packing import Packed

_ALIGNMENT: Final = 64
"""Bytes at multiples of which arrays begin, as numerical code likes it."""


@dataclass(frozen=True)
class Mapped:
    """A pickled factory whose large arrays lie in a file. It pickles, and stays small.

    Attributes:
        content: the pickle.
        path: of the file.
        places: where each array begins in it, and how many bytes it has.
        needs_main: as of `Packed`.
    """

    content: bytes
    path: str
    places: tuple[tuple[int, int], ...]
    needs_main: bool

    def unpack(self) -> WorkFactory:
        """The factory; its large arrays are those of the file. What is written to them is the
        writer's own."""
        with open(self.path, "rb") as file:
            whole = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), np.uint8)
        arrays = tuple(whole[begin : begin + size] for begin, size in self.places)
        return Packed(self.content, arrays).unpack()


class SharedArrays:
    """The file, for as long as the executor of the workers lives.

    On Linux it is memory without a name, which is gone when this process is, however that ends.

    Args:
        packed: the factory with its arrays.

    Attributes:
        factory: what workers are given.
    """

    def __init__(self, packed: Packed) -> None:
        self._descriptor: int | None = None
        self._path: str | None = None
        self.factory: Packed | Mapped = packed
        if packed.arrays:
            self.factory = self._written(packed)

    def close(self) -> None:
        """Lets go of the file. May be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        if self._path is not None:
            with suppress(OSError):
                os.unlink(self._path)
        self._descriptor = self._path = None

    def _written(self, packed: Packed) -> Mapped:
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("einsearch-data")
            path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
        else:
            self._descriptor, self._path = tempfile.mkstemp(prefix="einsearch-data-")
            path = self._path
        places, end = [], 0
        with open(self._descriptor, "wb", closefd=False) as file:
            for array in packed.arrays:
                begin = -(-end // _ALIGNMENT) * _ALIGNMENT
                file.write(bytes(begin - end))
                file.write(array.data)
                places.append((begin, array.nbytes))
                end = begin + array.nbytes
        return Mapped(packed.content, path, tuple(places), packed.needs_main)
