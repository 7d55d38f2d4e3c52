"""Monte Carlo tree search over decisions: Negrinho and Gordon, 2017, "DeepArchitect: Automatically
Designing and Training Deep Architectures".
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from pydantic import Field

from einsearch.derivation.choosing import fast_random
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.replay import values_of
from einsearch.derivation.state import DeadEnd
from einsearch.searchers.base import FOREIGN, Proposal, Searcher, SearchSpace
from einsearch.searchers.mcts_guide import Guide, Tree
from einsearch.searchers.mcts_rewards import Rewards
from einsearch.searchers.mcts_tree import Branch, Policy
from einsearch.searchers.proposed import Proposed
from einsearch.searchers.registry import register_searcher
from einsearch.trial import Trial, TrialState

MOST_WALKS: Final = 60
"""Walks down the tree, to dead ends or to networks proposed before, until a proposal is drawn by
the grammar."""


@register_searcher
class MctsSearcher(Searcher):
    """Monte Carlo tree search: decides as the networks did that were best so far.

    A proposal walks down the tree of all decisions, from the grammar's first one. Where many trials
    have passed, it takes the value with the highest upper confidence bound on the rank of the
    trials behind it (UCT); elsewhere it draws by the grammar's probabilities, tilted by what the
    same value was worth in other networks: in the same place, after the same value, anywhere.
    Numbers are halved until one is left, so that neighbours learn from each other.

    No derivation is proposed twice, and what is exhausted or fails is left out, so that a small
    space is seen whole. Paths to networks that are equal, by their canonical hash, share a reward.
    Trials under way count as losses, which keeps workers apart; failures have rank 0. It needs no
    population and suits budgets from a few dozen trials on. Resuming takes as long as proposing
    did.

    Args:
        exploration: weight of what is uncertain against the rank, which is from 0 to 1.
        widening: values of a decision that are compared at all, in units of the root of how often
            it was taken; those that are likely and worth most come first.
        sharing: how many trials of its own a value needs until they count as much as those
            that took it in other places.
        tilt: how strongly worths tilt the grammar's probabilities: a value that was better by the
            whole range of ranks is e to this power as likely. 0 for the grammar alone, 1000 at
            most.
        emphasis: power of the rank; the larger, the more only the best count.
        bisection: whether numbers are halved; otherwise each is a value like any other.
    """

    name: ClassVar[str] = "mcts"

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        *,
        exploration: Annotated[float, Field(ge=0)] = 0.5,
        widening: Annotated[float, Field(gt=0)] = 1.0,
        sharing: Annotated[float, Field(gt=0)] = 5.0,
        tilt: Annotated[float, Field(ge=0, le=1000)] = 10.0,
        emphasis: Annotated[float, Field(gt=0)] = 2.0,
        bisection: bool = True,
    ) -> None:
        super().__init__(space, seed)
        policy = Policy(exploration, widening, sharing, tilt)
        self._tree = Tree(Branch(None, True, ()), {}, policy, bisection)
        self._rewards = Rewards(emphasis)
        self._proposed = Proposed(space)
        self._paths: dict[int, list[Branch]] = {}
        self._networks: dict[str, int] = {}
        self._waiting: dict[str, list[list[Branch]]] = {}

    def _propose(self, number: int, rng: np.random.Generator) -> Proposal:
        random = fast_random(rng)
        proposal, guide = self._find(number, rng, random)
        self._accept(proposal, guide, random)
        return proposal

    def _find(
        self, number: int, rng: np.random.Generator, random: Random
    ) -> tuple[Proposal, Guide | None]:
        """What is to be proposed, and the walk that found it, if one did."""
        if number < len(self.space.seeds):
            return Proposal(number, self.space.seeds[number], origin="seed"), None
        found = self._descend(random)
        if found is None:
            return Proposal(number, self.space.sample(rng)), None
        derivation, guide = found
        return Proposal(number, derivation, origin="tree"), guide

    def _accept(self, proposal: Proposal, guide: Guide | None, random: Random) -> None:
        """Takes in what is proposed, so that it is not proposed again."""
        if guide is not None:
            guide.close()
            self._hold(proposal.number, guide.path)
        elif proposal.origin == "seed":
            self._follow(proposal.number, proposal.derivation.decisions, random)
        self._proposed.note(proposal)
        self._proposed.forget(proposal.number)

    def _descend(self, random: Random) -> tuple[Derivation, Guide] | None:
        """A walk to what was not proposed before; None where none is found."""
        for _ in range(MOST_WALKS):
            if self._tree.root.is_closed:
                return None
            guide = Guide(self._tree, random)
            found = self._derive(guide)
            if found is None:
                continue
            if found not in self._proposed:
                return found, guide
            guide.close()
            for branch in guide.path:
                branch.repeats += 1
        return None

    def _derive(self, guide: Guide) -> Derivation | None:
        try:
            return self.space.guided(guide)
        except DeadEnd:
            guide.fail()
            return None

    def _follow(self, number: int, decisions: Sequence[Any], random: Random) -> None:
        """Walks down where recorded decisions lead."""
        guide = Guide(self._tree, random, values_of(decisions))
        if self._derive(guide) is not None:
            guide.close()
            self._hold(number, guide.path)

    def _hold(self, number: int, path: list[Branch]) -> None:
        self._paths[number] = path
        for branch in path:
            branch.pending += 1

    def _release(self, number: int) -> list[Branch]:
        path = self._paths.pop(number, [])
        for branch in path:
            branch.pending -= 1
        return path

    def _recall(self, trial: Trial) -> None:
        rng = np.random.default_rng((self.seed, trial.number))
        random = fast_random(rng)
        if trial.origin != FOREIGN:
            # A walk also learns of dead ends, which no record holds, so that it is done again.
            proposal, guide = self._find(trial.number, rng, random)
            if values_of(proposal.derivation.decisions) == values_of(trial.decisions):
                self._accept(proposal, guide, random)
                return
        # What that walk found was not proposed, so that it stays open.
        self._proposed.recall(trial)
        self._follow(trial.number, trial.decisions, random)

    def _learn(self, trial: Trial) -> None:
        merit = self.space.merit(trial)
        if trial.number in self._rewards:
            if merit is not None:
                self._rewards.change(trial.number, merit)
            return
        path = self._release(trial.number)
        if trial.state is TrialState.DUPLICATE:
            for branch in path:
                branch.repeats += 1
            self._waiting.setdefault(trial.hash, []).append(path)
        else:
            self._rewards.tell(trial.number, merit, path)
            self._networks.setdefault(trial.hash, trial.number)
        self._transpose(trial.hash)

    def _transpose(self, network: str) -> None:
        """Rewards the other paths to a network, by its canonical hash, once it was told."""
        if network in self._networks:
            for path in self._waiting.pop(network, ()):
                self._rewards.transpose(self._networks[network], path)
