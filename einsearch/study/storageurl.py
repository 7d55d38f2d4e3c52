"""URLs of storages without their passwords, as files and messages have them, and whole again.

A password is kept nowhere but in the process that was given it. Any other process finds it in the
environment variable EINSEARCH_STORAGE, which holds the whole URL.
"""

from __future__ import annotations

import os
import re
from typing import Final

from einsearch.errors import RunError

VARIABLE: Final = "EINSEARCH_STORAGE"
HIDDEN: Final = "***"

_PASSWORD: Final = re.compile(r"(://[^:/@?]*):[^@]*@")
_QUERY: Final = re.compile(r"([?&][^=&]*(?:passw|pwd|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)

_given: Final[dict[str, str]] = {}
"""Whole URLs that this process was given, by what is written of them."""


def without_password(url: str) -> str:
    """The URL with stars in place of passwords: "postgresql://me:***@host/runs"."""
    hidden = _PASSWORD.sub(rf"\1:{HIDDEN}@", url, count=1)
    return _QUERY.sub(rf"\1{HIDDEN}", hidden)


def remember(url: str) -> str:
    """Keeps a URL for the life of this process; what may be written of it."""
    written = without_password(url)
    _given[written] = url
    return written


def whole(written: str) -> str:
    """The URL of which this was written.

    Raises:
        RunError: it has a password that neither this process nor the environment knows.
    """
    if HIDDEN not in written:
        return written
    if written in _given:
        return _given[written]
    url = os.environ.get(VARIABLE)
    if url is not None and without_password(url) == written:
        return url
    other = "" if url is None else f"; it holds {without_password(url)}"
    raise RunError(
        f"the record is in {written}, and run folders keep no passwords: "
        f"set {VARIABLE} to the whole URL{other}"
    )
