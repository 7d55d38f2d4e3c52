"""What a search from Python is called with, checked before anything begins: one error for each
mistake, which says what was found and what was expected. What a file may say, a call may.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from pydantic import ValidationError

from einsearch.derivation.limits import Limits
from einsearch.errors import SettingError
from einsearch.grammar.modules import nearest
from einsearch.study.events import Budget
from einsearch.study.plan import DEFAULT_OBJECTIVE
from einsearch.study.quantities import parse_bound
from einsearch.study.spacefile import LimitsSection

_DIRECTIONS = "maximize or minimize"


def checked_budget(trials: Any, hours: Any) -> Budget:
    """What may be spent. Raises SettingError."""
    if trials is not None:
        trials = _whole("trials", trials, "a whole number from 0 on, or None for no limit")
    is_number = isinstance(hours, numbers.Real) and not isinstance(hours, bool)
    if hours is not None and not (is_number and 0 <= float(hours) < math.inf):
        raise _wrong("hours", hours, "a finite number from 0 on, or None for no limit")
    return Budget(trials, None if hours is None else float(hours))


def checked_seed(seed: Any) -> int:
    """The seed of a search. Raises SettingError."""
    return _whole("seed", seed, "a whole number from 0 on")


def checked_directions(directions: Any) -> dict[str, str]:
    """Objective name -> direction; the default where there is none. Raises SettingError."""
    if directions is None:
        return dict(DEFAULT_OBJECTIVE)
    if not isinstance(directions, Mapping):
        wanted = f'each objective with {_DIRECTIONS}, such as {{"accuracy": "maximize"}}'
        raise _wrong("directions", directions, wanted)
    for name, direction in directions.items():
        if not isinstance(name, str):
            raise _wrong("the name of an objective", name, "text")
        if direction not in ("maximize", "minimize"):
            raise _wrong(f"the direction of {name}", direction, _DIRECTIONS)
    return dict(directions or DEFAULT_OBJECTIVE)


def checked_constraints(constraints: Any) -> dict[str, float]:
    """Name -> upper bound, a number or text such as "100k". Raises SettingError."""
    if constraints is None:
        return {}
    if not isinstance(constraints, Mapping):
        wanted = 'names with upper bounds, such as {"parameters": "100k"}'
        raise _wrong("constraints", constraints, wanted)
    return {str(name): _bound(str(name), value) for name, value in constraints.items()}


def checked_limits(limits: Any) -> Limits | None:
    """Limits, also those given by name as in a file. Raises SettingError."""
    if limits is None or isinstance(limits, Limits):
        return limits
    names = [field.name for field in fields(Limits)]
    if not isinstance(limits, Mapping):
        raise _wrong("limits", limits, f'Limits(...) or {{"nodes": 40}}, of {", ".join(names)}')
    for name in limits:
        if name not in names:
            hint = nearest(str(name), names) or f"there are {', '.join(names)}"
            raise SettingError(f"there is no limit {name}", hint=hint)
    try:
        section = LimitsSection.model_validate(dict(limits))
    except ValidationError as error:
        found = error.errors()[0]
        wanted = f"a whole number from {int(found['loc'][0] == 'nodes')} on, such as 300 or 2M"
        raise _wrong(f"the limit {found['loc'][0]}", found["input"], wanted) from None
    return Limits(**section.model_dump())


def checked_texts(name: str, given: Any, example: str) -> tuple[str, ...]:
    """A list of texts; one text is a list of one. Raises SettingError.

    Args:
        name: of the argument.
        given: its value.
        example: of such a list.
    """
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, Iterable) or isinstance(texts, (Mapping, bytes)):
        raise _wrong(name, given, f"a list of texts, such as {example}")
    texts = tuple(texts)
    for text in texts:
        if not isinstance(text, str):
            raise _wrong(f"one of {name}", text, f"text, as in {example}")
    return texts


def checked_require(require: Any) -> Sequence[str] | None:
    """What every network must have; None for what the grammar asks for. Raises SettingError."""
    return None if require is None else checked_texts("require", require, '["parameters"]')


def _bound(name: str, value: Any) -> float:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        bound = parse_bound(value) if isinstance(value, str) else float(value if is_number else "")
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        wanted = "an upper bound, such as 5, 0.5, 2M or 200MB"
        raise _wrong(f"the constraint on {name}", value, wanted)
    return bound


def _whole(name: str, value: Any, wanted: str) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or int(value) < 0:
        raise _wrong(name, value, wanted)
    return int(value)


def _wrong(name: str, value: Any, wanted: str) -> SettingError:
    return SettingError(f"{name} is {value!r}: expected {wanted}")
