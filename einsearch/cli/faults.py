"""How a command that failed ends: one message, an exit status, and no traceback on the terminal."""

from __future__ import annotations

import errno
import os
import tempfile
import traceback
from typing import Any, Final

from einsearch.cli.output import WrongCall
from einsearch.cli.terminal import drop_streams, say
from einsearch.errors import EinsearchError, FolderTaken, SettingError
from einsearch.shown import shown, shown_line
from einsearch.version import __version__

DEBUG: Final = "EINSEARCH_DEBUG"
"""Environment variable: where it is set, tracebacks are shown as by `--traceback`."""

FAILED: Final = 1
WRONG_CALL: Final = 2
INTERRUPTED: Final = 130
"""Exit statuses."""

_WRONG_PATH: Final = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENAMETOOLONG,
        errno.ELOOP,
        errno.EINVAL,
        errno.EEXIST,
        errno.ENOTEMPTY,
        errno.ENXIO,
    }
)
"""Errors that say that another path is to be given, not that the machine failed."""


def is_wrong_path(error: OSError) -> bool:
    """Whether another path would help."""
    return error.errno in _WRONG_PATH


def explain(error: Exception) -> int:
    """Says what went wrong, on stderr; gives the exit status."""
    if isinstance(error, BrokenPipeError):
        drop_streams()  # whoever read has read enough, as `head` does
        return FAILED
    status, message = _told(error)
    try:
        say(f"error: {message}" if message else "", error=True)
    except OSError:
        drop_streams()
    return status


def is_usage_error(error: Exception) -> bool:
    """Whether Typer could not read the command line. It has these classes of Click, or its own."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def explain_usage(error: Any) -> int:
    """Says what is wrong in the command line, as Typer does; gives the exit status."""
    from typer import rich_utils

    from einsearch.cli.usage import advice

    message = shown(error.format_message())  # it repeats words of the line, such as names of files
    if more := advice(error, message):
        message = f"{message}\n{more}"
    error.format_message = lambda: message
    rich_utils.rich_format_error(error)
    return int(error.exit_code)


def _told(error: Exception) -> tuple[int, str]:
    if isinstance(error, EinsearchError):
        is_wrong = isinstance(error, (WrongCall, SettingError, FolderTaken))
        return WRONG_CALL if is_wrong else FAILED, str(error)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename is not None else "cannot read or write: "
        status = WRONG_CALL if error.filename is not None and is_wrong_path(error) else FAILED
        return status, place + (error.strerror or str(error) or type(error).__name__)
    if isinstance(error, MemoryError):
        return FAILED, "the memory of this machine does not suffice"
    return FAILED, _defect(error)


def _defect(error: Exception) -> str:
    """One line on an error that is einsearch's own, and where to find the traceback."""
    lines = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {shown_line(lines[0])}" if lines else type(error).__name__
    return f"einsearch {__version__} has a defect: {what[:300]}. {_kept(error)}"


def _kept(error: Exception) -> str:
    """Keeps the traceback in a new file; says where, and what to do with it."""
    try:
        handle, path = tempfile.mkstemp(prefix="einsearch-defect-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return f"Please report it, with what {DEBUG}=1 shows"
    return f"Please report it with the file {path}"
