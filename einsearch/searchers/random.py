"""Random search: every proposal is drawn from the grammar, whatever came of the others.

The baseline of neural architecture search: Li and Talwalkar, 2019, "Random Search and
Reproducibility for Neural Architecture Search".
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from einsearch.searchers.base import Proposal, Searcher
from einsearch.searchers.registry import register_searcher


@register_searcher
class RandomSearcher(Searcher):
    """Proposes the space's seeds first, then independent samples."""

    name: ClassVar[str] = "random"

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        if number < len(self.space.seeds):
            return Proposal(number, self.space.seeds[number], origin="seed")
        return Proposal(number, self.space.sample(rng))
