"""Sequences of symbols in the export `python`: how texts become codes, as text of Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

_ENCODE: Final = '''

SYMBOLS = {symbols!a}  # by code; code 0 is for all others, and ends short sequences


def encode(raw) -> torch.Tensor:
    """Sequences of symbols as codes (batch, length, 1) of float32; longer ones are cut.

    Args:
        raw: {takes}, or a list of such. A tensor holds codes already.
    """
    if torch.is_tensor(raw):
        return batched(raw)
    codes = {{symbol: code for code, symbol in enumerate(SYMBOLS) if code}}
    rows = [_parts(row) for row in ([raw] if _is_row(raw) else raw)]
    made = torch.zeros(len(rows), *SHAPE)
    for row, parts in zip(made, rows):
        for place, symbol in enumerate(parts[: SHAPE[0]]):
            row[place, 0] = codes.get(symbol, 0)
    return made
'''

_TEXTS: Final = '''

def _parts(text) -> list:
    """The symbols of a text."""
    if not isinstance(text, str):
        raise ValueError(f"expected a text, found {{text!r}}; codes are taken as a tensor")
    return {parts}


def _is_row(raw) -> bool:
    """Whether this is one sequence, and not several."""
    return raw.dim() == len(SHAPE) if torch.is_tensor(raw) else isinstance(raw, str)
'''

_CELLS: Final = '''

def _parts(cells) -> list:
    """The symbols of a sequence."""
    listed = cells.tolist() if hasattr(cells, "tolist") else cells
    plain = [cell[0] if isinstance(cell, (list, tuple)) else cell for cell in listed]
    return [str(int(cell) if isinstance(cell, bool) else cell).strip() for cell in plain]


def _is_row(raw) -> bool:
    """Whether this is one sequence, and not several."""
    if torch.is_tensor(raw):
        return raw.dim() == len(SHAPE)
    first = next(iter(raw))
    return not isinstance(first, (list, tuple)) and not getattr(first, "ndim", 0)
'''

_TAKES: Final = {
    "characters": "a text, of which each character is a symbol",
    "words": "a text, of which each word is a symbol",
    "cells": "a list or an array of symbols",
}
_SHOWN: Final = 4


def symbols_source(kind: str, vocabulary: Sequence[str]) -> str:
    """The text: what codes stand for, and `encode`.

    Args:
        kind: what a symbol is, as a `Task` says it.
        vocabulary: symbols by code.
    """
    parts = "text.split()" if kind == "words" else "list(text.strip())"
    helpers = _CELLS if kind == "cells" else _TEXTS.format(parts=parts)
    return _ENCODE.format(symbols=tuple(vocabulary), takes=_TAKES[kind]) + helpers


def example_sequence(kind: str, vocabulary: Sequence[str]) -> Any:
    """A sequence that the network takes, for people to see how one looks."""
    some = list(vocabulary[1 : _SHOWN + 1])
    if kind == "cells":
        return some
    return (" " if kind == "words" else "").join(some)
