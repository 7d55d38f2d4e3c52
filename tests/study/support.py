"""A tiny space of bit strings, in place of derivations, and trials written by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from einsearch.searchers.base import Proposal, Searcher, SearchSpace
from einsearch.trial import Trial, TrialState


@dataclass(frozen=True)
class Bits:
    """What stands for a derivation: its text is the bits."""

    text: str

    @property
    def decisions(self) -> tuple[tuple[str, str, Any], ...]:
        return tuple((f"bit{i}", "{0, 1}", int(bit)) for i, bit in enumerate(self.text))


def trial(number: int, state: TrialState = TrialState.RUNNING, **values: float) -> Trial:
    """A trial whose text is its number in bits."""
    bits = Bits(f"{number:08b}")
    return Trial(number, bits.text, state, bits.decisions, hash=bits.text, values=values)


def bit_space(length: int) -> SearchSpace:
    """Bit strings of one length; a mutation turns one bit over."""

    def sample(rng: np.random.Generator) -> Any:
        return Bits("".join(map(str, rng.integers(0, 2, length))))

    def mutate(parent: Any, rng: np.random.Generator) -> Any:
        place = int(rng.integers(length))
        turned = "10"[int(parent.text[place])]
        return Bits(parent.text[:place] + turned + parent.text[place + 1 :])

    def crossover(left: Any, right: Any, rng: np.random.Generator) -> Any:
        place = int(rng.integers(length))
        return (
            Bits(left.text[:place] + right.text[place:]),
            Bits(right.text[:place] + left.text[place:]),
        )

    def recall(decisions: Any) -> Any:
        return Bits("".join(str(value) for _, _, value in decisions))

    return SearchSpace(sample, mutate, crossover, recall=recall, directions={"score": "maximize"})


class Climber(Searcher):
    """Turns over a bit of the best trial told so far: what it proposes hangs on all it was told,
    and on the order in which it was."""

    name = "climber"

    def __init__(self, space: SearchSpace, seed: int = 0) -> None:
        super().__init__(space, seed)
        self.best: tuple[float, int] = (-1.0, -1)
        self.told: list[int] = []
        self.proposed: dict[int, Any] = {}

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        parent = self.best[1]
        is_fresh = parent < 0 or (number + sum(self.told[-2:])) % 3 == 0
        drawn = self.space.sample(rng)
        if not is_fresh:
            drawn = self.space.mutate(self.proposed[parent], rng)
        self.proposed[number] = drawn
        parents = () if is_fresh else (parent,)
        return Proposal(number, drawn, parents, "sample" if is_fresh else "mutate")

    def _recall(self, trial: Trial) -> None:
        self.proposed[trial.number] = self.space.recall(trial.decisions)

    def _learn(self, trial: Trial) -> None:
        self.told.append(trial.number)
        score = trial.values.get("score")
        if score is not None:
            self.best = max(self.best, (score, trial.number))
