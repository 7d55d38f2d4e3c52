"""Numbers as people write them: 2M parameters, 200MB."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_FACTORS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY_FACTORS: Final = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?)(b?)", re.IGNORECASE)


def parse_count(text: str) -> int:
    """A whole number from "300", "300k", "2M" or "1.5G".

    Raises:
        ValueError: says what is expected.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match and not match[3] and match[2].lower() in _FACTORS:
        number = Decimal(match[1]) * _FACTORS[match[2].lower()]
        if number == int(number):
            return int(number)
    raise ValueError("expected a whole number, such as 300, 300k or 2M")


def parse_bytes(text: str) -> int:
    """A number of bytes from "512", "200MB", "1.5G" or "64MiB".

    Raises:
        ValueError: says what is expected.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match and (factor := (_FACTORS | _BINARY_FACTORS).get(match[2].lower())):
        number = Decimal(match[1]) * factor
        if number == int(number):
            return int(number)
    raise ValueError("expected a number of bytes, such as 200MB or 64MiB")


def parse_bound(text: str) -> float:
    """A number from "5", "0.5", "2M" or "200MB".

    Raises:
        ValueError: says what is expected.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match and (factor := (_FACTORS | _BINARY_FACTORS).get(match[2].lower())):
        return float(Decimal(match[1]) * factor)
    raise ValueError("expected an upper bound, such as 5, 0.5, 2M or 200MB")
