"""Numbers as people write them in a search-space file: 2M parameters, 200MB, 20..200 nodes."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BeforeValidator, Field

_FACTORS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY_FACTORS: Final = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?)(b?)", re.IGNORECASE)


class Range(NamedTuple):
    """From `low` to `high`, both included."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


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


def parse_range(text: str) -> Range:
    """A range of whole numbers from "20..200".

    Raises:
        ValueError: says what is expected.
    """
    low, dots, high = text.partition("..")
    if dots:
        limits = Range(parse_count(low), parse_count(high))
        if 1 <= limits.low <= limits.high:
            return limits
    raise ValueError('expected a range from at least 1, such as "20..200"')


def _count(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return parse_count(value) if isinstance(value, str) else value


def _bytes(value: Any) -> Any:
    return parse_bytes(value) if isinstance(value, str) else _count(value)


def parse_bound(text: str) -> float:
    """A number from "5", "0.5", "2M" or "200MB".

    Raises:
        ValueError: says what is expected.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match and (factor := (_FACTORS | _BINARY_FACTORS).get(match[2].lower())):
        return float(Decimal(match[1]) * factor)
    raise ValueError("expected an upper bound, such as 5, 0.5, 2M or 200MB")


def _bound(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return parse_bound(value) if isinstance(value, str) else value


def _range(value: Any) -> Any:
    return value if isinstance(value, Range) else parse_range(str(value))


Count = Annotated[int, BeforeValidator(_count)]
"""A field that takes what `parse_count` reads."""
Bytes = Annotated[int, BeforeValidator(_bytes)]
"""A field that takes what `parse_bytes` reads."""
Bound = Annotated[float, BeforeValidator(_bound), Field(allow_inf_nan=False)]
"""A field that takes numbers and what `parse_bound` reads."""
IntRange = Annotated[Range, BeforeValidator(_range)]
"""A field that takes what `parse_range` reads."""
