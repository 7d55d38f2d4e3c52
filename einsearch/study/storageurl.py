"""URLs of storages without their passwords, as files and messages have them, and whole again.

A password is kept nowhere but in the process that was given it. Any other process finds it in the
environment variable EINSEARCH_STORAGE, which holds the whole URL.
"""

from __future__ import annotations

import os
import re
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

_SEPARATORS: Final = re.compile("([&;])")
_PARTS: Final = re.compile("[:/@?&;=#]")
_SHORT: Final = 4

_MEMORY: Final = ("", ":memory:")

_given: Final[dict[str, str]] = {}
"""Whole URLs that this process was given, by what is written of them."""


def without_password(url: str) -> str:
    """The URL with stars in place of passwords and of options that may be secrets:
    "postgresql://me:***@host/runs?sslkey=***"."""
    scheme, colon, rest = url.partition("://")
    user, at, rest = ("", "", rest) if rest.startswith("/") else _split_user(rest)
    name, has_password, _ = user.partition(":")
    rest, fragment, _ = rest.partition("#")
    rest, mark, query = rest.partition("?")
    if not rest.startswith("/"):  # else a path, which may have this sign
        place, semicolon, options = rest.partition(";")
        rest = f"{place}{semicolon}{_without_values(options)}"
    user = f"{name}:{HIDDEN}" if has_password else user
    shown = f"{scheme}{colon}{user}{at}{rest}{mark}{_without_values(query)}"
    return f"{shown}#{HIDDEN}" if fragment else shown


def _split_user(rest: str) -> tuple[str, str, str]:
    """What stands before the "@" of a URL without its scheme, the sign, and what comes after.

    People leave signs of their passwords unquoted. In doubt more is taken for a password.
    """
    address, mark, query = rest.partition("?")
    if "@" in address:
        user, at, host = address.rpartition("@")
        return user, at, f"{host}{mark}{query}"
    if ":" in address and "@" in query:
        return rest.rpartition("@")
    return "", "", rest


def without_secrets(text: str, url: str) -> str:
    """A message of a library without what `without_password` hides of the URL that it is about.

    A short password, whose letters are everywhere, takes the whole message with it.
    """
    text = text.replace(url, without_password(url))
    hidden = {part for part in _PARTS.split(url) if part}
    shown = {part for part in _PARTS.split(without_password(url)) if part}
    for part in sorted({form for word in hidden - shown for form in (word, unquote(word))}):
        if part in text:
            text = text.replace(part, HIDDEN) if len(part) >= _SHORT else HIDDEN
    return text


def _without_values(options: str) -> str:
    return "".join(
        part if position % 2 else _without_value(part)
        for position, part in enumerate(_SEPARATORS.split(options))
    )


def _without_value(option: str) -> str:
    name, equals, value = option.partition("=")
    if not equals:  # perhaps the end of a password
        return HIDDEN if "@" in option else option
    return option if not value or name.lower() in _HARMLESS else f"{name}={HIDDEN}"


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


_named: list[str] = []
"""The URL that the user of this process has named for the run at hand, if any."""


def name_storage(url: str | None) -> None:
    """Notes which storage the user names for the run at hand; None for none. Raises RunError."""
    _named[:] = [] if url is None else [absolute_storage(url)]


def named_storage() -> str | None:
    """The storage that the user has named; None where none was."""
    return _named[0] if _named else None


def is_given(written: str) -> bool:
    """Whether the user has named the storage of which this was written, to this process or in its
    environment."""
    url = os.environ.get(VARIABLE)
    return written in _given or (url is not None and without_password(url) == written)


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
