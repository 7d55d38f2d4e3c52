"""`Proposer`: where the proposals of a study come from.

From its searcher. In a space of a few networks, where a searcher would repeat itself most of the
time, what it has not yet proposed is listed instead, from its first repetition on.
"""

from __future__ import annotations

import time
from typing import Any

from einsearch.searchers.base import Proposal
from einsearch.study.describing import trial_of
from einsearch.study.duplicates import Known
from einsearch.study.exhausting import FEW, LISTED, Walk, list_networks
from einsearch.study.options import Options
from einsearch.study.record import Record
from einsearch.study.resuming import MakeSearcher, rebuild, recalled
from einsearch.trial import Trial
from einsearch.uncollected import uncollected


class Proposer:
    """Makes proposals, and hands over what became of them.

    Args:
        make_searcher: gives the searcher, new.
        record: with the trials so far.
        known: the architectures among them.
        options: of the study.

    Attributes:
        note: how the searcher differs from the one that the record is of; None where it does not.
    """

    def __init__(
        self, make_searcher: MakeSearcher, record: Record, known: Known, options: Options
    ) -> None:
        self._searcher, self.note = rebuild(make_searcher, record.entries)
        self.space = self._searcher.space
        self._make_searcher = make_searcher
        self._record, self._known, self._options = record, known, options
        self._walk: Walk | None = None
        self._is_small: bool | None = None

    @property
    def is_over(self) -> bool:
        """Whether a list of all networks has come to its end."""
        return self._walk is not None and self._walk.next(self._known) is None

    def next(self) -> tuple[Trial, Any] | None:
        """A running trial and its derivation; None where a list has come to its end."""
        began = time.perf_counter()
        with uncollected():
            if self._walk is None:
                made = self._described(self._searcher.ask(), began)
                if made[0].hash not in self._known or not self._begin_walk():
                    return made
            return self._walked(began)

    def tell(self, trial: Trial) -> None:
        """Hands a finished trial to the searcher."""
        self._searcher.tell(trial)

    def hash_of(self, derivation: Any) -> str:
        """Canonical hash of a derivation."""
        return self._options.describe(derivation).hash

    def _begin_walk(self) -> bool:
        """Whether the space is small: then what the searcher repeated was not asked for."""
        if self._is_small is None:
            networks = list_networks(self.space, self.hash_of, FEW)
            self._is_small = networks is not None
            if networks is not None:
                self._walk = Walk(networks, self._options.seed)
                self._searcher = recalled(self._make_searcher, self._record.entries)
        return self._is_small

    def _walked(self, began: float) -> tuple[Trial, Any] | None:
        assert self._walk is not None
        derivation = self._walk.next(self._known)
        if derivation is None:
            return None
        number = len(self._record.entries)
        made = self._described(Proposal(number, derivation, origin=LISTED), began)
        self._searcher.recall(made[0])
        return made

    def _described(self, proposal: Proposal, began: float) -> tuple[Trial, Any]:
        description = self._options.describe(proposal.derivation)
        seconds = time.perf_counter() - began
        return trial_of(proposal, description, self._options.seed, seconds), proposal.derivation
