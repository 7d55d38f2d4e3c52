"""The garbage collector waits while something is derived or read.

A derivation makes thousands of small objects, hardly one of them part of a cycle; so does reading
a large grammar. Python's cyclic collector looks at the young ones again and again, which costs as
much as half of the work.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Within it no cycles are looked for; whoever has switched the collector off keeps it so."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
