"""A learned distribution as the text of a grammar file.

Every rule is written once for each context in which it stands; of contexts that mean the same, as
far as digits tell, only one remains (partition refinement: Moore, 1956).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from functools import partial

from einsearch.derivation.places import Place, slot_of
from einsearch.grammar.model import Grammar
from einsearch.grammar.show import DIGITS, Drawn
from einsearch.grammar.write import Statement, unique_names, write_statements
from einsearch.searchers.learned import Distribution


def learned_text(grammar: Grammar, distribution: Distribution, trials: int) -> str:
    """Text of the grammar with learned probabilities.

    Args:
        grammar: with a start rule.
        distribution: learned for it.
        trials: from how many it was learned; said in the first line.
    """
    places = _reached(grammar, distribution)
    first = _merged(places, distribution)
    kept = [place for place in places if first[place] == place]
    names = unique_names(grammar, {place: _name(place, grammar, kept) for place in kept})
    statements = [
        Statement(
            names[place],
            grammar.rules[place.rule],
            {
                label: names[first[distribution.places.called(place, label)]]
                for label in distribution.places.callees[place.rule]
            },
            partial(_probabilities, distribution, place),
        )
        for place in kept
    ]
    by_rule = {place.rule: names[place] for place in reversed(kept)}
    comment = f"Learned in {trials} trials."
    return write_statements(grammar, names[places[0]], statements, by_rule, comment)


def _reached(grammar: Grammar, distribution: Distribution) -> list[Place]:
    """All places of the rules that the start reaches, the start first."""
    start = Place(grammar.start_rule.key, ())
    found = {start: None}
    pending = deque([start])
    while pending:
        outer = pending.popleft()
        for label in distribution.places.callees[outer.rule]:
            place = distribution.places.called(outer, label)
            if place not in found:
                found[place] = None
                pending.append(place)
    return list(found)


def _merged(places: Sequence[Place], distribution: Distribution) -> dict[Place, Place]:
    """For each place the first one that means the same."""
    parts: dict[Place, Hashable] = {
        place: (place.rule, _shown(place, distribution)) for place in places
    }
    while True:
        finer = {place: (parts[place], _called(place, distribution, parts)) for place in places}
        numbers = {part: number for number, part in enumerate(dict.fromkeys(finer.values()))}
        if len(numbers) == len(set(parts.values())):
            break
        parts = {place: numbers[finer[place]] for place in places}
    first: dict[Hashable, Place] = {}
    return {place: first.setdefault(parts[place], place) for place in places}


def _shown(place: Place, distribution: Distribution) -> Hashable:
    """The probabilities of a place as they are written."""
    slots = sorted(distribution.places.slots[place.rule])
    return tuple(
        tuple(f"{p:.{DIGITS}g}" for p in distribution.probabilities(place, slot)) for slot in slots
    )


def _called(
    place: Place, distribution: Distribution, parts: dict[Place, Hashable]
) -> tuple[Hashable, ...]:
    labels = distribution.places.callees[place.rule]
    return tuple(parts[distribution.places.called(place, label)] for label in labels)


def _name(place: Place, grammar: Grammar, kept: Sequence[Place]) -> str:
    """The rule's name; with where it stands behind it, where it is written several times."""
    name = grammar.rules[place.rule].name
    if sum(other.rule == place.rule for other in kept) == 1:
        return name
    return "_in_".join([name, *(grammar.rules[rule].name for rule, _ in reversed(place.context))])


def _probabilities(distribution: Distribution, place: Place, node: Drawn) -> Sequence[float] | None:
    slot = slot_of(node)
    return None if slot is None else distribution.probabilities(place, slot).tolist()
