"""Grammar learning: Shan, McKay, Baxter, Abbass, Essam and Nguyen, 2004, "Grammar Model-Based
Program Evolution", with updates of the cross-entropy method (Rubinstein and Kroese, 2004).

Proposals are drawn from a grammar whose probabilities follow what the best networks so far were
made of. What was learned is written out as a grammar.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import numpy as np
from pydantic import Field

from einsearch.derivation.choosing import fast_random
from einsearch.derivation.state import DeadEnd
from einsearch.errors import SearcherError
from einsearch.searchers.base import Merit, Proposal, Searcher, SearchSpace
from einsearch.searchers.learned import Choice, Distribution, Tilted
from einsearch.searchers.learned_text import learned_text
from einsearch.searchers.proposed import Proposed
from einsearch.searchers.redraws import Listening, Redraws
from einsearch.searchers.registry import register_searcher
from einsearch.trial import Trial

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation

MOST_DRAWS: Final = 20
"""Draws that come to a dead end before one is made by the grammar's own probabilities."""


@register_searcher
class GrammarLearningSearcher(Searcher):
    """Learns probabilities of alternatives, of values of sets, and of integers of short ranges.

    They are frequencies among the best networks so far, smoothed by the grammar's probabilities.
    A rule has them for each place that it is called from, smoothed by those for all of them.

    Args:
        elites: how many of the best networks are learned from.
        start: samples by the grammar's own probabilities before anything is learned.
        context: how many calls back the place reaches; 0 for one distribution a rule.
        smoothing: how many networks the grammar's probabilities count for.
        entropy: least entropy of learned probabilities, as a fraction of the grammar's own.
    """

    name: ClassVar[str] = "grammar-learning"

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        *,
        elites: Annotated[int, Field(ge=1)] = 10,
        start: Annotated[int, Field(ge=1)] = 20,
        context: Annotated[int, Field(ge=0)] = 1,
        smoothing: Annotated[float, Field(gt=0)] = 2.0,
        entropy: Annotated[float, Field(ge=0, le=1)] = 0.1,
    ) -> None:
        super().__init__(space, seed)
        if space.grammar is None:
            raise SearcherError("grammar-learning needs a space that has a grammar")
        self._grammar = space.grammar
        self._distribution = Distribution(space.grammar, context, smoothing, entropy)
        self._proposed = Proposed(space)
        self._redraws = Redraws()
        self._elites = elites
        self._start = start
        self._merits: dict[int, Merit] = {}
        self._best: list[tuple[Merit, int]] = []
        self._choices: dict[int, list[Choice]] = {}

    def learned_grammar(self) -> str:
        """The learned grammar as the text of a file.

        A rule is written once for each place where its probabilities differ.
        """
        return learned_text(self._grammar, self._distribution, len(self._merits))

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        if number < len(self.space.seeds):
            proposal = Proposal(number, self.space.seeds[number], origin="seed")
            self._proposed.note(proposal)
            return proposal
        return self._proposed.fresh(rng, lambda: self._sample(number, rng))

    def _recall(self, trial: Trial) -> None:
        self._proposed.recall(trial)

    def _sample(self, number: int, rng: np.random.Generator) -> Proposal:
        if len(self._merits) >= self._start:
            for _ in range(MOST_DRAWS):
                try:
                    return Proposal(number, self._drawn(rng), origin="learned")
                except DeadEnd:
                    continue
        return Proposal(number, self.space.sample(rng))

    def _drawn(self, rng: np.random.Generator) -> Derivation:
        """Drawn by what was learned; what comes up again is not derived again."""
        random = fast_random(rng)
        begin = random.getstate()
        chooser = Tilted(self._distribution, random)
        known = self._redraws.find(chooser)
        if known is not None:
            return known
        random.setstate(begin)
        listening = Listening(chooser)
        drawn = self.space.guided(listening)
        if drawn in self._proposed:
            self._redraws.note(listening.asked, drawn)
        return drawn

    def _learn(self, trial: Trial) -> None:
        merit = self.space.merit(trial)
        self._drop(trial.number)
        if merit is not None:
            self._merits[trial.number] = merit
            self._rank(trial, merit)
        self._proposed.forget(trial.number)

    def _rank(self, trial: Trial, merit: Merit) -> None:
        """Learns from a trial if it is one of the best; no more from the one that it replaces."""
        entry = (merit, -trial.number)
        if len(self._best) == self._elites and entry < self._best[0]:
            return
        insort(self._best, entry)
        self._choices[trial.number] = self._distribution.choices(self._proposed.derivation(trial))
        self._distribution.count(self._choices[trial.number], 1.0)
        if len(self._best) > self._elites:
            self._drop(-self._best[0][1])

    def _drop(self, number: int) -> None:
        """Learns no more from a trial."""
        choices = self._choices.pop(number, None)
        if choices is not None:
            self._distribution.count(choices, -1.0)
            self._best = [entry for entry in self._best if entry[1] != -number]
