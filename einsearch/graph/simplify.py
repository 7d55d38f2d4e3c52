"""Rewrites a program into one of fewer calls that computes exactly the same.

A rule looks at one call, whose operands are rewritten already, and says which tensors its
outcomes are, or which call to make instead. One sweep over the calls applies all rules; then
calls that nothing reads are dropped. Weights keys of the calls that stay are never touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from einsearch.graph.calls import Nature, nature_of
from einsearch.graph.remembered import remembered
from einsearch.primitives.base import expressions_of, infer_or_reason, resolve_axis
from einsearch.primitives.program import INPUT, Call, Program, Ref, leaving
from einsearch.specs import Bundle, TensorSpec

Outcome = tuple[Ref, ...] | Call | None
"""The tensors that a call's outcomes are; or the call to make instead; or None: as it is."""

Key = tuple[str, tuple[Ref, ...] | Bundle]
"""Calls without weights or randomness that have equal keys have equal outcomes."""


@dataclass
class Sketch:
    """A program under construction.

    Attributes:
        input: specs of the incoming tensors.
        calls: the calls made so far.
        known: outcome of every call that is a function of its operands alone.
    """

    input: Bundle
    calls: list[Call] = field(default_factory=list)
    known: dict[Key, int] = field(default_factory=dict)

    def spec(self, ref: Ref) -> TensorSpec:
        """Spec of a tensor."""
        return self.input[ref.port] if ref.call == INPUT else self.calls[ref.call].outputs[ref.port]

    def maker(self, ref: Ref, name: str) -> Call | None:
        """The call that makes a tensor, where it is one of that primitive."""
        if ref.call == INPUT or self.calls[ref.call].primitive.name != name:
            return None
        return self.calls[ref.call]

    def add(self, call: Call) -> tuple[Ref, ...]:
        """Appends a call; its outgoing tensors."""
        self.calls.append(call)
        return leaving(len(self.calls) - 1, len(call.outputs))


Rule = Callable[[Call, Sketch], Outcome]


def with_inputs(call: Call, inputs: tuple[Ref, ...]) -> Call:
    """The same call reading other tensors of the same specs."""
    return Call(call.primitive, call.args, inputs, call.specs, call.outputs, call.weights)


# --- rules -------------------------------------------------------------------------------------


def pass_on(call: Call, sketch: Sketch) -> Outcome:
    """`identity`, `clone`, a join of one tensor, `permute("abc")`: the incoming tensor itself."""
    if len(call.inputs) == 1 and all(spec == call.specs[0] for spec in call.outputs):
        return call.inputs * len(call.outputs)
    return None


def drop_zero_terms(call: Call, sketch: Sketch) -> Outcome:
    """Terms of a sum that are zero whatever enters."""
    kept = tuple(ref for ref in call.inputs if sketch.maker(ref, "zero") is None)
    if len(kept) == len(call.inputs):
        return pass_on(call, sketch)
    kept = kept or call.inputs[:1]
    if any(sketch.spec(ref) != call.outputs[0] for ref in kept):
        return None
    if len(kept) == 1:
        return kept
    specs = tuple(map(sketch.spec, kept))
    return Call(call.primitive, call.args, kept, specs, call.outputs, call.weights)


def stay_zero(call: Call, sketch: Sketch) -> Outcome:
    """What makes zero of zero, of one tensor: the zero itself."""
    zero = len(call.inputs) == 1 and sketch.maker(call.inputs[0], "zero")
    return call.inputs if zero and call.outputs == call.specs else None


def join_permutes(call: Call, sketch: Sketch) -> Outcome:
    """Two permutations in series are one, or none."""
    order: str = call.args.order
    earlier = sketch.maker(call.inputs[0], "permute")
    if earlier is None:
        return pass_on(call, sketch) if list(order) == sorted(order) else None
    first: str = earlier.args.order
    joined = "".join(first["abcdefgh".index(letter)] for letter in order)
    if list(joined) == sorted(joined) and earlier.specs[0] == call.outputs[0]:
        return earlier.inputs
    args = call.primitive.bind(joined)
    if infer_or_reason(call.primitive, args, earlier.specs) != call.outputs:
        return None
    return Call(call.primitive, args, earlier.inputs, earlier.specs, call.outputs, call.weights)


def undo_split(call: Call, sketch: Sketch) -> Outcome:
    """All parts of a split, concatenated in order along the same axis: the tensor before it."""
    split = sketch.maker(call.inputs[0], "split")
    if split is None or split.specs[0] != call.outputs[0]:
        return pass_on(call, sketch)
    number = call.inputs[0].call
    parts = tuple(Ref(number, port) for port in range(len(split.outputs)))
    axes = (resolve_axis(c.specs[0], c.args.axis) for c in (split, call))
    return split.inputs if call.inputs == parts and len(set(axes)) == 1 else None


def read_input(call: Call, sketch: Sketch) -> Outcome:
    """What only asks for a shape takes it from the network's input, where that has it."""
    if call.inputs[0].call == INPUT or call.specs[0] not in sketch.input:
        return None
    return with_inputs(call, (Ref(INPUT, sketch.input.index(call.specs[0])),))


def inside(call: Call) -> Call:
    """The call with its expressions simplified, where the primitive takes what is left of them."""
    args = call.args
    for inner in call.inner:
        simple = simplify(inner.program).with_own_keys()
        fewer = args.replaced(inner.name, simple)
        if infer_or_reason(call.primitive, fewer, call.specs) == call.outputs:
            args = fewer
    if args is call.args:
        return call
    return Call(call.primitive, args, call.inputs, call.specs, call.outputs, call.weights)


def merge_equal(call: Call, sketch: Sketch, nature: Nature) -> Outcome:
    """The same function of the same tensors, computed once."""
    if not nature.is_function:
        return None
    operands: tuple[Ref, ...] | Bundle = call.inputs
    if nature.shape_only:
        operands = ()
    elif call.primitive.commutative:
        operands = tuple(sorted(call.inputs))
    number = sketch.known.setdefault((nature.label, operands), len(sketch.calls))
    return None if number == len(sketch.calls) else leaving(number, len(call.outputs))


_RULES: Final[dict[str, Rule]] = {
    "identity": pass_on,
    "clone": pass_on,
    "split": pass_on,
    "mul": pass_on,
    "maximum": pass_on,
    "add": drop_zero_terms,
    "permute": join_permutes,
    "concat": undo_split,
}
"""Rules that look at calls of one primitive."""

# --- passes ------------------------------------------------------------------------------------


def rewrite(program: Program, rule: Rule) -> Program:
    """Applies one rule to every call, operands first."""
    sketch = Sketch(program.input)
    made: list[tuple[Ref, ...]] = []
    for call in program.calls:
        inputs = _moved(call.inputs, made)
        moved = call if inputs == call.inputs else with_inputs(call, inputs)
        outcome = rule(moved, sketch)
        if outcome is None:
            outcome = moved
        made.append(sketch.add(outcome) if isinstance(outcome, Call) else outcome)
    return Program(program.input, tuple(sketch.calls), _moved(program.outputs, made))


def drop_unread(program: Program) -> Program:
    """Without calls from which nothing leads to an outgoing tensor."""
    wanted = bytearray(len(program.calls) + 1)
    for ref in program.outputs:
        wanted[ref.call] = 1
    for number in range(len(program.calls) - 1, -1, -1):
        if wanted[number]:
            for ref in program.calls[number].inputs:
                wanted[ref.call] = 1
    if all(wanted[:-1]):
        return program
    calls: list[Call] = []
    made: list[tuple[Ref, ...]] = []
    for number, call in enumerate(program.calls):
        made.append(leaving(len(calls), len(call.outputs)))
        if wanted[number]:
            calls.append(with_inputs(call, _moved(call.inputs, made)))
    return Program(program.input, tuple(calls), _moved(program.outputs, made))


def join_joins(program: Program) -> Program:
    """A sum of sums is one sum, where nothing else reads those; products and maxima likewise."""
    inner = _absorbed(program)
    if not inner:
        return program
    calls = [
        call if number in inner else _with_leaves(program, call, inner)
        for number, call in enumerate(program.calls)
    ]
    return drop_unread(Program(program.input, tuple(calls), program.outputs))


def _absorbed(program: Program) -> set[int]:
    """Joins that one other join of the same kind reads, and nothing else."""
    readers = Counter(ref.call for call in program.calls for ref in call.inputs)
    readers.update(ref.call for ref in program.outputs)
    return {
        ref.call
        for call in program.calls
        if call.primitive.is_associative and call.primitive.commutative
        for ref in call.inputs
        if ref.call != INPUT
        and readers[ref.call] == 1
        and program.calls[ref.call].primitive is call.primitive
    }


def _with_leaves(program: Program, call: Call, inner: set[int]) -> Call:
    """The call reading what its absorbed operands read."""
    if not any(ref.call in inner for ref in call.inputs):
        return call
    pending, leaves = [*reversed(call.inputs)], list[Ref]()
    while pending:
        ref = pending.pop()
        if ref.call in inner and program.calls[ref.call].primitive is call.primitive:
            pending += reversed(program.calls[ref.call].inputs)
        else:
            leaves.append(ref)
    specs = tuple(map(program.spec, leaves))
    return Call(call.primitive, call.args, tuple(leaves), specs, call.outputs, call.weights)


@remembered
def simplify(program: Program) -> Program:
    """The same function from fewer calls. Doing it twice changes nothing.

    Dropped are calls that nothing reads, `identity`, `clone`, settings of training, joins of one
    tensor, zeros in a sum and what only makes zero of zero, permutations that undo each other, a
    split that is concatenated again, and repeated calls without weights on the same tensors. Sums
    of sums are one sum. Dropout is never merged: each draws its own mask. Expressions that
    primitives take are simplified, too.
    """
    while True:
        simple = drop_unread(rewrite(program, _all_rules))
        program = join_joins(simple)
        if program is simple:
            return program


def _all_rules(call: Call, sketch: Sketch) -> Outcome:
    primitive = call.primitive
    if primitive.is_setting:
        return call.inputs
    rule = read_input if primitive.ignores_input else _RULES.get(primitive.name)
    outcome = rule(call, sketch) if rule else None
    if outcome is None and primitive.keeps_zero:
        outcome = stay_zero(call, sketch)
    if isinstance(outcome, tuple):
        return outcome
    changed = outcome or call
    if expressions_of(type(primitive)):
        changed = inside(changed)
    return merge_equal(changed, sketch, nature_of(changed)) or changed


def _moved(refs: Sequence[Ref], made: Sequence[tuple[Ref, ...]]) -> tuple[Ref, ...]:
    return tuple([ref if ref[0] == INPUT else made[ref[0]][ref[1]] for ref in refs])
