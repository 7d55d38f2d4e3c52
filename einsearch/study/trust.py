"""Which run folders were made here: by this user, on this machine or with this home.

A folder that came from elsewhere may name any database to open, or any module to import. Folders
that are made here carry a seal on those names, by a key that never leaves the user's home. A folder
may be moved; a seal cannot be made by whoever has not the key.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Final

from einsearch.files import add_file

_KEY: Final = "einsearch/run-folders.key"
_LENGTH: Final = 32


def seal(*words: str | None) -> str | None:
    """A seal on some words; None where the home cannot be written.

    Args:
        words: what is sealed together, such as the name of a run and its storage.
    """
    key = _read_key() or _make_key()
    return None if key is None else _seal(key, words)


def is_sealed(found: object, *words: str | None) -> bool:
    """Whether `found` is a seal on these words by this user."""
    key = _read_key()
    if key is None or not isinstance(found, str):
        return False
    return hmac.compare_digest(found.encode(), _seal(key, words).encode())


def _seal(key: bytes, words: tuple[str | None, ...]) -> str:
    return hmac.new(key, json.dumps(words).encode(), hashlib.sha256).hexdigest()


def _place() -> Path | None:
    state = os.environ.get("XDG_STATE_HOME")
    if state and os.path.isabs(state):
        return Path(state) / _KEY
    with contextlib.suppress(RuntimeError):
        return Path.home() / ".local/state" / _KEY
    return None


def _read_key() -> bytes | None:
    place = _place()
    if place is None:
        return None
    try:
        key = place.read_bytes()
    except OSError:
        return None
    return key if len(key) == _LENGTH else None


def _make_key() -> bytes | None:
    place = _place()
    if place is None:
        return None
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        add_file(place, secrets.token_bytes(_LENGTH), mode=0o600)
    return _read_key()
