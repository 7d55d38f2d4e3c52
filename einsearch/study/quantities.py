"""Numbers as people write them in a search-space file: 2M parameters, 200MB, 20..200 nodes."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field

from einsearch.quantities import parse_bound, parse_bytes, parse_count


class Range(NamedTuple):
    """From `low` to `high`, both included."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


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
