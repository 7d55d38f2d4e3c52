"""A portfolio of searchers: Gagliolo and Schmidhuber, 2006, "Learning Dynamic Algorithm
Portfolios", with the credit of Fialho, Da Costa, Schoenauer and Sebag, 2008.

Every proposal is made by one of several searchers. All of them are told of every proposal and every
result, so that what one found helps the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from pydantic import Field

from einsearch.errors import SearcherError
from einsearch.searchers.base import FOREIGN, Proposal, Searcher, SearchSpace
from einsearch.searchers.credit import Credit, Ranks
from einsearch.searchers.registry import check_searcher, make_searcher, register_searcher
from einsearch.trial import Trial, TrialState

MEMBERS: Final = ("evolution", "local", "grammar-learning")
"""Searchers of a portfolio that names none."""
SEED: Final = "seed"
"""Origin of the space's seeds, which no searcher made."""
BETWEEN: Final = ": "
"""Stands between the searcher and what it calls its proposal, in an origin."""
RECENT: Final = 60
"""Results that a new one is ranked among."""


@register_searcher
class PortfolioSearcher(Searcher):
    """Shares the trials between searchers by what each gained of late.

    A searcher gains by results that rank high among the recent ones of all.

    Args:
        searchers: names, or names with options as in a search-space file; `evolution`, `local` and
            `grammar-learning` where not given.
        floor: probability that the searcher is drawn uniformly; 1 for equal shares.
    """

    name: ClassVar[str] = "portfolio"

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        *,
        searchers: Sequence[str | dict[str, Any]] | None = None,
        floor: Annotated[float, Field(ge=0, le=1)] = 0.3,
    ) -> None:
        super().__init__(space, seed)
        self._members = {
            name: make_searcher(config, space, seed) for name, config in _named(searchers).items()
        }
        self._credit = Credit(list(self._members), floor)
        self._ranks = Ranks(RECENT)

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> None:
        for config in _named(options["searchers"]).values():
            name, _ = check_searcher(config)
            if name == cls.name:
                raise SearcherError("a portfolio cannot have a portfolio among its searchers")

    def learned_grammar(self) -> str | None:
        """Of the first searcher that learns one."""
        texts = (member.learned_grammar() for member in self._members.values())
        return next((text for text in texts if text is not None), None)

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        if number < len(self.space.seeds):
            proposal = Proposal(number, self.space.seeds[number], origin=SEED)
            self._announce(_running(proposal), None)
            return proposal
        # The searcher that is drawn starts from (seed, number), so this draw must not.
        maker = self._credit.draw(np.random.default_rng((self.seed, number, 1)))
        assert maker is not None
        made = self._members[maker].ask()
        self._announce(_running(made), maker)
        return replace(made, origin=f"{maker}{BETWEEN}{made.origin}")

    def _announce(self, trial: Trial, maker: str | None) -> None:
        """Lets all know of a proposal but the one that made it."""
        seen = trial if trial.origin == SEED else replace(trial, origin=FOREIGN)
        for name, member in self._members.items():
            if name != maker:
                member.recall(seen)

    def _recall(self, trial: Trial) -> None:
        maker, origin = self._maker(trial)
        if maker is not None:
            self._members[maker].recall(replace(trial, origin=origin))
        self._announce(trial, maker)

    def _learn(self, trial: Trial) -> None:
        maker, origin = self._maker(trial)
        for name, member in self._members.items():
            is_own = name == maker or trial.origin == SEED
            member.tell(replace(trial, origin=origin if is_own else FOREIGN))
        merit = self.space.merit(trial)
        if maker is not None:
            self._credit.reward(maker, 0.0 if merit is None else self._ranks.rank(merit))
        if merit is not None:
            self._ranks.add(merit)

    def _maker(self, trial: Trial) -> tuple[str | None, str]:
        """Which searcher made a proposal, and what it calls it."""
        name, _, origin = trial.origin.partition(BETWEEN)
        return (name, origin) if name in self._members else (None, trial.origin)


def _named(
    searchers: Sequence[str | dict[str, Any]] | None,
) -> dict[str, str | dict[str, Any]]:
    """Searchers by a name of each: that of the algorithm, with a number where it comes again."""
    found: dict[str, str | dict[str, Any]] = {}
    for config in searchers or MEMBERS:
        name = config if isinstance(config, str) else str(config.get("name"))
        unique, number = name, 2
        while unique in found:
            unique, number = f"{name} {number}", number + 1
        found[unique] = config
    return found


def _running(proposal: Proposal) -> Trial:
    derivation = proposal.derivation
    return Trial(
        proposal.number,
        derivation.text,
        TrialState.RUNNING,
        decisions=tuple(tuple(decision) for decision in derivation.decisions),
        parents=proposal.parents,
        origin=proposal.origin,
    )
