"""How each kind of expression is walked for counting: one function a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations, product
from math import prod
from typing import TYPE_CHECKING, Any, Final

from einsearch.derivation.counts_ends import (
    Case,
    Closure,
    Ends,
    Parts,
    Uses,
    Using,
    Walk,
    plus,
)
from einsearch.derivation.counts_state import ENTERED, MOST_TENSORS, State, entering, outside
from einsearch.derivation.counts_values import (
    Slots,
    Uncountable,
    check_ways,
    may_hold,
    options,
    ways,
)
from einsearch.derivation.relevance import deciding_arguments
from einsearch.derivation.steps import starts_with_tensor
from einsearch.grammar import expressions as e
from einsearch.grammar.structure import MOST_COPIES
from einsearch.primitives.base import expressions_of
from einsearch.primitives.outputs import outputs_of

if TYPE_CHECKING:
    from einsearch.derivation.counts_walk import Walker


def _call(w: Walker, node: e.PrimitiveCall, slots: Slots, state: State) -> Walk:
    primitive = node.primitive
    fewest, most = primitive.arity
    if not primitive.is_source and not fewest <= len(state.refs) <= most:
        return {}
    read = state if primitive.is_source else state.reading()
    written = dict(node.arguments)
    deciding = deciding_arguments(node)
    defaults = {p.name: p.default for p in primitive.parameters if p.name in deciding}
    names = sorted(deciding)
    choices = [options(written[n], slots) if n in written else [defaults[n]] for n in names]
    outputs: Any = outputs_of(primitive)
    if outputs is None:
        raise Uncountable(f"how many tensors leave {primitive.name} is not known")
    number = 1
    inside = {p.name: p for p in expressions_of(type(primitive))}
    for name, value in written.items():
        if name not in deciding and name not in inside:
            number *= ways(value, slots)
    own = w.circuit.product(w.circuit.constant(number), w.circuit.node)
    found: Parts = {}
    check_ways(prod(map(len, choices)))
    for values in product(*choices):
        known = dict(zip(names, values, strict=True))
        leaving = _whole(known.get(outputs, outputs))
        if not leaving:
            continue
        made: dict[Uses, int] = {(): own}
        for name, parameter in inside.items():
            copies = _whole(known[parameter.copies]) if parameter.copies else 1
            ends = yield written[name], slots, entering(1)  # type: ignore[misc]
            made = _with_inner(w, made, ends, copies)
        end = read._replace(refs=(None,) * leaving)
        for uses, part in made.items():
            found.setdefault((end, uses), []).append(part)
    return w.totals(found)


def _with_inner(w: Walker, made: dict[Uses, int], ends: Ends, copies: int) -> dict[Uses, int]:
    """Calls with a further expression inside, which stands there in so many copies."""
    found: dict[Uses, list[int]] = {}
    for before, part in made.items():
        for (state, uses), inner in ends.items():
            if len(state.refs) == 1 and copies:
                whole = w.circuit.product(part, w.circuit.spread(inner, copies))
                found.setdefault(plus(before, uses, copies), []).append(whole)
    return {uses: w.circuit.total(parts) for uses, parts in found.items()}


def _rule(w: Walker, node: e.RuleCall, slots: Slots, state: State) -> Walk:
    choices: list[list[tuple[Any, int]]] = []
    for slot, argument in enumerate(node.arguments):
        if isinstance(argument, e.VALUE_TYPES):
            choices.append(w.values(node.rule, slot, argument, slots))
        else:
            choices.append([(w.closure(argument, slots), 1)])
    check_ways(prod(map(len, choices)))
    found: Parts = {}
    for values in product(*choices):
        handed = tuple(value for value, _ in values)
        number = prod(times for _, times in values)
        ends: Ends = yield Case(node.rule, handed, state)
        for (end, uses), part in ends.items():
            counted = w.circuit.product(w.circuit.constant(number), part)
            for own, whole in (yield from _handed(w, node, handed, uses, counted)):
                found.setdefault((end, own), []).append(whole)
    return w.totals(found)


def _handed(w: Walker, node: e.RuleCall, slots: Slots, uses: Uses, part: int) -> Using:
    """Uses of a rule's parameters as uses of what the call hands to it."""
    found: list[tuple[Uses, int]] = [((), part)]
    for slot, argument in enumerate(node.arguments):
        own: Uses = tuple(use for use in uses if use[0][0] == slot)
        if isinstance(argument, e.Local):
            moved: Uses = tuple(((argument.slot, arriving), n) for (_, arriving), n in own)
            found = [(plus(known, moved), whole) for known, whole in found]
        elif own:
            following = []
            for known, whole in found:
                for outer, more in (yield from w.put(slots, slot, own, whole)):
                    following.append((plus(known, outer), more))
            found = following
    return found


def _use(w: Walker, node: e.LocalUse, slots: Slots, state: State) -> Walk:
    bound = slots[node.slot]
    if not isinstance(bound, Closure):
        return {}
    arriving = len(state.refs)
    ends = yield bound.body, bound.slots, outside(arriving)
    leaving = {len(end.refs) for end, _ in ends}
    if len(leaving) > 1:
        raise Uncountable("what is derived once may end with different numbers of tensors")
    end = state.reading()
    uses: Uses = (((node.slot, arriving), 1),)
    return {(end._replace(refs=(None,) * n), uses): w.circuit.one for n in leaving}


def _series(w: Walker, node: e.Series, slots: Slots, state: State) -> Walk:
    return (yield from _in_turn(w, node.items, slots, state))


def _in_turn(w: Walker, items: Iterable[e.Expression], slots: Slots, state: State) -> Walk:
    known: Ends = {(state, ()): w.circuit.one}
    for item in items:
        found: Parts = {}
        for (before, uses), part in known.items():
            ends = yield item, slots, before
            for (after, more), series in ends.items():
                whole = w.circuit.product(part, series)
                found.setdefault((after, plus(uses, more)), []).append(whole)
        known = w.totals(found)
    return known


def _parallel(w: Walker, node: e.Parallel, slots: Slots, state: State) -> Walk:
    number = len(node.items)
    parts = [state.refs] * number
    heads = all(map(starts_with_tensor, node.items))
    if len(state.refs) == number and number > 1:
        parts = [(ref,) for ref in state.refs]
    elif len(state.refs) != 1 and not (heads and state.refs == state.incoming):
        return {}
    known: dict[tuple[State, Uses, Any], int] = {(state, (), ()): w.circuit.one}
    for item, refs in zip(node.items, parts, strict=True):
        found: dict[tuple[State, Uses, Any], list[int]] = {}
        for (before, uses, outcome), part in known.items():
            ends = yield item, slots, before.holding(refs)
            for (after, more), series in ends.items():
                key = (after, plus(uses, more), outcome + after.refs)
                found.setdefault(key, []).append(w.circuit.product(part, series))
        known = {key: w.circuit.total(items) for key, items in found.items()}
    gathered: Parts = {}
    for (after, uses, outcome), part in known.items():
        gathered.setdefault((after.holding(outcome), uses), []).append(part)
    return w.totals(gathered)


def _choice(w: Walker, node: e.Choice, slots: Slots, state: State) -> Walk:
    found: Parts = {}
    for alternative in node.alternatives:
        holds = may_hold(alternative.guard, slots, len(state.refs))
        if holds is False or alternative.probability == 0:
            continue
        ends = yield alternative.body, slots, state
        w.is_bound |= holds is None
        for end, part in ends.items():
            found.setdefault(end, []).append(part)
    return w.totals(found)


def _each(w: Walker, node: e.Each, slots: Slots, state: State) -> Walk:
    if node.count is not None and len(state.refs) != 1:
        return {}
    counts = [len(state.refs)] if node.count is None else options(node.count, slots)
    ends = yield node.body, slots, state.holding(state.refs[:1])
    found: Parts = {}
    for copies in filter(None, map(_whole, counts)):
        for (after, uses), part in ends.items():
            _check_copy(w, state, after, copies)
            if len(after.refs) * copies > MOST_TENSORS:
                raise Uncountable(f"there may be more than {MOST_TENSORS} tensors at once")
            read = state.reading() if after != state.holding(state.refs[:1]) else after
            end = read._replace(refs=after.refs * copies)
            series = w.circuit.spread(part, copies)
            found.setdefault((end, plus((), uses, copies)), []).append(series)
    return w.totals(found)


def _repeat(w: Walker, node: e.Repeat, slots: Slots, state: State) -> Walk:
    ends = yield node.body, slots, state
    found: Parts = {}
    for copies in filter(None, map(_whole, options(node.count, slots))):
        for (after, uses), part in ends.items():
            _check_copy(w, state, after, copies)
            if copies > 1 and len(after.refs) != len(state.refs):
                raise Uncountable("what `repeat` repeats changes the number of tensors")
            series = w.circuit.spread(part, copies)
            found.setdefault((after, plus((), uses, copies)), []).append(series)
    return w.totals(found)


def _check_copy(w: Walker, before: State, after: State, copies: int) -> None:
    if copies > 1 and after.names not in (before.names, before.reading().names):
        raise Uncountable("copies read tensors of the block around them")


def _chain(w: Walker, node: e.Chain, slots: Slots, state: State) -> Walk:
    found: Parts = {}
    for count in filter(None, map(_whole, options(node.count, slots))):
        ends = yield from _in_turn(w, [node.body] * count, slots, state)
        for end, part in ends.items():
            found.setdefault(end, []).append(part)
    return w.totals(found)


def _tied(w: Walker, node: e.Tied, slots: Slots, state: State) -> Walk:
    return (yield node.body, slots, state)


def _block(w: Walker, node: e.Block, slots: Slots, state: State) -> Walk:
    outer = state.reading()
    known: Ends = {(entering(len(state.refs)), ()): w.circuit.one}
    for assignment in node.assignments:
        is_last = assignment is node.assignments[-1]
        found: Parts = {}
        for (before, uses), part in known.items():
            ends = yield assignment.body, slots, before
            for (after, more), series in ends.items():
                if is_last:
                    end = outer.holding(_seen_outside(after, outer))
                elif len(after.refs) == len(assignment.names):
                    end = after.naming(assignment.names, w.explicit)
                else:
                    continue
                whole = w.circuit.product(part, series)
                found.setdefault((end, plus(uses, more)), []).append(whole)
        known = w.totals(found)
    return known


def _tensor(w: Walker, node: e.TensorUse, state: State) -> Ends:
    refs = state.incoming if node.name == "in" else ()
    refs = refs or tuple(r for name, r in state.names if name == node.name and r is not None)
    return _yielding(w, state, [refs] if refs else [])


def _any(w: Walker, node: e.AnyTensor, state: State) -> Ends:
    if not state.names:
        raise Uncountable("what is derived once draws tensors of the block around it")
    known = [
        ref
        for name, ref in state.names
        if ref is not None and (not node.names or name in node.names)
    ]
    fresh = [ref for ref in known if ref >= 0]
    drawn = fresh if node.unused and len(fresh) >= node.count else known
    return _yielding(w, state, combinations(drawn, node.count))


def _unused(w: Walker, node: e.AllUnused, state: State) -> Ends:
    if not state.names:
        raise Uncountable("what is derived once draws tensors of the block around it")
    refs = tuple(r for name, r in state.names if name != "in" and r is not None and r >= 0)
    return _yielding(w, state, [refs] if refs else [])


def _yielding(w: Walker, state: State, drawn: Iterable[tuple[Any, ...]]) -> Ends:
    numbers: dict[State, int] = {}
    for refs in drawn:
        w.spend(state)
        end = state._replace(refs=refs).reading().exchanging(w.explicit)
        numbers[end] = numbers.get(end, 0) + 1
    return {(end, ()): w.circuit.constant(n) for end, n in numbers.items()}


def _seen_outside(inner: State, outer: State) -> tuple[Any, ...]:
    """The tensors that leave a block: those that entered it have been read outside."""
    entered = {*inner.incoming, ENTERED}
    return tuple(outer.refs[0] if ref in entered else None for ref in inner.refs)


def _whole(count: Any) -> int:
    """A number of copies, or 0 where it can be none.

    Raises:
        Uncountable: it depends on the incoming tensor.
    """
    if count is None:
        raise Uncountable("a number of copies depends on the incoming tensor")
    is_number = isinstance(count, int) and not isinstance(count, bool)
    return count if is_number and 0 < count <= MOST_COPIES else 0


WALKS: Final[dict[type, Callable[[Walker, Any, Slots, State], Walk]]] = {
    e.PrimitiveCall: _call,
    e.RuleCall: _rule,
    e.LocalUse: _use,
    e.Series: _series,
    e.Parallel: _parallel,
    e.Each: _each,
    e.Repeat: _repeat,
    e.Chain: _chain,
    e.Tied: _tied,
    e.Block: _block,
    e.Choice: _choice,
}
"""By the kind of expression."""
TENSORS: Final[dict[type, Callable[[Walker, Any, State], Ends]]] = {
    e.TensorUse: _tensor,
    e.AnyTensor: _any,
    e.AllUnused: _unused,
}
"""By the kind of expression that names tensors."""
