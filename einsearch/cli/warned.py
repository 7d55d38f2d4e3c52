"""Warnings while a command runs: those of libraries are for who develops, those of users' own code
are for them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from einsearch.cli.terminal import say

LIBRARIES: Final = (
    *("einsearch", "numpy", "scipy", "sklearn", "torch", "optuna", "cmaes", "moocore"),
    *("ray", "onnx", "onnxscript", "onnxruntime", "safetensors", "pydantic"),
)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Leaves out warnings that libraries raise; others come out as all text of others does.

    Who asks for warnings, by PYTHONWARNINGS or `python -W`, gets what is asked for.
    """
    with warnings.catch_warnings():
        if not sys.warnoptions:
            names = "|".join(LIBRARIES)
            warnings.filterwarnings("ignore", module=rf"({names})(\.|$)")
        warnings.showwarning = _show
        yield


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    text = warnings.formatwarning(message, category, filename, lineno, line)
    say(text.rstrip("\n"), error=True)
