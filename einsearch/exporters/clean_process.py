"""Runs exported files in a fresh Python process that cannot import einsearch.

Its time and its memory are bounded: a file that hangs or grows takes nothing else down.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from einsearch.errors import ExportError

if TYPE_CHECKING:
    import torch

SECONDS: Final = 300
"""A process that takes longer has hung."""
MEMORY: Final = 8 * 2**30
"""Bytes that a process may take, beside `_COPIES` of the files' size."""
_COPIES: Final = 10
BATCH: Final = 32
"""Examples that are answered together."""

_PROLOGUE: Final = """
import sys
sys.modules["einsearch"] = None
try:
    import resource
    limit = min([int(sys.argv[4]), *(n for n in resource.getrlimit(resource.RLIMIT_DATA) if n > 0)])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
except (ImportError, ValueError, OSError):
    pass
def answer(network, given, made):
    import torch
    from safetensors.torch import load_file, save_file
    with torch.no_grad():
        parts = [network(x) for x in load_file(given)["x"].split(int(sys.argv[5]))]
        save_file({"y": torch.cat(parts).contiguous()}, made)
def answer_arrays(network, given, made):
    import numpy
    from safetensors.numpy import load_file, save_file
    x, size = load_file(given)["x"], int(sys.argv[5])
    parts = [network(x[at : at + size]) for at in range(0, len(x), size)]
    save_file({"y": numpy.concatenate(parts)}, made)
"""


def answer_in_clean_process(script: str, folder: Path, x: torch.Tensor) -> torch.Tensor:
    """What exported files answer to an input, in a process of their own.

    Args:
        script: Python that ends with `answer(network, sys.argv[2], sys.argv[3])`, or with
            `answer_arrays` for a network that takes NumPy arrays; `sys.argv[1]` is the folder.
        folder: where the exported files are.
        x: input (batch, *input shape).

    Raises:
        ExportError: the process fails, takes more than SECONDS, or more memory than it may.
    """
    from safetensors.torch import load_file, save_file

    allowed = MEMORY + _COPIES * sum(path.stat().st_size for path in folder.iterdir())
    with tempfile.TemporaryDirectory() as scratch:
        given, made = Path(scratch, "x.safetensors"), Path(scratch, "y.safetensors")
        save_file({"x": x.contiguous()}, given)
        words = [str(folder), str(given), str(made), str(allowed), str(BATCH)]
        command = [sys.executable, "-I", "-c", _PROLOGUE + script, *words]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS, cwd=scratch, check=False
            )
        except subprocess.TimeoutExpired:
            raise ExportError(f"the exported files did not answer in {SECONDS} s") from None
        if done.returncode or not made.exists():
            raise ExportError(
                f"the exported files do not run without einsearch: {_fault(done, allowed)}"
            )
        return load_file(made)["y"]


def _fault(done: subprocess.CompletedProcess[str], allowed: int) -> str:
    """Why a process failed, in one line."""
    lines = done.stderr.strip().splitlines()
    last = lines[-1] if lines else "no message"
    if any(word in done.stderr for word in ("MemoryError", "bad_alloc", "allocate memory")):
        return f"they need more than {allowed / 2**30:.1f} GiB of memory"
    if done.returncode < 0:
        names = {number.value: number.name for number in signal.Signals}
        return f"the process was ended by {names.get(-done.returncode, -done.returncode)}"
    return last
