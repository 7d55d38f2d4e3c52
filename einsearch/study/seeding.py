"""What a search-space file may start from: architectures as text, and the best of earlier runs."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from einsearch.study.quantities import Count

_TEXT: Final = "[text]"
_RUN: Final = "[run]"
KINDS: Final = (_TEXT, _RUN)
"""Parts of the places that pydantic reports which stand in no file."""


class EarlierRun(BaseModel):
    """The best networks of an earlier run.

    Attributes:
        run: its folder.
        best: how many of its complete trials, best first by the main objective.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    run: str = Field(min_length=1)
    best: Annotated[Count, Field(ge=1)] = 10


def _kind(given: Any) -> str:
    return _RUN if isinstance(given, dict | EarlierRun) else _TEXT


_Seed = Annotated[
    Annotated[str, Tag(_TEXT)] | Annotated[EarlierRun, Tag(_RUN)], Discriminator(_kind)
]
SeedList = Annotated[tuple[_Seed, ...], Field(strict=False)]
