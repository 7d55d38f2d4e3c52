"""Texts: a file in UTF-8, and English prose that comes with every Python."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from einsearch.errors import TaskError

_PROSE: Final = 0.85
"""Least share of letters and spaces; tables and programs have fewer."""


def read_text(path: Path) -> str:
    """A text file, its line ends as newlines.

    Raises:
        TaskError: it is not there, cannot be read, or is no text in UTF-8.
    """
    if path.is_dir():
        raise TaskError(f"{path} is a folder: give the path of a text file")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise TaskError(f"there is no file {path}: give the path of a text file") from None
    except OSError as error:
        raise TaskError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise TaskError(
            f"{path} is no text in UTF-8: byte {error.object[error.start]} at {error.start}; "
            "save it as UTF-8"
        ) from None
    return re.sub(r"\r\n?", "\n", text)


def python_topics() -> str:
    """The prose of the topics of Python's `help`, each paragraph once, 280,000 characters or so.

    It differs a little from one version of Python to the next.

    Raises:
        TaskError: this Python comes without them.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise TaskError(
            "this Python has no pydoc_data, whose text the task characters takes where it has no "
            "other: say path: text.txt"
        ) from None
    paragraphs = (
        paragraph.strip("\n")
        for _, topic in sorted(topics.items())
        for paragraph in re.split(r"\n\s*\n", topic)
    )
    # Topics quote each other: what is trained on must not come again.
    return "\n\n".join(dict.fromkeys(filter(_is_prose, paragraphs)))


def _is_prose(paragraph: str) -> bool:
    letters = sum(character.isalpha() or character.isspace() for character in paragraph)
    return letters > 0 and letters >= _PROSE * len(paragraph)
