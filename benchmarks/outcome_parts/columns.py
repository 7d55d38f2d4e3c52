"""Columns of the table by name, and what each does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from outcome_parts.figures import Figure
from outcome_parts.sets import Data

SEARCHES: Final[dict[str, dict[str, Any]]] = {"ours": {}, "random": {"searcher": "random"}}
"""Columns that search, and what their space files say beside task and budget."""
NET: Final = "net"


@dataclass(frozen=True)
class Column:
    """One way to a model.

    Attributes:
        name: `ours`, `random`, `net` or one of `simple.SIMPLE`.
        mark: tells results of one state of the program from those of another: ours@before.
        settings: further entries of the space file, by their place.
    """

    name: str
    mark: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """As it is shown, and kept."""
        settings = "".join(f",{place}={value}" for place, value in self.settings.items())
        return self.name + (f"@{self.mark}" if self.mark else "") + settings

    @property
    def is_search(self) -> bool:
        return self.name in SEARCHES

    @property
    def takes_time(self) -> bool:
        """Whether it uses the minutes that it is given."""
        return self.is_search or self.name == NET


def known() -> tuple[str, ...]:
    """Names of all columns."""
    from outcome_parts.simple import SIMPLE

    return (*SEARCHES, NET, *SIMPLE)


def has_seeds(column: Column) -> bool:
    """Whether another seed gives another figure."""
    from outcome_parts.simple import SEEDLESS

    return column.name not in SEEDLESS


def makes_sense(column: Column, layout: str) -> bool:
    """Whether a column is for sets of a layout."""
    from outcome_parts.simple import fits

    return column.takes_time or fits(column.name, layout)


def measured(
    column: Column, data: Data, seed: int, minutes: float, threads: int, work: Path
) -> tuple[Figure, dict[str, Any]]:
    """The figure of a column on a set, and what else is known."""
    if column.is_search:
        from outcome_parts.searching import searched

        settings = {**SEARCHES[column.name], **column.settings}
        return searched(data, seed, minutes, settings, work)
    if column.name == NET:
        from outcome_parts.fitting import fitted_net

        return fitted_net(data, seed, 60 * minutes, threads), {}
    from outcome_parts.simple import SIMPLE

    return SIMPLE[column.name](data, seed), {}
