"""Power series with natural coefficients, as circuits of sums, products and substitutions.

A series has one coefficient for every number of nodes: how many derivations have so many. Rules
that call themselves make circuits with cycles. Coefficients are worked out one after the other, in
an order in which each needs only what is known (Flajolet, Zimmermann and Van Cutsem, 1994).
"""

from __future__ import annotations

from math import inf
from operator import mul
from typing import Any, Final, NamedTuple

MOST_BITS: Final = 13_000
"""Of a number of derivations: about 3,900 digits."""
MOST_PARTS: Final = 100_000
MOST_CYCLIC: Final = 5_000
"""Parts of a circuit with cycles, whose coefficients take longer."""


class Endless(Exception):
    """There are infinitely many derivations with one number of nodes."""


class TooLarge(Exception):
    """There are more derivations than can be written out."""


class _Part(NamedTuple):
    """One step of a circuit.

    Attributes:
        kind: "constant", "node" (one node), "sum", "product" or "spread".
        inner: the parts that it is made of.
        number: of a constant; the factor of a spread, which has its nodes so often.
    """

    kind: str
    inner: tuple[int, ...] = ()
    number: int = 0


class Circuit:
    """Parts by number; those of `sum` may be completed later, so that cycles can be made."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._numbers: dict[_Part, int] = {}
        self.zero: Final = self.constant(0)
        self.one: Final = self.constant(1)
        self.node: Final = self._add(_Part("node"))

    def constant(self, number: int) -> int:
        """A number of derivations without nodes."""
        return self._add(_Part("constant", (), number))

    def total(self, parts: list[int]) -> int:
        """Derivations of one kind or another."""
        parts = [part for part in parts if part != self.zero]
        if not parts:
            return self.zero
        return parts[0] if len(parts) == 1 else self._add(_Part("sum", tuple(parts)))

    def product(self, *parts: int) -> int:
        """Derivations made of one of each."""
        made = self.one
        for part in parts:
            if self.zero in (made, part):
                return self.zero
            if made == self.one or part == self.one:
                made = made if part == self.one else part
            else:
                made = self._add(_Part("product", (made, part)))
        return made

    def spread(self, part: int, copies: int) -> int:
        """Derivations whose nodes stand in so many places."""
        if copies == 1 or part in (self.zero, self.one):
            return part
        return self._add(_Part("spread", (part,), copies))

    def open(self) -> int:
        """A sum to be completed by `close`."""
        self._parts.append(_Part("sum"))
        return len(self._parts) - 1

    def close(self, part: int, inner: list[int]) -> None:
        """Completes a sum."""
        self._parts[part] = _Part("sum", tuple(inner))

    def _add(self, part: _Part) -> int:
        number = self._numbers.get(part)
        if number is None:
            if len(self._parts) >= MOST_PARTS:
                raise TooLarge
            number = self._numbers[part] = len(self._parts)
            self._parts.append(part)
        return number

    def least(self) -> list[float]:
        """Least nodes of every part; infinite where there is no derivation."""
        found = [inf] * len(self._parts)
        readers: list[list[int]] = [[] for _ in self._parts]
        for number, part in enumerate(self._parts):
            for item in dict.fromkeys(part.inner):
                readers[item].append(number)
        pending = list(range(len(self._parts)))
        while pending:
            number = pending.pop()
            value = self._least(self._parts[number], found)
            if value < found[number]:
                found[number] = value
                pending += readers[number]
        return found

    def _least(self, part: _Part, found: list[float]) -> float:
        if part.kind == "constant":
            return 0 if part.number else inf
        if part.kind == "node":
            return 1
        values = [found[number] for number in part.inner]
        if part.kind == "sum":
            return min(values, default=inf)
        return sum(values) if part.kind == "product" else values[0] * part.number

    def count(self, root: int) -> int | None:
        """How many derivations there are in all; None where they are infinitely many.

        Raises:
            TooLarge: there are more than can be written out.
        """
        import networkx as nx

        graph = self._dependencies(root, self.least(), own_degree=False)
        if not nx.is_directed_acyclic_graph(graph):
            return None
        values: dict[int, int] = {}
        for number in reversed(list(nx.topological_sort(graph))):
            part = self._parts[number]
            inner = [values.get(item, 0) for item in part.inner]
            if part.kind == "product":
                values[number] = inner[0] * inner[1]
            elif part.kind in ("sum", "spread"):
                values[number] = sum(inner)
            else:
                values[number] = part.number if part.kind == "constant" else 1
            if values[number].bit_length() > MOST_BITS:
                raise TooLarge
        return values.get(root, 0)

    def finite_coefficients(self, root: int, most: int, total: int) -> list[int]:
        """As `coefficients`, where there are `total` derivations in all.

        A series is one large integer, whose digits, in a base above `total`, are its coefficients:
        no part has more derivations than the whole.
        """
        import networkx as nx

        graph = self._dependencies(root, self.least(), own_degree=False)
        bits = total.bit_length() + 1
        kept = (1 << bits * (most + 1)) - 1
        readers = dict(graph.in_degree())
        values: dict[int, int] = {}
        for number in reversed(list(nx.topological_sort(graph))):
            part = self._parts[number]
            inner = [values.get(item, 0) for item in part.inner]
            values[number] = self._packed(part, inner, bits, most) & kept
            for item in set(part.inner) & readers.keys():
                readers[item] -= 1
                if not readers[item] and item != root:
                    del values[item]
        return _digits(values.get(root, 0), bits, most)

    def _packed(self, part: _Part, inner: list[int], bits: int, most: int) -> int:
        if part.kind == "constant":
            return part.number
        if part.kind == "node":
            return 1 << bits
        if part.kind == "sum":
            return sum(inner)
        if part.kind == "product":
            return inner[0] * inner[1]
        digits = _digits(inner[0], bits, most // part.number)
        return sum(digit << bits * part.number * place for place, digit in enumerate(digits))

    def coefficients(self, root: int, most: int) -> list[int]:
        """How many derivations have 0, 1, ... `most` nodes.

        Raises:
            Endless: infinitely many have one of these numbers.
            TooLarge: the circuit is.
        """
        import networkx as nx

        least = self.least()
        needed = self._dependencies(root, least, own_degree=True)
        if len(needed) > MOST_CYCLIC:
            raise TooLarge
        graph = nx.condensation(needed)
        order = [graph.nodes[n]["members"] for n in reversed(list(nx.topological_sort(graph)))]
        loops = {n for members in order if len(members) > 1 for n in members}
        loops |= {n for (n,) in (m for m in order if len(m) == 1) if n in self._parts[n].inner}
        known: dict[int, list[int]] = {n: [] for members in order for n in members}
        for degree in range(most + 1):
            for members in order:
                for number in members:
                    value = self._coefficient(self._parts[number], degree, known, least)
                    if value and number in loops:
                        raise Endless
                    known[number].append(value)
        return known.get(root, [0] * (most + 1))

    def _coefficient(
        self, part: _Part, degree: int, known: dict[int, list[int]], least: list[float]
    ) -> int:
        if part.kind == "constant":
            return part.number if degree == 0 else 0
        if part.kind == "node":
            return int(degree == 1)
        if part.kind == "sum":
            return sum(_at(known, number, degree) for number in part.inner)
        if part.kind == "spread":
            whole, rest = divmod(degree, part.number)
            return _at(known, part.inner[0], whole) if rest == 0 else 0
        left, right = part.inner
        for node, other in ((left, right), (right, left)):
            if self._parts[node].kind == "node":
                return _at(known, other, degree - 1) if degree else 0
        one, two = known.get(left, ()), known.get(right, ())
        # Of those of a loop, some are not known yet.
        low = max(least[left], degree - len(two) + 1)
        high = min(degree - least[right], len(one) - 1)
        if low > high:
            return 0
        first, last = int(low), int(high)
        return sum(
            map(mul, one[first : last + 1], reversed(two[degree - last : degree - first + 1]))
        )

    def _dependencies(self, root: int, least: list[float], *, own_degree: bool) -> Any:
        """What every part needs; with `own_degree`, only for coefficients of the same degree."""
        import networkx as nx

        graph: Any = nx.DiGraph()
        pending = [root] if least[root] < inf else []
        graph.add_nodes_from(pending)
        seen = set(pending)
        while pending:
            number = pending.pop()
            part = self._parts[number]
            for item in part.inner:
                if least[item] == inf:
                    continue
                if item not in seen:
                    seen.add(item)
                    graph.add_node(item)
                    pending.append(item)
                if not own_degree or self._needs(part, item, least):
                    graph.add_edge(number, item)
        return graph

    def _needs(self, part: _Part, item: int, least: list[float]) -> bool:
        """Whether a coefficient needs the one of the same degree of a part inside."""
        if part.kind == "product":
            left, right = part.inner
            return (item == left and least[right] == 0) or (item == right and least[left] == 0)
        return part.kind == "sum" or least[item] == 0


def _digits(packed: int, bits: int, most: int) -> list[int]:
    one = (1 << bits) - 1
    return [packed >> bits * place & one for place in range(most + 1)]


def _at(known: dict[int, list[int]], number: int, degree: int) -> int:
    """A coefficient; 0 of parts that nothing is derived from, or within a loop."""
    found = known.get(number)
    return found[degree] if found is not None and degree < len(found) else 0
