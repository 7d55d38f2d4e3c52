"""`Distribution`: probabilities of a grammar's alternatives and values, learned from derivations.

Frequencies among good derivations are smoothed: those in a context by those in a shorter one, and
these by the probabilities of the grammar. What would come too near to certainty is mixed with
the grammar's until it has enough entropy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.derivation.choosing import AtRandom
from einsearch.derivation.decisions import Draw, Interval, Path, is_production
from einsearch.derivation.near import shuffled
from einsearch.derivation.places import Place, Places, Slot, prior_of
from einsearch.grammar.model import Grammar
from einsearch.primitives.arguments import show_value

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation
    from einsearch.derivation.state import Taken

BISECTIONS: Final = 60
"""At most so many halvings find how much of the grammar's probabilities keeps the entropy up."""
PRECISION: Final = 1e-6
"""Relative error of that amount, which may be small."""

Array = NDArray[np.float64]
Choice = tuple[Place, Slot, int]
"""What was decided in a slot: the position of the alternative or value."""


class Distribution:
    """Learned probabilities.

    Args:
        grammar: whose alternatives and values they belong to.
        order: calls of a context; 0 for none.
        smoothing: how many good derivations the probabilities behind a frequency are worth.
        entropy: least entropy, as a fraction of that of the grammar's own probabilities.
    """

    def __init__(self, grammar: Grammar, order: int, smoothing: float, entropy: float) -> None:
        self.places = Places(grammar, order)
        self._order = order
        self._smoothing = smoothing
        self._entropy = entropy
        self._counts: dict[tuple[Place, Slot], Array] = {}
        self._current: dict[tuple[Place, Slot], Array] = {}

    def choices(self, derivation: Derivation) -> list[Choice]:
        """What was decided in a derivation, as far as it is learned."""
        known: dict[bytes, Place] = {}
        found = []
        for taken in derivation.taken:
            place = self.places.place(taken.path, known)
            slot = Slot(is_production(taken.domain), taken.label)
            node = self.places.slots[place.rule].get(slot)
            position = None if node is None else _position(taken, len(prior_of(node)), node)
            if position is not None:
                found.append((place, slot, position))
        return found

    def count(self, choices: Sequence[Choice], amount: float) -> None:
        """Adds the decisions of a derivation; a negative amount takes them away."""
        self._current.clear()
        for place, slot, position in choices:
            for start in range(len(place.context) + 1):
                shorter = Place(place.rule, place.context[start:])
                counts = self._counts.get((shorter, slot))
                if counts is None:
                    size = len(prior_of(self.places.slots[place.rule][slot]))
                    counts = self._counts[shorter, slot] = np.zeros(size)
                counts[position] += amount

    def probabilities(self, place: Place, slot: Slot) -> Array:
        """Of the values of a slot, in order; they sum to 1."""
        key = (place, slot)
        if key not in self._current:
            prior = np.array(prior_of(self.places.slots[place.rule][slot]))
            found = prior
            for start in range(len(place.context), -1, -1):
                counts = self._counts.get((Place(place.rule, place.context[start:]), slot))
                if counts is not None:
                    found = (counts + self._smoothing * found) / (counts.sum() + self._smoothing)
            self._current[key] = with_entropy(found, prior, self._entropy * entropy(prior))
        return self._current[key]


def _position(taken: Taken, size: int, node: Any) -> int | None:
    """Which of a slot's values was drawn."""
    if is_production(taken.domain):
        return int(taken.value)
    if taken.domain.startswith("{"):
        shown = taken.domain[1:-1].split(", ")
        value = show_value(taken.value)
        return shown.index(value) if len(shown) == size and value in shown else None
    return int(taken.value - node.low.value)


def entropy(probabilities: Array) -> float:
    """In nats."""
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log(positive)).sum())


def with_entropy(found: Array, prior: Array, least: float) -> Array:
    """The mixture with the prior that is nearest to what was found and has enough entropy."""
    if entropy(found) >= least:
        return found
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        if high - low <= PRECISION * high:
            break
        middle = (low + high) / 2
        is_enough = entropy((1 - middle) * found + middle * prior) >= least
        low, high = (low, middle) if is_enough else (middle, high)
    return (1 - high) * found + high * prior


class Tilted:
    """A chooser that draws by learned probabilities; whatever is not learned by the grammar.

    Args:
        distribution: the probabilities.
        random: the only source of randomness.
    """

    def __init__(self, distribution: Distribution, random: Random) -> None:
        self._distribution = distribution
        self._random = random
        self._free = AtRandom(random)
        self._known: dict[bytes, Place] = {}

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        """All values that are allowed, in random order."""
        places = self._distribution.places
        place = places.place(path, self._known)
        slot = Slot(is_production(draw.domain), label)
        if slot not in places.slots[place.rule]:
            return self._free.candidates(draw, path, label)
        weights = self._distribution.probabilities(place, slot)
        if isinstance(draw, Interval):
            values: Sequence[Any] = range(int(draw.low), int(draw.high) + 1)
            return shuffled(values, weights.tolist(), self._random)
        positions = draw.allowed
        if slot.is_production:
            weighted = [(draw.values[i], weights[draw.values[i]]) for i in positions]
        else:
            weighted = [(draw.values[i], weights[i]) for i in positions]
        possible = [(value, float(weight)) for value, weight in weighted if weight > 0]
        return shuffled([v for v, _ in possible], [w for _, w in possible], self._random)
