"""Runs exported files in a fresh Python process that cannot import einsearch."""

from __future__ import annotations

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

_PROLOGUE: Final = """
import sys
sys.modules["einsearch"] = None
from safetensors.torch import load_file, save_file
def answer(network, given, made):
    import torch
    with torch.no_grad():
        save_file({"y": network(load_file(given)["x"]).contiguous()}, made)
"""


def answer_in_clean_process(script: str, folder: Path, x: torch.Tensor) -> torch.Tensor:
    """What exported files answer to an input, in a process of their own.

    Args:
        script: Python that ends with `answer(network, sys.argv[2], sys.argv[3])`; `sys.argv[1]`
            is the folder.
        folder: where the exported files are.
        x: input (batch, *input shape).

    Raises:
        ExportError: the process fails; the message ends with its last line.
    """
    from safetensors.torch import load_file, save_file

    with tempfile.TemporaryDirectory() as scratch:
        given, made = Path(scratch, "x.safetensors"), Path(scratch, "y.safetensors")
        save_file({"x": x.contiguous()}, given)
        paths = [str(folder), str(given), str(made)]
        command = [sys.executable, "-I", "-c", _PROLOGUE + script, *paths]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS, cwd=scratch, check=False
            )
        except subprocess.TimeoutExpired:
            raise ExportError(f"the exported files did not answer in {SECONDS} s") from None
        if done.returncode or not made.exists():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise ExportError(f"the exported files do not run without einsearch: {last}")
        return load_file(made)["y"]
