"""Calls that a derivation makes and its text leaves out, because nothing needs their tensors.

A recogniser looks for a derivation with some more calls than the text has. Which of them stands
where hardly matters: tensors that nothing needs are alike, as long as no name and no order tells
them apart. Of two states that differ in that alone, the more probable one is worth going on with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from einsearch.derivation.calls import bind_arguments
from einsearch.derivation.machine import Machine
from einsearch.derivation.state import BlockState, Refs
from einsearch.derivation.trails import log_probability_of
from einsearch.derivation.values import evaluate
from einsearch.errors import ShapeError
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar, nodes_of
from einsearch.primitives.base import expressions_of, infer_or_reason
from einsearch.primitives.program import INPUT, Call, Ref
from einsearch.specs import Bundle, TensorSpec


class Padding:
    """Tensors that a text does not have, and what need not be tried with them.

    Args:
        grammar: whose blocks are recognised.

    Attributes:
        is_symmetric: whether the order of names means nothing: no tensors are drawn or read
            several at a time.
    """

    def __init__(self, grammar: Grammar) -> None:
        nodes = [node for rule in grammar.rules.values() for node in nodes_of(rule)]
        self.is_symmetric = not any(map(_takes_several, nodes))
        self._told_apart = frozenset(name for node in nodes for name in _names_in(node))
        self._numbers: dict[Hashable, int] = {}
        self._specs: list[TensorSpec] = []
        self._best: dict[Hashable, tuple[float, Any]] = {}

    def spec(self, ref: Ref) -> TensorSpec:
        """Spec of a tensor that the text does not have."""
        return self._specs[INPUT - 1 - ref.call]

    def tensors(self, unread: int, outputs: Bundle) -> Refs:
        """What a call that is left out yields, when so many may still be.

        They have numbers below INPUT, the same whichever call it is.
        """
        refs = []
        for port, spec in enumerate(outputs):
            key = (unread, port, spec)
            if key not in self._numbers:
                self._numbers[key] = len(self._specs)
                self._specs.append(spec)
            refs.append(Ref(INPUT - 1 - self._numbers[key], 0))
        return tuple(refs)

    def knows_statement(self, m: Any) -> bool:
        """Whether a recogniser between two statements was in such a state before.

        It was if a thread came there that is at least as probable, in the same block.
        """
        frame, context = m.frames, m.context
        if frame is None or not is_statement(frame.data):
            return False
        node, number, outer = frame.data
        own = (id(node), number, outer, m.block.incoming, self.state(m.block))
        place = (m.structures.of(context.environment), *context[3:], context.depth)
        return self._is_worse((own, place, m.position, m.known, m.unread, m.source), frame.next, m)

    def knows_call(self, m: Any, call: Call) -> bool:
        """Whether a recogniser left out a call before that yields the same there."""
        key = (call.inputs, call.outputs, m.position, m.block, m.known, m.unread, m.source)
        return self._is_worse(key, m.frames, m)

    def _is_worse(self, key: Hashable, shared: Any, m: Any) -> bool:
        """Whether a thread was here that was at least as probable; `shared` are frames below."""
        whole, mine = (id(shared), key), log_probability_of(m.trail)
        best = self._best.get(whole)
        if best is not None and mine <= best[0] + _EQUAL:
            return True
        self._best[whole] = mine, shared  # kept, so that no other one has its id
        return False

    def worth_trying(self, m: Any, values: list[Any], data: Any) -> list[Any]:
        """Of values that only calls tell apart that the text leaves out, the first."""
        if isinstance(data, e.AnyTensor):
            return self._names(values, m.block)
        if isinstance(data, e.Choice) and m.unread > 0:
            left = m.goal.tokens[m.position : m.position + 1]
            return self._alternatives(m, data, values, left[0].name if left else "")
        return values

    def state(self, block: BlockState) -> Hashable:
        """Equal for blocks that differ in the order of names, and in what is left out, alone."""
        kinds = Counter(
            self._kind(name, ref, block) for name, ref in block.names if ref is not None
        )
        return frozenset(kinds.items())

    def _names(self, values: Iterable[str], block: BlockState) -> list[str]:
        """Of names to draw from, the first of each kind."""
        known = dict(block.names)
        first: dict[Hashable, str] = {}
        for value in values:
            ref = known[value]
            assert ref is not None
            first.setdefault(self._kind(value, ref, block), value)
        return list(first.values())

    def _kind(self, name: str, ref: Ref, block: BlockState) -> Hashable:
        own = name if name in self._told_apart else ""
        return own, ref if ref.call >= INPUT else self.spec(ref), ref in block.read

    def _alternatives(
        self, m: Machine, node: e.Choice, numbers: Sequence[int], wanted: str
    ) -> list[int]:
        """Those that can match the wanted name, and of others the first with its outcome."""
        seen: set[Bundle] = set()
        kept = []
        for number in numbers:
            body = node.alternatives[number].body
            outcome = None
            if isinstance(body, e.PrimitiveCall) and body.primitive.name != wanted:
                outcome = _outcome(m, body)
            if outcome is None or outcome not in seen:
                kept.append(number)
            if outcome is not None:
                seen.add(outcome)
        return kept


_EQUAL = 1e-9


def is_statement(data: Any) -> bool:
    """Whether that belongs to a frame between two statements of a block."""
    return type(data) is tuple and bool(data) and type(data[0]) is e.Block


def _outcome(m: Machine, node: e.PrimitiveCall) -> Bundle | None:
    """What leaves a call that a text may leave out; None where that is not certain yet."""
    called, context = node.primitive, m.context
    if node.draws or called.is_source or called.is_implied:
        return None
    if expressions_of(type(called)):
        return None
    try:
        values = tuple(
            evaluate(value, context.environment, m.specs, context.depth)  # type: ignore[arg-type]
            for _, value in node.arguments
        )
    except ShapeError:
        return None
    names = tuple(name for name, _ in node.arguments)
    args = bind_arguments(called, names, values, tuple(map(type, values)))
    if isinstance(args, str):
        return None
    outputs = infer_or_reason(called, args, m.specs)
    return None if isinstance(outputs, str) else outputs


def _takes_several(node: Any) -> bool:
    return isinstance(node, e.AllUnused) or (isinstance(node, e.AnyTensor) and node.count > 1)


def _names_in(node: Any) -> tuple[str, ...]:
    if isinstance(node, e.TensorUse):
        return (node.name,)
    return node.names if isinstance(node, e.AnyTensor) else ()
