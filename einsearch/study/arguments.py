"""What a search from Python is called with, checked before anything begins: one error for each
mistake, which says what was found and what was expected. What a file may say, a call may.
"""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from einsearch.compile.given import texts_given, whole, wrong
from einsearch.derivation.limits import Limits
from einsearch.errors import SettingError, SpaceFileError
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.searched import searchable
from einsearch.grammar.modules import nearest
from einsearch.quantities import parse_bound
from einsearch.study.events import Budget, Callbacks
from einsearch.study.importing import import_objective
from einsearch.study.plan import DEFAULT_OBJECTIVE
from einsearch.study.searchedtraining import EXAMPLES, check_against, taken_apart

_DIRECTIONS = "maximize or minimize"


def check_options(
    function: Callable[..., Any], options: Mapping[str, Any], needed: Mapping[str, str]
) -> None:
    """Raises SettingError where a function has no such option, or one that it needs is missing.

    Args:
        function: that is to be called.
        options: by name.
        needed: names of those that it needs, with an example.
    """
    known = [
        p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY
    ]
    for name in options:
        if name not in known:
            hint = nearest(name, known) or f"there are {', '.join(known)}"
            raise SettingError(f"a search has no option {name}", hint=hint)
    for name, example in needed.items():
        if name not in options:
            raise SettingError(f"a search of a grammar needs {name}: say {example}")


def checked_budget(trials: Any, minutes: Any, hours: Any) -> Budget:
    """What may be spent. Raises SettingError."""
    if trials is not None:
        trials = whole("trials", trials, "a whole number from 0 on, or None for no limit")
    if minutes is not None and hours is not None:
        raise SettingError("minutes and hours mean the same: give one of them")
    for name, value in (("minutes", minutes), ("hours", hours)):
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if value is not None and not (is_number and 0 <= float(value) < math.inf):
            raise wrong(name, value, "a finite number from 0 on, or None for no limit")
    if hours is not None:
        return Budget(trials, 60 * float(hours))
    return Budget(trials, None if minutes is None else float(minutes))


def checked_seed(seed: Any) -> int:
    """The seed of a search. Raises SettingError."""
    return whole("seed", seed, "a whole number from 0 on")


def checked_directions(directions: Any) -> dict[str, str]:
    """Objective name -> direction; the default where there is none. Raises SettingError."""
    if directions is None:
        return dict(DEFAULT_OBJECTIVE)
    if not isinstance(directions, Mapping):
        wanted = f'each objective with {_DIRECTIONS}, such as {{"accuracy": "maximize"}}'
        raise wrong("directions", directions, wanted)
    for name, direction in directions.items():
        if not isinstance(name, str):
            raise wrong("the name of an objective", name, "text")
        if direction not in ("maximize", "minimize"):
            raise wrong(f"the direction of {name}", direction, _DIRECTIONS)
    return dict(directions or DEFAULT_OBJECTIVE)


def checked_constraints(constraints: Any) -> dict[str, float]:
    """Name -> upper bound, a number or text such as "100k". Raises SettingError."""
    if constraints is None:
        return {}
    if not isinstance(constraints, Mapping):
        wanted = 'names with upper bounds, such as {"parameters": "100k"}'
        raise wrong("constraints", constraints, wanted)
    return {str(name): _bound(str(name), value) for name, value in constraints.items()}


def checked_limits(limits: Any) -> Limits | None:
    """Limits, also those given by name as in a file. Raises LimitError."""
    return None if limits is None else Limits.of(limits)


def checked_seconds(seconds: Any) -> float | None:
    """Time of one candidate; None for any. Raises SettingError."""
    is_number = isinstance(seconds, numbers.Real) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and 0 < float(seconds) < math.inf):
        raise wrong("seconds", seconds, "a finite number above 0, or None for no limit")
    return None if seconds is None else float(seconds)


def checked_retries(retries: Any) -> int:
    """Further attempts of a trial. Raises SettingError."""
    return whole("retries", retries, "a whole number from 0 on")


def checked_callbacks(callbacks: Any) -> Callbacks:
    """Who is told what happens. Raises SettingError."""
    if callbacks is not None and not isinstance(callbacks, Callbacks):
        raise wrong("callbacks", callbacks, "an einsearch.study.events.Callbacks")
    return callbacks or Callbacks()


def checked_objective(objective: Any) -> Any:
    """An objective that can be called with a derivation; one that is named, as in a file, is
    imported.

    Raises:
        SettingError: it is none.
        SpaceFileError: it cannot be imported.
    """
    if isinstance(objective, str) and ":" in objective:
        objective = import_objective(objective, (Path(),))
    example = "objective(derivation) gives a number or {name: number}"
    if not callable(objective):
        raise wrong("the objective", objective, f'a function or "module:function": {example}')
    if inspect.iscoroutinefunction(objective):
        raise wrong("the objective", objective, f"a plain function, not an async one: {example}")
    try:
        signature = inspect.signature(objective)
    except (TypeError, ValueError):  # some builtins have none to look at
        return objective
    stage = {"stage": None} if "stage" in signature.parameters else {}
    try:
        signature.bind(None, **stage)
    except TypeError as error:
        found = f"the objective {getattr(objective, '__name__', objective)}{signature}"
        message = f"{found} cannot be called with a derivation: {error}"
        raise SettingError(f"{message}. Expected {example}") from None
    return objective


def checked_require(require: Any) -> Sequence[str] | None:
    """What every network must have; None for what the grammar asks for. Raises SettingError."""
    return None if require is None else texts_given("require", require, '["parameters"]')


def checked_training(training: Any) -> dict[str, str]:
    """Setting of training -> the domain that it is searched in. Raises SettingError."""
    if training is None:
        return {}
    if not isinstance(training, Mapping):
        wanted = 'settings with domains, such as {"lr": "log 1e-4..1e-2"}'
        raise wrong("training", training, wanted)
    try:
        values, domains = taken_apart(training, lambda _: None)
        check_against(TrainingConfig(), domains, lambda _: None)
    except SpaceFileError as error:
        raise SettingError(str(error)) from None
    for name, value in values.items():
        if name in searchable():
            raise wrong(f"training.{name}", value, f"a domain, {EXAMPLES}")
        raise wrong("a setting of training", name, f"one of {', '.join(searchable())}")
    return domains


def _bound(name: str, value: Any) -> float:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        bound = parse_bound(value) if isinstance(value, str) else float(value if is_number else "")
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        wanted = "an upper bound, such as 5, 0.5, 2M or 200MB"
        raise wrong(f"the constraint on {name}", value, wanted)
    return bound
