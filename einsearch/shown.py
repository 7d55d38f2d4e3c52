"""Texts of others, made safe to show: what steers a terminal, or hides in a text, is spelt out.

A name, a message or a comment that came with a file may hold control characters, which a terminal
obeys, and marks that reorder or hide what a reader sees. They are shown as `\\x1b`, `\\u202e`.
"""

from __future__ import annotations

import codecs
import html
import shlex
import unicodedata
from collections.abc import Iterable
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, formats (bidirectional and zero-width marks), halves of pairs,
separators of lines and paragraphs."""

_JSON_SAFE: Final = "\n\t"

PLAIN: Final = "einsearch.plain"
"""Name of the error handler for streams that cannot write every character."""

LONGEST: Final = 400
"""Characters of a reason: it is shown in tables and stored with every trial."""

_LIKE: Final = {
    **dict.fromkeys("─━═╌┄", "-"),
    **dict.fromkeys("│┃║╎┆", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╠╣╦╩╬┏┓┗┛", "+"),
    **dict.fromkeys("█▓▒░■●•", "*"),
    **dict.fromkeys("\u2018\u2019", "'"),
    **dict.fromkeys("\u201c\u201d", '"'),
    **dict.fromkeys("\u2012\u2013\u2014\u2212", "-"),
    "\xd7": "x",
    "\xb7": ".",
    "±": "+-",
    "…": "...",
    "→": ">",
    "←": "<",
    "≤": "<=",
    "≥": ">=",
    "↑": "^",
    "↓": "v",
    "▲": "^",
    "▼": "v",
}
"""What stands in for characters of drawings and signs where a stream cannot write them."""


def shown(text: str) -> str:
    """A text without characters that a terminal obeys or a reader does not see; lines and tabs
    stay."""
    if text.isprintable():
        return text
    return "".join(_spelt(c) if c not in "\n\t" else c for c in text)


def shortened(text: str, longest: int = LONGEST) -> str:
    """A message of others on one line, spelt out, and cut where it is too long for a table."""
    line = shown(" ".join(text.split()))
    return line if len(line) <= longest else line[: longest - 3] + "..."


def shown_line(text: str) -> str:
    """As `shown`, on one line: ends of lines and tabs are spelt out too."""
    return text if text.isprintable() else "".join(map(_spelt, text))


def shown_json(text: str) -> str:
    """A text of JSON in which such characters stand as JSON's escapes, so that it means the
    same."""
    if text.isprintable():
        return text
    return "".join(c if c in _JSON_SAFE or not _is_hidden(c) else _as_json(c) for c in text)


def escape(text: str) -> str:
    """A text for a page of HTML or XML: as `shown`, and without meaning to markup. Bytes that XML
    cannot hold, and halves of pairs that UTF-8 cannot, are spelt out with the rest."""
    return html.escape(shown(text))


def quoted(word: object) -> str:
    """A word of a command that a message suggests, as a shell reads it; nothing hidden in it."""
    return shown_line(shlex.quote(str(word)))


def command(words: Iterable[object]) -> str:
    """A command that a message suggests, ready to be copied into a shell."""
    return " ".join(map(quoted, words))


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN


def _spelt(character: str) -> str:
    if not _is_hidden(character):
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _as_json(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_LIKE.get(c, "?") for c in found), error.end


codecs.register_error(PLAIN, _plain)
