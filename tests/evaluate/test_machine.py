"""Memory: what is free, who gets how much, and that a process cannot go beyond its share."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.evaluate import machine
from einsearch.evaluate.machine import (
    DRIVER_MOST,
    DRIVER_PART,
    LEAST,
    PART,
    Peak,
    free_memory,
    held,
    held_to,
    share_out,
)

GB = 10**9


@given(workers=st.integers(1, 256), free=st.integers(0, 10**13))
def test_shares_add_up_to_less_than_what_is_free(workers: int, free: int) -> None:
    shares = share_out(workers, free)
    assert shares.worker is not None
    assert 1 <= shares.workers <= workers
    driver = min(DRIVER_MOST, DRIVER_PART * PART * free)
    assert shares.workers * shares.worker + driver <= PART * free + shares.workers
    if shares.workers > 1:
        assert shares.worker >= LEAST


def test_a_machine_that_does_not_say_bounds_nothing() -> None:
    assert share_out(4, None) == machine.Shares(None, None, 4)


def test_fewer_workers_where_each_would_have_too_little() -> None:
    assert share_out(64, 8 * GB).workers == 10


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MEMINFO = {"proc/meminfo": "MemTotal: 99 kB\nMemAvailable: 20000000 kB\n"}


def test_the_kernel_is_asked(tmp_path: Path) -> None:
    assert free_memory(tree(tmp_path, MEMINFO)) == 20_000_000 * 1024
    assert free_memory(tmp_path / "nowhere") is None


def test_a_control_group_of_version_2_and_those_above_it(tmp_path: Path) -> None:
    root = tree(tmp_path, {
        **MEMINFO,
        "proc/self/cgroup": "0::/a/b\n",
        "sys/fs/cgroup/a/b/memory.max": "max\n",
        "sys/fs/cgroup/a/b/memory.current": "5\n",
        "sys/fs/cgroup/a/memory.max": f"{4 * GB}\n",
        "sys/fs/cgroup/a/memory.current": f"{3 * GB}\n",
        "sys/fs/cgroup/a/memory.stat": f"anon 7\ninactive_file {GB // 2}\n",
    })  # fmt: skip
    assert free_memory(root) == 3 * GB // 2


def test_the_group_of_a_container_is_its_top(tmp_path: Path) -> None:
    """Inside, the group's own name of outside does not exist."""
    root = tree(tmp_path, {
        **MEMINFO,
        "proc/self/cgroup": "0::/docker/4711\n",
        "sys/fs/cgroup/memory.max": f"{2 * GB}\n",
        "sys/fs/cgroup/memory.current": f"{GB}\n",
    })  # fmt: skip
    assert free_memory(root) == GB


def test_a_control_group_of_version_1(tmp_path: Path) -> None:
    root = tree(tmp_path, {
        **MEMINFO,
        "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/job\n",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": f"{3 * GB}\n",
        "sys/fs/cgroup/memory/job/memory.usage_in_bytes": f"{GB}\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{9 * GB}\n",
    })  # fmt: skip
    assert free_memory(root) == 2 * GB


def test_a_resource_limit_counts() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with held_to(held() + 300_000_000):
        left = free_memory()
    assert left is not None
    assert 250_000_000 < left <= 300_000_000
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_what_asks_for_more_than_its_share_gets_an_error_and_goes_on() -> None:
    with held_to(held() + 200_000_000):
        bytearray(100_000_000)
        with pytest.raises(MemoryError):
            bytearray(400_000_000)
        bytearray(100_000_000)
    bytearray(400_000_000)


GROW = """
import torch
from einsearch.evaluate.machine import held, hold_to
hold_to(held() + 500_000_000)
kept = []
try:
    while len(kept) < 300:
        kept.append(torch.ones(25_000_000))
except RuntimeError as error:
    print(len(kept), "can't allocate memory" in str(error))
"""


def test_a_child_that_would_grow_to_30_gb_is_stopped_at_its_share() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GROW], capture_output=True, text=True, check=True, timeout=100
    )
    count, is_clear = done.stdout.split()
    assert 3 <= int(count) <= 5, "pieces of 100 MB"
    assert is_clear == "True"


def test_the_peak_is_that_since_the_object_was_made() -> None:
    bytearray(300_000_000)
    peak = Peak()
    first = peak.growth()
    assert first is not None
    assert first < 100_000_000
    del first
    bytearray(200_000_000)
    grown = peak.growth()
    assert grown is not None
    assert 190_000_000 < grown < 260_000_000
