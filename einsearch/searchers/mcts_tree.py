"""The tree of decisions, and how one of their values is chosen: Kocsis and Szepesvari, 2006,
"Bandit Based Monte-Carlo Planning".

Worths of a value are shared between places of the tree as by Gelly and Silver, 2011, "Monte-Carlo
Tree Search and Rapid Action Value Estimation in Computer Go", in ever wider contexts; values are
admitted to a comparison by and by, as by Coulom, 2007, "Computing Elo Ratings of Move Patterns in
the Game of Go".
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from random import Random

from einsearch.searchers.mcts_parts import Part


class Worth:
    """What the trials that had something in common were worth.

    Attributes:
        visits: how many trials were told.
        total: sum of their rewards, each from 0 to 1.
    """

    __slots__ = ("total", "visits")

    def __init__(self) -> None:
        self.visits = 0
        self.total = 0.0


Worths = tuple[Worth, ...]
"""Of one part of a decision, in ever wider contexts, the narrowest first."""


def estimate(worths: Worths, weight: float) -> float:
    """Mean reward in the narrowest context, drawn towards that in the next wider one, and so on.

    Args:
        weight: of each wider context, in trials. The widest is drawn towards an average trial.
    """
    mean = 0.5
    for worth in reversed(worths):
        mean = (worth.total + weight * mean) / (worth.visits + weight)
    return mean


class Context:
    """Where a decision is taken, told ever more widely.

    Args:
        tables: worths by part; the narrowest context first.
    """

    __slots__ = ("_tables",)

    def __init__(self, tables: tuple[dict[Hashable, Worth], ...]) -> None:
        self._tables = tables

    def worths(self, key: Hashable) -> Worths:
        """The worths of a part, made where they are missing."""
        return tuple([table.setdefault(key, Worth()) for table in self._tables])

    def estimate(self, key: Hashable, weight: float) -> float:
        """As `estimate` for a part, of which perhaps nothing is known."""
        known = [table[key] for table in self._tables if key in table]
        return estimate(tuple(known), weight)


class Branch(Worth):
    """What is left to decide after the decisions that lead here.

    Attributes:
        parent: the branch before the last of these decisions, or before the last cut of one.
        is_exact: whether the decisions before it are always the same; below a range of reals
            they are not.
        worths: of the part that leads here, in wider contexts.
        pending: trials that were proposed and not told yet.
        repeats: proposals that repeated a network.
        transposed: those of them that are among the visits, with the reward of that network.
        branches: those behind it, by the key of their part.
        left: how many of its parts are not closed, branch or none; -1 where they are not known.
        is_closed: nothing is left here that was not proposed and does not fail.
    """

    __slots__ = (
        "branches",
        "is_closed",
        "is_exact",
        "left",
        "parent",
        "pending",
        "repeats",
        "transposed",
        "worths",
    )

    def __init__(self, parent: Branch | None, is_exact: bool, worths: Worths) -> None:
        super().__init__()
        self.parent = parent
        self.is_exact = is_exact
        self.worths = worths
        self.pending = 0
        self.repeats = 0
        self.transposed = 0
        self.branches: dict[Hashable, Branch] = {}
        self.left = -1
        self.is_closed = False

    @property
    def fresh(self) -> int:
        """Proposals that repeated no network, those under way among them."""
        return self.visits + self.pending - self.transposed

    def know(self, parts: int) -> None:
        """Notes among how many parts the next choice is."""
        if self.left < 0:
            self.left = parts
            if parts == 0 and self.is_exact:
                self.close()

    def behind(self, part: Part, context: Context) -> Branch | None:
        """The branch behind one of its parts, made where it is missing; None if it is closed."""
        branch = self.branches.get(part.key)
        if branch is None and not self.is_closed:
            branch = Branch(self, self.is_exact and part.is_exact, context.worths(part.key))
            self.branches[part.key] = branch
        return None if branch is None or branch.is_closed else branch

    def fail(self) -> None:
        """Notes that what leads here comes to nothing: for good, or, below reals, once more."""
        if self.is_exact:
            self.close()
        else:
            self.visits += 1

    def close(self) -> None:
        """Nothing behind it is proposed again, nor behind those whose parts are all closed then."""
        branch: Branch | None = self
        while branch is not None and not branch.is_closed:
            branch.is_closed = True
            branch.branches = {}
            branch = branch.parent
            if branch is not None:
                branch.left -= 1
                if branch.left > 0:
                    return


@dataclass(frozen=True)
class Policy:
    """How one of the parts of a decision is chosen.

    Attributes:
        exploration: weight of what is uncertain, in rewards.
        widening: parts that are compared, in units of the root of the visits.
        sharing: weight of wider contexts, in trials.
        tilt: how strongly worths tilt the grammar's probabilities.
    """

    exploration: float
    widening: float
    sharing: float
    tilt: float

    def choose(
        self, branch: Branch, parts: Sequence[Part], context: Context, random: Random
    ) -> Part | None:
        """A part that is not closed; None where all are.

        While few parts were tried for the visits of the branch, one that was not; otherwise the
        one with the highest upper confidence bound.
        """
        if branch.is_closed:
            return None
        fresh: list[Part] = []
        tried: list[tuple[Part, Branch]] = []
        for part in parts:
            behind = branch.branches.get(part.key)
            if behind is None:
                fresh.append(part)
            elif not behind.is_closed:
                tried.append((part, behind))
        visits = 1 + branch.fresh + branch.repeats
        if fresh and (not tried or len(branch.branches) < self.widening * math.sqrt(visits)):
            return self._draw(fresh, context, random)
        if not tried:
            return None
        spread = self.exploration * math.sqrt(math.log(visits))
        return max(tried, key=lambda pair: (self._bound(pair[1], spread), random.random()))[0]

    def _draw(self, parts: Sequence[Part], context: Context, random: Random) -> Part:
        """One part by the grammar's probabilities, tilted by what it was worth elsewhere."""
        if len(parts) == 1:
            return parts[0]
        weights = [
            part.probability
            * math.exp(self.tilt * (context.estimate(part.key, self.sharing) - 0.5))
            for part in parts
        ]
        return random.choices(parts, weights)[0]

    def _bound(self, branch: Branch, spread: float) -> float:
        """Upper confidence bound of a branch.

        A pending trial counts as a loss until it is told: virtual loss, of Chaslot, Winands and
        van den Herik, 2008, "Parallel Monte-Carlo Tree Search". Where more proposals repeated
        earlier ones than did not, worth shrinks.
        """
        mean = branch.total + self.sharing * estimate(branch.worths, self.sharing)
        mean /= branch.visits + branch.pending + self.sharing
        fresh, repeats = branch.fresh, branch.repeats
        if repeats > fresh:
            mean *= 2 * fresh / (fresh + repeats)
        return mean + spread / math.sqrt(fresh + repeats or 1)
