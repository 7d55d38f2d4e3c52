"""`Uninterrupted`: Ctrl-C waits until what is being written has been written."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Uninterrupted:
    """A context in which an interrupt is held back, and delivered on leaving it.

    Outside of the main thread, where interrupts do not arrive, it does nothing.
    """

    def __init__(self) -> None:
        self._previous: Any = None
        self._frame: FrameType | None = None
        self._is_pending = False

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGINT)
        if callable(self._previous):
            signal.signal(signal.SIGINT, self._note)

    def __exit__(self, *_: object) -> None:
        if not callable(self._previous):
            return
        signal.signal(signal.SIGINT, self._previous)
        if self._is_pending:
            self._previous(signal.SIGINT, self._frame)

    def _note(self, _: int, frame: FrameType | None) -> None:
        self._is_pending = True
        self._frame = frame
