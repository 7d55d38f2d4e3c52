"""How much memory this machine has left for this process, and how it is held to a share of it.

What is free is the least that anybody says: the kernel, the control groups of a container, the
resource limits of the process. A process that is held to its share gets an error from its
allocator, as a machine gives that does not promise more memory than it has. The candidate that
asked for too much fails alone, and the process goes on.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import resource

PART: Final = 0.85
"""Of what is free when a search starts, all its processes together may use so much."""

DRIVER_PART: Final = 0.1
"""Of that, what the driver keeps for its record and its proposals..."""

DRIVER_MOST: Final = 1_000_000_000
"""...but not more bytes than this."""

LEAST: Final = 600_000_000
"""Bytes that a worker needs before it trains anything: Python, PyTorch and a small task."""

_PROC: Final = Path("/proc")
_UNLIMITED: Final = 1 << 60
"""Control groups write a number above this where they have no limit."""


@dataclass(frozen=True)
class Shares:
    """Who may use how much of a machine's memory.

    Attributes:
        free: bytes that were free when the search started; None where the system does not say.
        worker: bytes for each worker process, all that it holds included; None without a bound.
        workers: how many worker processes there are room for.
    """

    free: int | None
    worker: int | None
    workers: int


def share_out(workers: int, free: int | None) -> Shares:
    """Divides what is free among the driver and its workers.

    The shares add up to at most `PART` of what is free. There are fewer workers than asked for
    where each of them would get less than it needs to start.

    Args:
        workers: how many are asked for.
        free: bytes; None where the system does not say.
    """
    if free is None:
        return Shares(None, None, workers)
    usable = PART * free
    usable -= min(DRIVER_MOST, DRIVER_PART * usable)
    fitting = max(1, min(workers, int(usable // LEAST)))
    return Shares(free, int(usable / fitting), fitting)


def share_alone() -> int | None:
    """Bytes that this process may hold while it has no workers, what it holds now included; None
    for any number."""
    share = share_out(1, free_memory()).worker
    return None if share is None else held() + share


def free_memory(root: Path = Path("/")) -> int | None:
    """Bytes that this process can still take without harm to others; None where nothing says.

    Args:
        root: where /proc and /sys are.
    """
    known = [_machine_leaves(root), *_groups_leave(root), *_limits_leave()]
    return min((left for left in known if left is not None), default=None)


def held(pid: int | str = "self") -> int:
    """Bytes that a process holds in memory; 0 where the system does not say."""
    return _pages(pid, 1)


def resident_with_children(pid: int) -> int:
    """Bytes that a process and all that descend from it hold in memory, shared pages of each
    counted once for each; 0 where the system does not say."""
    total, open_pids, seen = 0, [pid], set[int]()
    while open_pids:
        current = open_pids.pop()
        if current in seen:
            continue
        seen.add(current)
        total += held(current)
        with suppress(OSError, ValueError):
            for task in (_PROC / str(current) / "task").iterdir():
                open_pids += map(int, (task / "children").read_text().split())
    return total


def hold_to(share: int | None) -> None:
    """Has this process, for good, get an error where it asks for more than its share.

    Args:
        share: bytes of all that it holds, what it holds now included; None for no bound.
    """
    if share is not None and sys.platform != "win32":
        with suppress(OSError, ValueError):
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (_bound(share, hard), hard))


@contextmanager
def held_to(share: int | None) -> Iterator[None]:
    """The same while a context is open. Use it in the main thread of a program alone."""
    if share is None or sys.platform == "win32":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    lowest = _bound(share, hard if soft == resource.RLIM_INFINITY else soft)
    resource.setrlimit(resource.RLIMIT_DATA, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def process_began() -> float:
    """When this process was started, by `time.monotonic()`; now where the system does not say."""
    now = time.monotonic()
    with suppress(OSError, ValueError, IndexError, AttributeError):
        stat = (_PROC / "self" / "stat").read_text().rpartition(")")[2].split()
        started = int(stat[19]) / os.sysconf("SC_CLK_TCK")
        running = float((_PROC / "uptime").read_text().split()[0]) - started
        return now - max(0.0, running)
    return now


class Peak:
    """The most memory that this process has held since the object was made.

    Linux keeps such a mark for each process, and lets it be set back.
    """

    def __init__(self) -> None:
        with suppress(OSError):
            (_PROC / "self" / "clear_refs").write_text("5")
        self.before = held()

    def growth(self) -> int | None:
        """Bytes of the peak above what was held at first; None where the system does not say."""
        with suppress(OSError, ValueError, IndexError):
            lines = (_PROC / "self" / "status").read_text().splitlines()
            found = next(line for line in lines if line.startswith("VmHWM:"))
            return max(0, 1024 * int(found.split()[1]) - self.before)
        return None


def _bound(share: int, hard: int) -> int:
    """The limit on private memory at which all that the process holds is at its share."""
    private = max(0, _pages("self", 5) + share - held())
    return private if hard == resource.RLIM_INFINITY else min(private, hard)


def _pages(pid: int | str, column: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        pages = (_PROC / str(pid) / "statm").read_text().split()[column]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _machine_leaves(root: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        lines = (root / "proc/meminfo").read_text().splitlines()
        found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
        return 1024 * int(found[0])
    return None


def _groups_leave(root: Path) -> list[int]:
    """What each control group above this process leaves, of either version."""
    try:
        rows = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found: list[int] = []
    for row in rows:
        _, _, rest = row.partition(":")
        controllers, _, name = rest.partition(":")
        if not controllers:
            files = ("memory.max", "memory.current", "inactive_file")
            found += _tree_leaves(root / "sys/fs/cgroup", name, files)
        elif "memory" in controllers.split(","):
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            found += _tree_leaves(root / "sys/fs/cgroup/memory", name, files)
    return found


def _tree_leaves(top: Path, name: str, files: tuple[str, str, str]) -> list[int]:
    """What a group and those that it is part of leave. Inside a container the group's own name
    may not be there, and the top is the container's."""
    group, found = top / name.strip("/"), []
    while True:
        with suppress(OSError, ValueError):
            most, used = (int((group / file).read_text()) for file in files[:2])
            if most < _UNLIMITED:
                found.append(max(0, most - used + _reclaimable(group, files[2])))
        if group == top or top not in group.parents:
            return found
        group = group.parent


def _reclaimable(group: Path, name: str) -> int:
    """Bytes of files in memory that the kernel drops when it needs room."""
    with suppress(OSError, ValueError):
        for line in (group / "memory.stat").read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def _limits_leave() -> list[int]:
    """What the resource limits of this process leave."""
    if sys.platform == "win32":
        return []
    found = []
    for kind, column in ((resource.RLIMIT_AS, 0), (resource.RLIMIT_DATA, 5)):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            found.append(max(0, soft - _pages("self", column)))
    return found
