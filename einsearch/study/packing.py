"""A work factory on its way to another process: pickled, its large arrays beside the pickle.

Arrays beside it (pickle protocol 5, PEP 574) travel as they are, so that a cluster can hold them
once on each machine.
"""

from __future__ import annotations

import io
import pickle
from collections import ChainMap
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any, ClassVar, Final

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from einsearch.errors import EinsearchError
from einsearch.study.executor import WorkFactory
from einsearch.study.mainmodule import is_importable
from einsearch.study.usermodules import by_value, lost_modules, users_modules

LARGE: Final = 100_000
"""Bytes from which an array travels beside the pickle."""


@dataclass(frozen=True, eq=False)
class Packed:
    """A pickled factory.

    Attributes:
        content: the pickle.
        arrays: (bytes,) uint8 each: the contents of the factory's large arrays.
        needs_main: whether the process must import the main module of this one.
    """

    content: bytes
    arrays: tuple[NDArray[np.uint8], ...] = ()
    needs_main: bool = False

    def unpack(self) -> WorkFactory:
        """The factory; its large arrays share memory with `arrays`."""
        factory: WorkFactory = pickle.loads(self.content, buffers=self.arrays)
        return factory

    def with_arrays(self, arrays: Sequence[NDArray[np.uint8]]) -> Packed:
        """The same factory, over other copies of its arrays."""
        return replace(self, arrays=tuple(arrays))


def pack(factory: WorkFactory, *, travels: bool = False) -> Packed:
    """Pickles a factory.

    What its process could not import travels by value: functions and classes of a script, of a
    notebook, of a module that is no file on the path.

    Args:
        factory: builds the work.
        travels: whether it goes to machines that may not have the files of the user's modules.

    Raises:
        EinsearchError: the factory cannot be sent to another process.
    """
    try:
        with by_value(users_modules() if travels else lost_modules()):
            return _packed(factory, Pickler)
    except Exception as error:
        first = error
    with suppress(Exception):
        if travels:
            return _packed(factory, Pickler)
        if is_importable():  # something beside it that does not pickle, such as a lock
            return replace(_packed(factory, pickle.Pickler), needs_main=True)
    raise EinsearchError(
        f"this objective cannot be sent to worker processes: {first}. Make inside of the "
        "objective what does not pickle, such as locks and open files; or search without workers"
    ) from None


def _reduced_code(code: CodeType) -> tuple[Any, tuple[Any, ...]]:
    _, arguments = cloudpickle.Pickler.dispatch_table[CodeType](code)
    return _build_code, (code.co_filename, *arguments)


def _build_code(file: str, *arguments: Any) -> CodeType:
    return CodeType(*arguments).replace(co_filename=file)


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's, whose code keeps the name of its file: tracebacks show where it stands."""

    dispatch_table: ClassVar[Any] = ChainMap(
        {CodeType: _reduced_code}, cloudpickle.Pickler.dispatch_table
    )


def _packed(factory: WorkFactory, pickler: Any) -> Packed:
    arrays: list[NDArray[np.uint8]] = []

    def keep_inside(buffer: pickle.PickleBuffer) -> bool:
        content = buffer.raw()
        if content.nbytes < LARGE:
            return True
        arrays.append(np.frombuffer(content, np.uint8))
        return False

    file = io.BytesIO()
    pickler(file, protocol=5, buffer_callback=keep_inside).dump(factory)
    return Packed(file.getvalue(), tuple(arrays))


def dumps(value: Any) -> bytes:
    """Pickles what a worker has made; by value where its classes came by value.

    Raises:
        Exception: it does not pickle.
    """
    try:
        return pickle.dumps(value)
    except Exception:
        file = io.BytesIO()
        Pickler(file, protocol=5).dump(value)
        return file.getvalue()
