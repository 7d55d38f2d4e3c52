"""Whether objectives and constraints can be met, as far as task and grammar tell before a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from einsearch.derivation.limits import Limits
from einsearch.derivation.sample import sample
from einsearch.errors import InfeasibleSpace, SpaceFileError
from einsearch.grammar.model import Grammar
from einsearch.grammar.modules import nearest
from einsearch.graph.requirements import requirement
from einsearch.specs import TensorSpec
from einsearch.study.searchspace import room_of
from einsearch.study.spacechecks import COSTS
from einsearch.tasks.base import METRICS, Loss, Task

_COUNTED: Final = ("parameters", "flops", "activation_memory")
"""Costs that a limit bounds, too."""
_KINDS: Final = {
    Loss.CROSS_ENTROPY: "tells classes",
    Loss.BINARY_CROSS_ENTROPY: "tells labels of which an example may have several",
    Loss.NEXT_TOKEN: "tells the next token",
    Loss.MEAN_SQUARED_ERROR: "is a regression",
    Loss.DENSE_CROSS_ENTROPY: "tells a class at every pixel or step",
    Loss.DENSE_SQUARED_ERROR: "is a regression at every pixel or step",
}


def check_metrics(
    task: Task, directions: Mapping[str, str], constraints: Mapping[str, float]
) -> None:
    """Raises SpaceFileError where an objective or constraint is a metric of another kind of task.

    Args:
        task: what is learned.
        directions: objective name -> "maximize" or "minimize".
        constraints: name -> upper bound.
    """
    own = {metric.name: metric for metric in task.metrics}
    for section, names in (("objectives", directions), ("constraints", constraints)):
        for name in names:
            if name in own or name in COSTS:
                continue
            others = ", ".join((*own, *COSTS))
            other_kind = any(name == m.name for group in METRICS.values() for m in group)
            told = "is a metric of another kind of task" if other_kind else "is not known"
            hint = nearest(name, (*own, *COSTS))
            raise SpaceFileError(
                f"{section}: {name} {told}: the task {task.name} {_KINDS[task.loss]}",
                None,
                f"{hint + '; ' if hint and not other_kind else ''}there are {others}",
            )
    for name, direction in directions.items():
        if name in own and own[name].direction != direction:
            better = own[name].direction
            raise SpaceFileError(f"{name} is better the other way: say {name}: {better}")


def check_constraints(
    grammar: Grammar,
    spec: TensorSpec,
    constraints: Mapping[str, float],
    limits: Limits | None,
    require: Sequence[str] | None,
) -> None:
    """Raises SpaceFileError where it is proven that no network keeps the constraints on costs.

    Args:
        grammar, spec: what is derived, on which tensor.
        constraints: name -> upper bound.
        limits, require: of the search.
    """
    for name in COSTS:
        if constraints.get(name, 1) < 0 or (name == "latency" and constraints.get(name, 1) == 0):
            raise SpaceFileError(f"constraints: no network has {name} {constraints[name]:g}")
    bounds = {name: int(constraints[name]) for name in _COUNTED if name in constraints}
    if not bounds:
        return
    limits = limits or Limits()
    tightest = {
        name: bound if getattr(limits, name) is None else min(bound, getattr(limits, name))
        for name, bound in bounds.items()
    }
    accept = requirement(grammar.require if require is None else require)
    try:
        tight = room_of(grammar, replace(limits, **tightest))
        sample(grammar, spec, np.random.default_rng(0), tight, accept)
    except InfeasibleSpace as error:
        if error.is_proven:
            said = ", ".join(f"{name}: {bound:,}" for name, bound in bounds.items())
            first = str(error).splitlines()[0]
            raise SpaceFileError(
                f"constraints: no network of {grammar.name} keeps {said}: {first}",
                None,
                "loosen the constraint",
            ) from None
