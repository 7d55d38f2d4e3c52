"""What figures were taken on."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path


def processor() -> str:
    """Name of the processor, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def environment() -> dict[str, str]:
    """Processor and versions, for a file of results."""
    import torch

    import einsearch

    return {
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "einsearch": einsearch.__version__,
    }


def banner() -> str:
    """The same on one line."""
    found = environment()
    return (
        f"{found['processor']}, Python {found['python']}, torch {found['torch']}, "
        f"einsearch {found['einsearch']}"
    )


def pace() -> float:
    """CPU milliseconds of a fixed loop just now: machines that others use, too, change their speed
    by half within minutes, and figures by as much.
    """
    began = time.process_time()
    total = 0
    for number in range(300_000):
        total += number * number % 7
    return 1e3 * (time.process_time() - began)
