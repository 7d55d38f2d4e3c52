"""A work factory on its way to another process: pickled, its large arrays beside the pickle.

Arrays beside it (pickle protocol 5, PEP 574) travel as they are, so that a cluster can hold them
once on each machine.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import EinsearchError
from einsearch.study.executor import WorkFactory

Dumps = Callable[..., bytes]
"""Like `pickle.dumps`."""

LARGE: Final = 100_000
"""Bytes from which an array travels beside the pickle."""


@dataclass(frozen=True, eq=False)
class Packed:
    """A pickled factory.

    Attributes:
        content: the pickle.
        arrays: (bytes,) uint8 each: the contents of the factory's large arrays.
    """

    content: bytes
    arrays: tuple[NDArray[np.uint8], ...] = ()

    def unpack(self) -> WorkFactory:
        """The factory; its large arrays share memory with `arrays`."""
        factory: WorkFactory = pickle.loads(self.content, buffers=self.arrays)
        return factory

    def with_arrays(self, arrays: Sequence[NDArray[np.uint8]]) -> Packed:
        """The same factory, over other copies of its arrays."""
        return Packed(self.content, tuple(arrays))


def pack(factory: WorkFactory, dumps: Dumps = pickle.dumps) -> Packed:
    """Pickles a factory.

    Args:
        factory: a function of a module, or `functools.partial` of one.
        dumps: what pickles it.

    Raises:
        EinsearchError: the factory cannot be sent to another process.
    """
    arrays: list[NDArray[np.uint8]] = []

    def keep_inside(buffer: pickle.PickleBuffer) -> bool:
        content = buffer.raw()
        if content.nbytes < LARGE:
            return True
        arrays.append(np.frombuffer(content, np.uint8))
        return False

    try:
        content = dumps(factory, protocol=5, buffer_callback=keep_inside)
    except Exception as error:
        raise EinsearchError(
            f"this objective cannot be sent to worker processes: {error}. Define it at the top of "
            "a module, or search without workers"
        ) from None
    return Packed(content, tuple(arrays))
