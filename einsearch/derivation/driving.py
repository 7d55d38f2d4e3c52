"""Walks that nest without recursion: generators that yield the walks they need."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

Walk = Generator[Any, Any, Any]
"""Yields other walks, is sent what they return, and returns its own outcome."""


def drive(walk: Walk) -> Any:
    """What a walk returns. It keeps a stack of its own, so that walks may nest without end."""
    stack: list[Walk] = [walk]
    sent: Any = None
    while True:
        try:
            inner = stack[-1].send(sent)
        except StopIteration as done:
            stack.pop()
            sent = done.value
            if not stack:
                return sent
        else:
            stack.append(inner)
            sent = None
