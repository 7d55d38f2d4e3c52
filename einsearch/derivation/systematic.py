"""Systematic search: every derivation is tried, in random order, short of those known to fail.

Where random draws with restarts do not find anything, this decides small and middle spaces: either
it finds a valid derivation, or it proves that there is none. Two things keep it short. A draw
whose values have all failed is learned as a dead end (`DeadEnds`). And a failure returns to the
latest draw that it depends on, past those that it does not (conflict-directed back-jumping:
Prosser, 1993). What a register or a tensor depends on is a set of draws, as bits of a number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from einsearch.derivation.branching import Branching, Exhausted, Failure, MarkedFrame
from einsearch.derivation.deadends import LIMITED, UNCONDITIONAL, DeadEnds, Rest, habits_of
from einsearch.derivation.decisions import Draw, Options
from einsearch.derivation.deriver import Deriver
from einsearch.derivation.faults import Faults
from einsearch.derivation.joins import awaited
from einsearch.derivation.machine import Machine, Settings
from einsearch.derivation.state import DeadEnd, Entered, Opening, Refs, Step
from einsearch.derivation.values import Shared
from einsearch.grammar import expressions as e
from einsearch.primitives.program import Call
from einsearch.specs import Bundle, TensorSpec

_READS_SPECS: Final = (e.RuleCall, e.Each, e.Repeat, e.Chain)
_READS_NAMES: Final = (e.TensorUse, e.AnyTensor, e.AllUnused)
_NOTHING: Final = object()


class SystematicDeriver(Deriver):
    """Derives as a `Deriver` does, and keeps account of what everything depends on.

    Args:
        learned: dead ends; it learns more.
        faults: what stood in the way; it notes more.

    Attributes:
        control: draws that led to the expression at hand.
        floor: draws that count for everything from here on; set where an account would be
            difficult: names of tensors, copies.
        births: for each call, the draws that it depends on.
        outer_births: of the calls outside of a primitive's expression.
        has_shared: whether anything that is derived once has been used.
        low: height of the deepest frame taken up since the last draw.
        steps_taken: work done.
    """

    saved: ClassVar[tuple[str, ...]] = (
        *Deriver.saved,
        *("control", "floor", "has_shared", "births", "outer_births"),
    )
    shortened: ClassVar[tuple[str, ...]] = (*Deriver.shortened, "births")
    splices: ClassVar[bool] = False

    def __init__(
        self,
        rule: e.Rule,
        spec: TensorSpec,
        settings: Settings,
        learned: DeadEnds,
        faults: Faults,
    ) -> None:
        super().__init__(rule, spec, settings)
        self.learned = learned
        self.faults = faults
        self.control = self.floor = 0
        self.has_shared = False
        self.births: list[int] = []
        self.outer_births: tuple[Any, ...] | None = None
        self.low = 0
        self.steps_taken = 0
        self.branchings: list[Branching] = []
        self.habits = habits_of(settings.rules)
        self._most = tuple(getattr(settings.limits, name) for name in LIMITED)
        self.limited = tuple(most is not None for most in self._most)
        self._failure: Failure | None = None
        self._is_judged = False

    def narrow(self, node: Any, drawn: tuple[Any, ...], draw: Draw) -> Draw | str:
        return draw  # what stands in the way is what it is asked for: it tries everything

    def fitting(
        self, node: e.Choice, numbers: Sequence[int], allowed: Sequence[int]
    ) -> Sequence[int] | str:
        return allowed

    def search(self, most_steps: int) -> Machine:
        """Runs to the end; returns itself.

        Raises:
            Exhausted: everything has been tried.
            DeadEnd: it took more than `most_steps` steps.
        """
        steps = self.settings.steps
        while True:
            self.steps_taken += 1
            expression, frame = self.expression, self.frames
            if expression is not None:
                self.expression = None
                self.site = expression
                self._account(expression)
                reason = steps[type(expression)](self, expression)
            elif isinstance(frame, MarkedFrame):
                self.frames = frame.next
                self.context = frame.context
                self.control = frame.control
                if frame.solid is frame:
                    self.low = min(self.low, frame.height)
                reason = frame.step(self, frame.data)
            else:
                self.low = 0
                reason = self._finish()
                if reason is None:
                    return self
            while reason is not None:
                self.steps_taken += 1
                if self.steps_taken > most_steps:
                    raise DeadEnd(reason, self.reasons)
                reason = self._jump_back(reason)

    # --- what depends on what -----------------------------------------------------------------

    def everything(self) -> int:
        """All draws so far."""
        return (1 << len(self.branchings)) - 1

    def _account(self, expression: e.Expression) -> None:
        kind = type(expression)
        if kind in _READS_SPECS:
            self.control |= self._of_tensors()
        elif kind in _READS_NAMES:
            self.floor = self.everything()

    def _of_tensors(self) -> int:
        depends = 0
        for ref in self.refs:
            if ref.call >= 0:
                depends |= self.births[ref.call]
        return depends

    def push(self, step: Step, data: Any, pending: int = 0) -> None:
        below, height = self.solid, self.height()
        frame = MarkedFrame(step, self.context, data, self.frames, pending)
        frame.control = self.control
        is_solid = type(data) is not Entered
        frame.solid = frame if is_solid else below
        frame.height = height + is_solid
        self.frames = frame

    @property
    def solid(self) -> MarkedFrame | None:
        """The next frame that is more than an account."""
        return self.frames.solid if isinstance(self.frames, MarkedFrame) else None

    def emit(self, call: Call, node: e.PrimitiveCall, drawn: tuple[Any, ...]) -> str | None:
        depends = self.control | self.floor | self._of_tensors()
        for ref in call.inputs:
            if ref.call >= 0:
                depends |= self.births[ref.call]
        reason = super().emit(call, node, drawn)
        if reason is None:
            self.births.append(depends)
        return reason

    def use(self, shared: Shared) -> None:
        self.floor = self.everything()
        self.has_shared = True
        super().use(shared)

    def copy(self, start: int, end: int) -> None:
        self.floor = self.everything()
        super().copy(start, end)

    def open(self, opening: Opening, entering: Bundle) -> str | None:
        self.control |= self._of_tensors()
        reason = super().open(opening, entering)
        if reason is None:
            self.outer_births = (self.births, len(self.births), self.outer_births)
            self.births = []
        return reason

    def close(self, opening: Opening) -> Any:
        assert self.outer_births is not None
        self.births, length, self.outer_births = self.outer_births
        del self.births[length:]
        self.floor = self.everything()
        return super().close(opening)

    def foresee(self, refs: Refs) -> str | None:
        join = awaited(self.solid)
        outcome = join.join(tuple(map(self.spec, refs))) if join is not None else None
        if join is None or not isinstance(outcome, str):
            return None
        assert isinstance(join.frame, MarkedFrame)
        self.low = min(self.low, join.frame.height)
        self.control |= join.frame.control
        self.refs = refs
        self.site = join.node
        return outcome

    # --- draws --------------------------------------------------------------------------------

    def height(self) -> int:
        """Number of frames, accounts left out."""
        return self.frames.height if isinstance(self.frames, MarkedFrame) else 0

    def rest(self) -> Rest:
        """What is left of each limit; pending nodes are taken off."""
        used = (self.nodes + self.pending_nodes, self.parameters, self.flops, self.memory)
        return tuple(
            0 if most is None else most - spent
            for most, spent in zip(self._most, used, strict=True)
        )

    def choose(
        self,
        draw: Draw,
        label: str,
        step: Callable[[Machine, Any, Any], str | None],
        data: Any,
    ) -> str | None:
        if self.source is not None:
            return super().choose(draw, label, step, data)
        self.control |= self._of_tensors()
        site = ((step, data[1] if isinstance(data, tuple) else data), data, draw.domain)
        rest = self.rest()
        known = self.learned.find(self, site, rest)
        if known is not None:
            return self._recall(*known, rest)
        point = Branching(
            registers=self._registers(),
            remaining=self.settings.chooser.candidates(draw, self.context.path, label),
            draw=draw,
            label=label,
            step=step,
            data=data,
            bit=1 << len(self.branchings),
            site=site,
            depends=self.control | self.floor,
            rest=rest,
            low_before=self.low,
            calls=len(self.calls),
        )
        point.failed.low = self.height() + 1
        self._count_excluded(point)
        self.branchings.append(point)
        return self._next(point)

    def _recall(self, needed: Rest, frames: int, depends: int, rest: Rest) -> str:
        """Fails for what was learned."""
        lacking = tuple(n - r for n, r in zip(needed, rest, strict=True))
        if needed != UNCONDITIONAL:
            depends = self.everything()
        low = min(self.low, self.height() + 1 - frames)
        self._failure = Failure(depends | self.floor, low, lacking, len(self.calls))
        return "known to fail"

    def _count_excluded(self, point: Branching) -> None:
        """Alternatives that bounds on nodes rule out are failures for want of nodes."""
        bounds, draw, node = self.settings.bounds, point.draw, point.data
        if bounds is None or not isinstance(draw, Options) or not isinstance(node, e.Choice):
            return
        context, allowed = self.context, set(draw.allowed)
        for position, value in enumerate(draw.values):
            if position not in allowed:
                body = node.alternatives[value].body
                least = bounds.least(body, context.environment, len(self.refs), context.depth)
                if least < bounds.UNBOUNDED:
                    wanted = least * max(1, context.copies) - point.rest[0]
                    lacking = (wanted, *UNCONDITIONAL[1:])
                    excluded = Failure(point.bit - 1, point.failed.low, lacking, len(self.calls))
                    point.failed.add(excluded)

    def _next(self, point: Branching) -> str | None:
        """Takes the next value of the last draw; fails where none is left."""
        self.low = self.height() + 1
        value = next(point.remaining, _NOTHING)
        if value is _NOTHING:
            self._failure = self._exhaust(point)
            return "every value has failed"
        self.control = point.depends | point.bit
        if type(point.data) is e.AnyTensor:
            self.floor |= point.bit
        return self._take(point.draw, point.label, point.step, point.data, value)

    def _exhaust(self, point: Branching) -> Failure:
        """Learns that nothing follows from a draw. The machine stands at it."""
        self.branchings.pop()
        failed = point.failed
        failed.is_proof &= point.is_settled
        if failed.is_proof and not failed.is_judged:
            needed = tuple(r + n for r, n in zip(point.rest, failed.lacking, strict=True))
            self.learned.add(self, point.site, self.height() + 1 - failed.low, needed)
            is_refused = failed.calls <= point.calls and failed.lacking == UNCONDITIONAL
            if is_refused and isinstance(point.data, e.Choice):
                self.faults.refused(self, point.data)
            failed.depends = (failed.depends & ~point.bit) | point.depends
        else:
            failed.depends = self.everything()
        failed.low = min(failed.low, point.low_before)
        return failed

    # --- failures -----------------------------------------------------------------------------

    def _jump_back(self, reason: str) -> str | None:
        """Returns to the latest draw that a failure depends on, and takes its next value."""
        failure = self._explained(reason)
        while self.branchings and not failure.depends & self.branchings[-1].bit:
            failure.low = min(failure.low, self.branchings.pop().low_before)
        if not self.branchings:
            exhausted = Exhausted(reason, self.reasons)
            exhausted.lacking, exhausted.is_proof = failure.lacking, failure.is_proof
            raise exhausted
        point = self.branchings[-1]
        point.failed.add(failure)
        point.made_nothing |= failure.calls <= point.calls
        self._restore(point.registers)
        return self._next(point)

    def _explained(self, reason: str) -> Failure:
        """What the failure at hand depends on."""
        failure, self._failure = self._failure, None
        if failure is not None:
            return failure
        lacking: list[float] = list(UNCONDITIONAL)
        depends = self.control | self.floor | self._of_tensors()
        excess, self.excess = self.excess, None
        judged, self._is_judged = self._is_judged, False
        if judged:
            self.faults.turned_down(reason)
        elif excess is None:
            self.faults.note(self, reason)
        else:
            self.faults.exceeded(self, reason, excess)
            lacking[LIMITED.index(excess.limit)] = excess.total - excess.most
        if excess is not None or judged:
            depends = self.everything()
        return Failure(depends, self.low, tuple(lacking), len(self.calls), judged)

    def _finish(self) -> str | None:
        self.control |= self._of_tensors()
        is_single = len(self.refs) == 1
        reason = super()._finish()
        self._is_judged = is_single and reason is not None
        return reason
