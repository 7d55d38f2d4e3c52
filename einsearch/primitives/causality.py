"""Whether no token that a network makes depends on a later one that it is given.

Every call says for itself whether it keeps the order (`Primitive.causal_at`), so that one pass
over the calls decides. What has once lost the order never gets it back: networks that would be
causal all the same, because one call undoes another, are turned down.
"""

from __future__ import annotations

from typing import Final

from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import Layout

_CONSTANT: Final = -2
_IN_ORDER: Final = -1
"""States of a tensor; of one that has lost the order, the number of the call that lost it."""


def first_acausal(program: Program) -> int | None:
    """Number of the call that lets a token depend on later ones; None where the program is causal.

    It is causal where tokens enter, and each of its outcomes is as many tokens, of which none
    depends on a token that enters at a later place, in training as in evaluation. INPUT stands for
    what enters, where that is not one sequence of tokens.
    """
    states: list[int] = []

    def state(ref: Ref) -> int:
        return _IN_ORDER if ref.call == INPUT else states[ref.call]

    if len(program.input) != 1 or program.input[0].layout is not Layout.TOKENS:
        return INPUT
    length = program.input[0].shape[0]
    for number, call in enumerate(program.calls):
        worst = max(map(state, call.inputs), default=_CONSTANT)
        if call.primitive.ignores_input:
            states.append(_CONSTANT)
        elif worst == _IN_ORDER and not _keeps_order(call, length):
            states.append(number)
        else:
            states.append(worst)
    lost = [state(ref) for ref in program.outputs if state(ref) >= 0]
    return lost[0] if lost else None


def _keeps_order(call: Call, length: int) -> bool:
    tensors = (*call.specs, *call.outputs)
    if any(t.layout is not Layout.TOKENS or t.shape[0] != length for t in tensors):
        return False
    mixes = call.primitive.mixes_batch(call.specs, call.args)
    return not mixes and call.primitive.causal_at(call.specs, call.args)
