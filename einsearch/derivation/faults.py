"""What stood in the way of a search, and the lines of a message that say so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from einsearch.derivation.state import Excess
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar, nodes_of
from einsearch.specs import Bundle, describe

if TYPE_CHECKING:
    from einsearch.derivation.machine import Machine

MOST_SHOWN: Final = 4

_CALL: Final = re.compile(r"\w+(\([^()]*\))? \(call \d+ of \d+\)")


@dataclass
class Fault:
    """One thing that stood in the way, in one place of the grammar.

    Attributes:
        site: the expression that failed; None where a finished network was turned down.
        reason: why, at the time when most calls had been made.
        specs: the tensors that it failed on then.
        excess: by how much a limit was passed, where it was passed least.
        count: how often.
        furthest: how many calls had been made at most.
    """

    site: e.Expression | None
    reason: str
    specs: Bundle
    excess: Excess | None = None
    count: int = 0
    furthest: int = -1


class Faults:
    """Collects the faults of one search."""

    def __init__(self) -> None:
        self._found: dict[Any, Fault] = {}

    def note(self, machine: Machine, reason: str) -> None:
        """The machine cannot go on."""
        fault = self._counted((machine.site, ""), machine.site, reason)
        if len(machine.calls) > fault.furthest:
            fault.furthest, fault.reason, fault.specs = len(machine.calls), reason, machine.specs

    def exceeded(self, machine: Machine, reason: str, excess: Excess) -> None:
        """A call goes over a limit."""
        fault = self._counted((machine.site, excess.limit), machine.site, reason)
        fault.furthest = max(fault.furthest, len(machine.calls))
        if fault.excess is None or excess.total < fault.excess.total:
            fault.excess, fault.specs = excess, machine.specs

    def refused(self, machine: Machine, choice: e.Choice) -> None:
        """No alternative of a choice takes the tensors at hand."""
        if len(choice.alternatives) == 1:
            return
        reason = f"takes {describe(machine.specs)}"
        fault = self._counted((choice, "refused"), choice, reason)
        if len(machine.calls) > fault.furthest:
            fault.furthest, fault.reason = len(machine.calls), reason

    def turned_down(self, reason: str, count: int = 1) -> None:
        """So many finished networks were turned down."""
        # The call at fault is named, which is another one in every network.
        self._counted((None, _CALL.sub("", reason)), None, reason, count)

    def _counted(self, key: Any, site: e.Expression | None, reason: str, count: int = 1) -> Fault:
        fault = self._found.get(key)
        if fault is None:
            fault = self._found[key] = Fault(site, reason, ())
        fault.count += count
        return fault

    @property
    def rejected(self) -> int:
        """How many finished networks were turned down."""
        return sum(fault.count for fault in self._found.values() if fault.site is None)

    def cheapest(self, limit: str) -> Fault | None:
        """The fault that goes least over a limit."""
        over = [f for f in self._found.values() if f.excess and f.excess.limit == limit]
        return min(over, key=lambda f: f.excess.total if f.excess else 0, default=None)

    def foremost(self) -> list[Fault]:
        """The most frequent ones, and the one that came furthest."""
        # Where all alternatives are refused, that says more than what each of them says.
        implied = {
            id(head)
            for (_, kind), fault in self._found.items()
            if kind == "refused" and isinstance(fault.site, e.Choice)
            for head in _heads(fault.site)
        }
        shown = [fault for fault in self._found.values() if id(fault.site) not in implied]
        shown.sort(key=lambda fault: -fault.count)
        foremost = shown[:MOST_SHOWN]
        furthest = max(shown, key=lambda fault: fault.furthest, default=None)
        if furthest is not None and furthest not in foremost:
            foremost[-1] = furthest
        return foremost


def _heads(choice: e.Choice) -> Iterator[e.Expression]:
    """What the alternatives begin with."""
    for alternative in choice.alternatives:
        body = alternative.body
        yield body.items[0] if isinstance(body, e.Series) else body


class Places:
    """Names the rules and lines of a grammar's expressions."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._rules = {id(node): rule for rule in grammar.rules.values() for node in nodes_of(rule)}

    def rule(self, rule: e.Rule) -> str:
        """E.g. "`join` (line 12)"; the file's name too where it is an imported one."""
        file = "" if rule.file == self._grammar.name else f"{rule.file}, "
        return f"`{rule.name}` ({file}line {rule.at[0]})"

    def of(self, site: Any) -> str:
        """The rule in which an expression stands."""
        rule = self._rules.get(id(site))
        return "the network" if rule is None else self.rule(rule)

    def line(self, fault: Fault) -> str:
        """A fault as a line of a message."""
        times = f"{fault.count} times: " if fault.count > 1 else "once: "
        if fault.site is None:
            return f"{times}a finished network was turned down: {fault.reason}"
        if fault.excess is not None:
            excess = fault.excess
            return f"{times}{self.exceeding(fault)}, over {excess.limit}={excess.most:,}"
        if fault.reason.startswith("takes "):
            return f"{times}no alternative of {self.of(fault.site)} {fault.reason}"
        return f"{times}in {self.of(fault.site)}, {fault.reason}"

    def exceeding(self, fault: Fault) -> str:
        """What a call adds to a sum that is limited, where that is least over the limit."""
        excess = fault.excess
        assert excess is not None
        name = fault.reason.partition(":")[0]
        total = "" if excess.own == excess.total else f", which makes {excess.total:,}"
        unit = excess.limit.replace("_", " ")
        return (
            f"{name} in {self.of(fault.site)} has {excess.own:,} {unit} on "
            f"{describe(fault.specs)}{total}"
        )
