"""URLs of storages without their passwords, as files and messages have them, and whole again.

A password is kept nowhere but in the process that was given it. Any other process finds it in the
environment variable EINSEARCH_STORAGE, which holds the whole URL.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from einsearch.errors import RunError
from einsearch.files import user_path

VARIABLE: Final = "EINSEARCH_STORAGE"
HIDDEN: Final = "***"

_HARMLESS: Final = frozenset(
    "application_name cache charset check_same_thread client_encoding connect_timeout db mode "
    "isolation_level pool_size port ssl sslmode ssl_mode target_session_attrs timeout "
    "unix_socket uri user username".split()
)
"""Options of URLs whose values may be written; any other may be a secret, or name a file of
secrets."""

_MEMORY: Final = ("", ":memory:")

_given: Final[dict[str, str]] = {}
"""Whole URLs that this process was given, by what is written of them."""


def without_password(url: str) -> str:
    """The URL with stars in place of passwords and of options that may be secrets:
    "postgresql://me:***@host/runs?sslkey=***"."""
    url, fragment, _ = url.partition("#")
    address, mark, query = url.partition("?")
    scheme, colon, rest = address.partition("://")
    if not scheme.startswith("sqlite") and "@" in rest:  # a path may have both signs
        user, _, host = rest.rpartition("@")
        name, has_password, _ = user.partition(":")
        rest = f"{name}:{HIDDEN}@{host}" if has_password else rest
    options = [_without_value(option) for option in query.replace(";", "&").split("&")]
    shown = f"{scheme}{colon}{rest}{mark}{'&'.join(options)}"
    return f"{shown}#{HIDDEN}" if fragment else shown


def _without_value(option: str) -> str:
    name, equals, value = option.partition("=")
    is_shown = not value or name.lower() in _HARMLESS
    return option if is_shown else f"{name}{equals}{HIDDEN}"


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite storage, absolute, `~` expanded; None for any other storage, and for
    one in memory."""
    scheme, colon, rest = url.partition("://")
    name, _, query = rest.removeprefix("/").partition("?")
    if not colon or scheme.split("+")[0] != "sqlite" or name in _MEMORY or "mode=memory" in query:
        return None
    if name.startswith("file:"):
        name = unquote(name.removeprefix("file:"))
        name = f"/{name.lstrip('/')}" if name.startswith("/") else name
    return None if name in _MEMORY else user_path(name)


def absolute_storage(url: str) -> str:
    """The URL of a storage that means the same in any folder.

    Raises:
        RunError: it is in memory, and ends with the process.
    """
    if not url.startswith("sqlite"):
        return url
    file = sqlite_file(url)
    if file is None:
        raise RunError(
            f"the storage {without_password(url)} is in memory and ends with this process: leave "
            "storage out, or give a file, such as sqlite:///record.db"
        )
    scheme, _, rest = url.partition("://")
    name, mark, query = rest.removeprefix("/").partition("?")
    written = f"file:{quote(str(file))}" if name.startswith("file:") else str(file)
    return f"{scheme}:///{written}{mark}{query}"


def read_only(url: str) -> str:
    """The URL by which a storage is read; of an SQLite file, one that cannot write."""
    file = sqlite_file(url)
    return url if file is None else f"sqlite:///file:{quote(str(file))}?mode=ro&uri=true"


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
