"""Bytes of a file -> text of a grammar, within bounds that keep reading one below a second."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final, NamedTuple

from einsearch.grammar.syntax import At

SUFFIX: Final = ".ein"
BYTE_ORDER_MARK: Final = "\ufeff"

MOST_BYTES: Final = 2**20
MOST_WORDS: Final = 32_000
"""Names, numbers, signs and comments of one file, or of a file and all that it imports."""

MOST_OF_A_NETWORK: Final = 150_000
"""Words and signs of one architecture."""

MOST_RULES: Final = 2_000
"""Rules that may be reached; also rules, seeds and bindings of `where` in one file."""

_WORD: Final = re.compile(r'"[^"\n]*"|#[^\n]*|\w+|>>|\.\.|[<>=!]=|\S')
_OPEN: Final = frozenset("([{")
_CLOSED: Final = frozenset(")]}")
_OTHER_ENCODINGS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class Unreadable(Exception):
    """A file that no text can be read from; the message is the reason."""


class Excess(NamedTuple):
    """That a text is too large, the place where it becomes so, and what to do."""

    message: str
    at: At
    hint: str


def read_source(path: Path) -> str:
    """The text of a file in UTF-8, without a byte-order mark; line ends become `\\n`.

    Raises:
        Unreadable: it is no regular file, is not UTF-8, or is too large.
    """
    return decode(read_bytes(path)).replace("\r\n", "\n").replace("\r", "\n")


def read_bytes(path: Path) -> bytes:
    """What a regular file holds. Raises Unreadable, and waits for nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        raise Unreadable(reason_of(error)) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise Unreadable("it is a folder" if stat.S_ISDIR(mode) else "it is no regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(reason_of(error)) from None
    finally:
        os.close(descriptor)
    if len(content) > MOST_BYTES:
        raise Unreadable(f"it has more than {MOST_BYTES:,} bytes")
    return content


def decode(content: bytes) -> str:
    """Bytes as text; a byte-order mark of UTF-8 is left out. Raises Unreadable."""
    other = _OTHER_ENCODINGS.get(content[:2])
    if other is not None:
        raise Unreadable(f"it is not UTF-8 text but {other}; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"it is not UTF-8 text: line {line} has other bytes") from None


def reason_of(error: Exception) -> str:
    """Why a path cannot be opened, in words."""
    if isinstance(error, ValueError):
        return "its name has a character that no path may have"
    return getattr(error, "strerror", None) or str(error)


def shorten(text: str, most: int = 400) -> str:
    """A text for a message: of a very long one the beginning and the end."""
    if len(text) <= most:
        return text
    return f"{text[: most * 3 // 4]} ... {text[len(text) - most // 5 :]}"


def count_words(text: str) -> int:
    """How many words, signs and comments a text has."""
    return sum(1 for _ in _WORD.finditer(text))


def oversize(text: str, words: int = 0) -> Excess | None:
    """That a text is larger than a grammar may be, or None.

    Args:
        words: of the files that belong to the same grammar, so far.
    """
    hint = "write what is alike as a rule with parameters, or `repeat` it"
    if len(text) > MOST_BYTES:
        return Excess(f"the grammar has more than {MOST_BYTES:,} characters", (1, 1), hint)
    depth = defined = 0
    for number, match in enumerate(_WORD.finditer(text), start=words):
        word = match[0]
        depth += (word in _OPEN) - (word in _CLOSED)
        defined += word == "=" and depth == 0
        if number == MOST_WORDS:
            whole = "the grammar and what it imports have" if words else "the grammar has"
            message = f"{whole} more than {MOST_WORDS:,} words, signs and comments"
            return Excess(message, _place(text, match.start()), hint)
        if defined > MOST_RULES:
            message = f"the grammar has more than {MOST_RULES:,} rules, seeds and bindings"
            return Excess(message, _place(text, match.start()), hint)
    return None


def oversize_network(text: str) -> Excess | None:
    """That a text is larger than an architecture may be, or None."""
    for number, match in enumerate(_WORD.finditer(text)):
        if number == MOST_OF_A_NETWORK:
            message = f"the architecture has more than {MOST_OF_A_NETWORK:,} words and signs"
            return Excess(message, _place(text, match.start()), "")
    return None


def _place(text: str, at: int) -> At:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
