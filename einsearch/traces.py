"""What is kept of a traceback: the frames of the user's code, as text of a bounded length."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from einsearch.errors import EinsearchError
from einsearch.shown import shown

LONGEST: Final = 4000
"""Characters. Longer ones lose their middle: what was called, and what it ended in, stay."""

_HOME: Final = str(Path(__file__).parent)
_MOST_FRAMES: Final = 12
"""Of each half of a deep one, such as that of an endless recursion."""


def user_trace(error: BaseException) -> str:
    """The traceback of an error without the frames of einsearch, as Python prints it.

    The last frame always stays, since it says where the error was raised. Characters that control
    a terminal are spelt out.

    Args:
        error: that was caught; with a traceback.

    Returns:
        at most `LONGEST` characters; empty where the error was never raised, cannot be printed, or
        is one of einsearch's own that no frame of the user's took part in: its message says all.
    """
    try:
        found = traceback.TracebackException.from_exception(error)
        if not found.stack:
            return ""
        if isinstance(error, EinsearchError) and all(map(_is_ours, found.stack)):
            return ""
        _cut_frames(found)
        return _shorten(shown("".join(found.format()).rstrip()))
    except Exception:  # whatever `__str__` of a class of the user's does
        return ""


def _cut_frames(error: traceback.TracebackException) -> None:
    """Leaves the user's frames, in an error and in those that it came from."""
    waiting: list[traceback.TracebackException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.stack = traceback.StackSummary.from_list(_users(one.stack))
        waiting += [one.__cause__, one.__context__, *(one.exceptions or ())]


def _is_ours(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(_HOME)


def _users(stack: Iterable[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    frames = list(stack)
    kept = [frame for frame in frames if not _is_ours(frame)]
    if frames and (not kept or kept[-1] is not frames[-1]):
        kept.append(frames[-1])
    if len(kept) > 2 * _MOST_FRAMES:
        kept = kept[:_MOST_FRAMES] + kept[-_MOST_FRAMES:]
    return kept


def _shorten(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    gap = "\n  ...\n"
    half = (LONGEST - len(gap)) // 2
    return text[:half] + gap + text[-half:]
