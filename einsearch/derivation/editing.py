"""`Editor`: derives an architecture again with one activation changed; nothing else moves.

The decisions before the activation are replayed, those inside are drawn anew or taken from
elsewhere, those behind it are replayed on the shapes that result. Where they cannot stand, the
inside is drawn again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any, Final

from einsearch.derivation.bounds import bounds_of
from einsearch.derivation.choosing import Never
from einsearch.derivation.derivation import Derivation, from_machine
from einsearch.derivation.deriver import Deriver, settings_for
from einsearch.derivation.keeping import Keeping, Key, Redraw, same
from einsearch.derivation.limits import Limits
from einsearch.derivation.machine import Chooser, Machine, Settings
from einsearch.derivation.sample import Accept
from einsearch.derivation.state import Activation, Cursor, DeadEnd, Retarget
from einsearch.primitives.program import Program

Fingerprint = Callable[[Program], str]
"""Canonical hash of a program: equal for networks that are the same."""

_SAME: Final = "the same network"


class Editor:
    """One derivation, and what its edits must keep.

    Args:
        derivation: what is edited.
        random: the only source of randomness.
        limits: that hold for the outcome; `Limits()` where None.
        accept: turns down finished programs, as `require` does.
        fingerprint: tells networks apart.
        others: derivations that the outcome must differ from, beside the edited one.
    """

    def __init__(
        self,
        derivation: Derivation,
        random: Random,
        limits: Limits | None,
        accept: Accept | None,
        fingerprint: Fingerprint,
        others: Iterable[Derivation] = (),
    ) -> None:
        self.derivation = derivation
        self.random = random
        self.limits = limits or Limits()
        self._accept = accept
        self._fingerprint = fingerprint
        known = (derivation, *others)
        self._known = {fingerprint(one.program) for one in known}
        self._values = [one.values for one in known]

    def redraw(
        self,
        activation: Activation,
        chooser: Chooser,
        most_failures: int,
        limits: Limits | None = None,
    ) -> Derivation:
        """Another derivation of one activation.

        Args:
            activation: of the edited derivation.
            chooser: where decisions inside it come from.
            most_failures: how often it may return to an earlier draw.
            limits: narrower ones.

        Raises:
            DeadEnd: nothing valid was found, or nothing that differs.
        """
        kept = limits or self.limits
        grammar = self.derivation.grammar
        settings = settings_for(
            grammar,
            chooser,
            kept,
            bounds_of(grammar, kept.depth),
            accept=self._judge,
            retarget=self._retarget(activation, None),
        )
        before = Cursor(self.derivation.values, 0, activation.decisions[0], is_copy=False)
        return self._derive(settings, before, most_failures)

    def change(
        self,
        activation: Activation,
        kept: Mapping[Key, Any],
        changed: Mapping[Key, Redraw],
        most_failures: int,
        limits: Limits | None = None,
    ) -> Derivation:
        """Another derivation of one activation, with old values wherever they can stand.

        Args:
            activation, most_failures, limits: as in `redraw`.
            kept: old values by address.
            changed: addresses that get another value.

        Raises:
            DeadEnd: nothing valid was found, or nothing that differs.
        """
        strict = Keeping(self.random, kept, changed, is_strict=True)
        try:
            return self.redraw(activation, strict, most_failures, limits)
        except DeadEnd as error:
            if set(error.reasons) <= {_SAME}:
                raise
        loose = Keeping(self.random, kept, changed, is_strict=False)
        return self.redraw(activation, loose, most_failures, limits)

    def transplant(self, place: Activation, donor: Derivation, graft: Activation) -> Derivation:
        """The derivation with an activation's decisions taken from another one of its rule.

        Raises:
            DeadEnd: they cannot stand there, or nothing differs.
        """
        values, (first, last) = self.derivation.values, place.decisions
        new = donor.values[slice(*graft.decisions)]
        self._expect_new((*values[:first], *new, *values[last:]))
        inside = Cursor(donor.values, *graft.decisions, is_copy=False)
        retarget = self._retarget(place, inside)
        settings = settings_for(
            self.derivation.grammar, Never(), self.limits, accept=self._judge, retarget=retarget
        )
        before = Cursor(self.derivation.values, 0, place.decisions[0], is_copy=False)
        return self._derive(settings, before, 0)

    def replay(self, values: Sequence[Any]) -> Derivation:
        """What other values of all decisions derive.

        Raises:
            DeadEnd: they cannot stand, or nothing differs.
        """
        self._expect_new(values)
        settings = settings_for(self.derivation.grammar, Never(), self.limits, accept=self._judge)
        return self._derive(settings, Cursor(values, 0, len(values), is_copy=False), 0)

    def _expect_new(self, values: Sequence[Any]) -> None:
        """Raises DeadEnd for the values of a derivation that the outcome must differ from."""
        for known in self._values:
            if len(known) == len(values) and all(map(same, known, values)):
                raise DeadEnd(_SAME, Counter([_SAME]))

    def _judge(self, machine: Machine) -> str | None:
        program = machine.program
        if self._fingerprint(program) in self._known:
            return _SAME
        return self._accept(program) if self._accept is not None else None

    def _retarget(self, activation: Activation, inside: Cursor | None) -> Retarget:
        values = self.derivation.values
        after = Cursor(values, activation.decisions[1], len(values), is_copy=False)
        nodes_after = self.derivation.counted - activation.nodes[1]
        return Retarget(activation.entry, inside, after, nodes_after)

    def _derive(self, settings: Settings, before: Cursor, most_failures: int) -> Derivation:
        grammar = self.derivation.grammar
        machine = Deriver(grammar.start_rule, self.derivation.input, settings)
        machine.source = before
        reason = machine.enter(grammar.start_rule, (), machine.context.path)
        if reason is not None:
            raise DeadEnd(reason, machine.reasons)
        return from_machine(machine.run(most_failures), grammar)


def with_decisions(derivation: Derivation) -> list[Activation]:
    """The activations in which anything was decided."""
    return [a for a in derivation.activations if a.decisions[0] < a.decisions[1]]
