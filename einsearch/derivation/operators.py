"""Mutation at several scales. Each operator gives a valid derivation with another canonical hash.

| operator     | what changes                                                                 |
| ------------ | ---------------------------------------------------------------------------- |
| `value`      | one drawn value, to a near one                                                |
| `production` | one alternative; parts of the old one stay as parts of the new one            |
| `subtree`    | one subtree is drawn anew                                                     |
| `swap`       | two siblings of the same rule change places                                   |
| `grow`       | a subtree becomes part of a larger one of its rule                            |
| `shrink`     | a subtree gives way to a part of itself of its rule                           |
| `training`   | one setting of training, to a near one; now and then all                      |

All leave everything outside the subtree that they edit as it was. The scales are those of genetic
programming: O'Reilly, 1995, "An Analysis of Genetic Programming" (`grow`: insertion, `shrink`:
hoisting, `production`: point mutation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from einsearch.derivation.choosing import AtRandom, fast_random
from einsearch.derivation.decisions import Path, is_production
from einsearch.derivation.derivation import Derivation
from einsearch.derivation.edit import MOST_REDRAWS, MOST_SUBTREES
from einsearch.derivation.editing import Editor, Fingerprint, with_decisions
from einsearch.derivation.keeping import Keeping, Key, Redraw, addressed, key_of, moved
from einsearch.derivation.limits import Limits
from einsearch.derivation.near import near, shuffled
from einsearch.derivation.sample import Accept
from einsearch.derivation.settings import decides_setting
from einsearch.derivation.sites import find_choice, sites_of, ways_back
from einsearch.derivation.state import Activation, DeadEnd, Taken
from einsearch.errors import NoNeighbour
from einsearch.grammar import expressions as e

MOST_PLACES: Final = 12
"""Places tried before an operator gives up."""
ALL_SETTINGS: Final = 0.2
"""How often all settings of training are changed at once."""
MOST_ALTERNATIVES: Final = 3
"""Alternatives tried in one place."""

Operator = Callable[
    [Derivation, np.random.Generator, Limits | None, Accept | None, Fingerprint], Derivation
]
"""Arguments and errors as of `einsearch.derivation.edit.mutate`."""

_Attempts = Callable[[Editor], Iterator[Callable[[], Derivation]]]
"""Edits to try; each may end in a DeadEnd."""


def _operator(attempts: _Attempts) -> Operator:
    def operator(
        derivation: Derivation,
        rng: np.random.Generator,
        limits: Limits | None,
        accept: Accept | None,
        fingerprint: Fingerprint,
    ) -> Derivation:
        editor = Editor(derivation, fast_random(rng), limits, accept, fingerprint)
        for attempt in attempts(editor):
            try:
                return attempt()
            except DeadEnd:
                continue
        raise NoNeighbour(
            f"a derivation with {len(derivation.taken)} decisions has no such neighbour"
        )

    return operator


def _values(editor: Editor) -> Iterator[Callable[[], Derivation]]:
    derivation, random = editor.derivation, editor.random
    places = [i for i, taken in enumerate(derivation.taken) if not is_production(taken.domain)]
    for place in random.sample(places, min(len(places), MOST_PLACES)):
        taken = derivation.taken[place]
        activation = innermost(derivation, place)

        changed = {key_of(taken): partial(near, old=taken.value, random=random)}
        yield partial(_change, editor, activation, changed)


def _settings(editor: Editor) -> Iterator[Callable[[], Derivation]]:
    derivation, random = editor.derivation, editor.random
    places = [i for i, taken in enumerate(derivation.taken) if decides_setting(taken.label)]
    for place in random.sample(places, len(places)):
        chosen = places if random.random() < ALL_SETTINGS else [place]
        taken = [derivation.taken[i] for i in chosen]
        activation = innermost(derivation, place)
        changed = {key_of(t): partial(near, old=t.value, random=random) for t in taken}
        yield partial(_change, editor, activation, changed)


def _productions(editor: Editor) -> Iterator[Callable[[], Derivation]]:
    derivation, random = editor.derivation, editor.random
    places = [i for i, taken in enumerate(derivation.taken) if is_production(taken.domain)]
    for place in random.sample(places, min(len(places), MOST_PLACES)):
        taken = derivation.taken[place]
        activation = innermost(derivation, place)
        choice = find_choice(derivation.grammar.rules[activation.rule], taken.label)
        if choice is None:
            continue
        others = [i for i in range(len(choice.alternatives)) if i != taken.value]
        weights = [0.5 * choice.alternatives[i].probability + 0.5 / len(others) for i in others]
        order = shuffled(others, weights, random)
        for alternative, _ in zip(order, range(MOST_ALTERNATIVES), strict=False):
            kept = _parts_kept(derivation, activation, taken, choice, alternative)
            changed = {key_of(taken): _always(alternative)}
            yield partial(_change, editor, activation, changed, kept)


def _parts_kept(
    derivation: Derivation, activation: Activation, taken: Taken, choice: e.Choice, new: int
) -> dict[Key, Any]:
    """Values of the old alternative's subtrees, at the calls of the same rules in the new one."""
    inside = derivation.taken[slice(*activation.decisions)]
    left = sites_of(choice.alternatives[taken.value].body)
    kept: dict[Key, Any] = {}
    for site in sites_of(choice.alternatives[new].body):
        old = next((known for known in left if known.rule == site.rule), None)
        if old is not None:
            left.remove(old)
            source, destination = _path(taken.path, old.path), _path(taken.path, site.path)
            kept.update(moved(inside, source, destination))
    return kept


def _subtrees(editor: Editor) -> Iterator[Callable[[], Derivation]]:
    places = with_decisions(editor.derivation)
    for _ in range(MOST_SUBTREES if places else 0):
        activation = editor.random.choice(places)
        yield partial(editor.redraw, activation, AtRandom(editor.random), MOST_REDRAWS)


def _swaps(editor: Editor) -> Iterator[Callable[[], Derivation]]:
    values = editor.derivation.values
    families = [family for family in _siblings(editor.derivation) if len(family) > 1]
    for _ in range(MOST_PLACES if families else 0):
        one, other = sorted(editor.random.sample(editor.random.choice(families), 2))
        (a, b), (c, d) = one.decisions, other.decisions
        if values[a:b] != values[c:d]:
            swapped = (*values[:a], *values[c:d], *values[b:c], *values[a:b], *values[d:])
            yield partial(editor.replay, swapped)


def _growths(editor: Editor) -> Iterator[Callable[[], Derivation]]:
    derivation, random = editor.derivation, editor.random
    grammar = derivation.grammar
    places = [a for a in derivation.activations if ways_back(grammar, a.rule)]
    for activation in random.sample(places, min(len(places), MOST_PLACES)):
        ways = ways_back(grammar, activation.rule)
        [way] = random.choices(ways, [site.probability for site in ways])
        changed: dict[Key, Redraw] = {
            (_path(activation.path, path).digest, label): _always(alternative)
            for path, label, alternative in way.forced
        }
        inside = derivation.taken[slice(*activation.decisions)]
        kept = moved(inside, activation.path, _path(activation.path, way.path))
        chooser = Keeping(random, kept, changed, is_strict=False)
        yield partial(editor.redraw, activation, chooser, MOST_REDRAWS, _room(editor))


def _room(editor: Editor) -> Limits:
    """Limits that let a network grow by at most its own size."""
    nodes = editor.derivation.counted
    most = nodes + editor.random.randint(1, max(8, nodes))
    limit = editor.limits.nodes
    return replace(editor.limits, nodes=most if limit is None else min(limit, most))


def _shrinkings(editor: Editor) -> Iterator[Callable[[], Derivation]]:
    derivation = editor.derivation
    grammar = derivation.grammar
    parts = [a for a in with_decisions(derivation) if ways_back(grammar, a.rule)]
    for part in editor.random.sample(parts, min(len(parts), MOST_SUBTREES)):
        whole = _nearest_of_rule(derivation, part)
        if whole is not None:
            yield partial(editor.transplant, whole, derivation, part)


def _change(
    editor: Editor,
    activation: Activation,
    changed: Mapping[Key, Redraw],
    kept: Mapping[Key, Any] | None = None,
) -> Derivation:
    """Changes some decisions of an activation, and keeps the others."""
    inside = editor.derivation.taken[slice(*activation.decisions)]
    all_kept = {**addressed(inside), **(kept or {})}
    return editor.change(activation, all_kept, changed, MOST_REDRAWS, _room(editor))


def _always(value: Any) -> Redraw:
    return lambda draw: iter((value,))


def _path(path: Path, labels: Iterable[str]) -> Path:
    for label in labels:
        path = path.child(label)
    return path


def innermost(derivation: Derivation, place: int) -> Activation:
    """The innermost activation that decision number `place` belongs to."""
    inside = [a for a in derivation.activations if a.decisions[0] <= place < a.decisions[1]]
    return max(inside, key=lambda a: a.level)


def _nearest_of_rule(derivation: Derivation, part: Activation) -> Activation | None:
    """The innermost activation of the same rule around another one."""
    first, last = part.decisions
    around = [
        a
        for a in derivation.activations
        if a.rule == part.rule
        and a.level < part.level
        and a.decisions[0] <= first
        and last <= a.decisions[1]
    ]
    return max(around, key=lambda a: a.level, default=None)


def _siblings(derivation: Derivation) -> list[list[Activation]]:
    """Activations with decisions, by rule and the activation that they stand in."""
    families: dict[tuple[int, str], list[Activation]] = {}
    parents: dict[int, int] = {}
    for number, activation in enumerate(derivation.activations):
        level = activation.level
        parent = parents.setdefault(level, number)  # its first child stands for it
        parents.pop(level + 1, None)
        if activation.decisions[0] < activation.decisions[1]:
            families.setdefault((parent, activation.rule), []).append(activation)
    return list(families.values())


OPERATORS: Final[Mapping[str, Operator]] = {
    "value": _operator(_values),
    "production": _operator(_productions),
    "subtree": _operator(_subtrees),
    "swap": _operator(_swaps),
    "grow": _operator(_growths),
    "shrink": _operator(_shrinkings),
}
SETTING_OPERATORS: Final[Mapping[str, Operator]] = {"training": _operator(_settings)}
"""Of grammars that decide settings of training."""
