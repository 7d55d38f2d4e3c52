"""Settings of training that a search decides: candidates name them, `TrainingConfig` has the rest.

A candidate that begins with `training(lr=0.003)` is trained with that rate, whatever the search's
own configuration says of it.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, product
from typing import Any, Final, Union, get_args, get_origin

from pydantic import ValidationError

from einsearch.derivation.decisions import Draw, Interval
from einsearch.errors import EinsearchError
from einsearch.evaluate.config import TrainingConfig
from einsearch.primitives.arguments import show_value
from einsearch.primitives.training import GIVEN

FIXED: Final = frozenset({"epochs", "steps", "folds", "precision", "device"})
"""What a search does not decide: how long candidates are trained, and on what."""

_MOST_COMBINATIONS: Final = 2_000
_TOLD: Final = {
    "int_from_float": "a whole number: a range such as 16..64, or a set such as {16, 64}",
    "int_parsing": "a whole number",
    "float_parsing": "a number",
}
_BETWEEN: Final = 0.381966
"""A part of a range that gives no whole number by chance."""


class SettingFault(EinsearchError):
    """A setting that training cannot have.

    Attributes:
        name: of the setting; empty where several do not go together.
    """

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


def searchable() -> tuple[str, ...]:
    """Names of the settings that a search may decide."""
    return tuple(name for name in TrainingConfig.model_fields if name not in FIXED)


def trained_as(config: TrainingConfig, settings: Mapping[str, Any]) -> TrainingConfig:
    """The training of a candidate.

    Args:
        config: of the search.
        settings: what the candidate says of it, by name.

    Raises:
        SettingFault: training cannot have one of them.
    """
    if not settings:
        return config
    said = {name: _as_given(name, value) for name, value in settings.items() if value != GIVEN}
    try:
        return TrainingConfig(**{**config.model_dump(), **said})
    except ValidationError as error:
        raise _fault(error, settings) from None


def usual_settings(config: TrainingConfig) -> dict[str, Any]:
    """The values of a configuration, by name, the learning rate worked out."""
    return {**config.model_dump(), "lr": config.rate}


def check_draws(config: TrainingConfig, draws: Mapping[str, Draw]) -> None:
    """Checks that training can have whatever is drawn: every value of a set, and of a range the
    ends and one between, in every combination as far as there are few.

    Args:
        config: of the search.
        draws: by name of the setting.

    Raises:
        SettingFault: it cannot.
    """
    values = {name: _of(draw) for name, draw in draws.items()}
    for name, value in ((n, v) for n, found in values.items() for v in found):
        _check_alone(name, value)
    variants(config, draws)
    for settings in _combined(values):
        trained_as(config, settings)


def variants(config: TrainingConfig, draws: Mapping[str, Draw]) -> list[TrainingConfig]:
    """Configurations in which each value comes up that `check_draws` looks at.

    Raises:
        SettingFault: training cannot have one of them.
    """
    values = {name: _of(draw) for name, draw in draws.items()}
    first = {name: found[0] for name, found in values.items()}
    alone = ({**first, name: value} for name, found in values.items() for value in found)
    return [trained_as(config, settings) for settings in alone]


def _check_alone(name: str, value: Any) -> None:
    """Raises SettingFault where a field cannot have a value, whatever the others have."""
    if value == GIVEN:
        return
    try:
        TrainingConfig(**{name: _as_given(name, value)})
    except ValidationError as error:
        if error.errors()[0]["loc"]:
            raise _fault(error, {name: value}) from None


def _combined(values: Mapping[str, Sequence[Any]]) -> Iterable[dict[str, Any]]:
    every = (dict(zip(values, found, strict=True)) for found in product(*values.values()))
    return islice(every, _MOST_COMBINATIONS)


def _of(draw: Draw) -> list[Any]:
    if not isinstance(draw, Interval):
        return [v for v, p in zip(draw.values, draw.probabilities, strict=True) if p > 0]
    ends = [draw.low, draw.high]
    return ends if draw.is_integer else [*ends, draw.low + _BETWEEN * (draw.high - draw.low)]


def _as_given(name: str, value: Any) -> Any:
    """A value as a configuration takes it: names are texts, and none is None where it may be."""
    if not isinstance(value, str):
        return value
    return None if value == "none" and _none_allowed(name) else str(value)


def _none_allowed(name: str) -> bool:
    field = TrainingConfig.model_fields.get(name)
    kind = None if field is None else field.annotation
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)


def _fault(error: ValidationError, settings: Mapping[str, Any]) -> SettingFault:
    """What is wrong, in the words of the language."""
    details = error.errors()[0]
    name = str(details["loc"][0]) if details["loc"] else ""
    if name in settings:
        told = _TOLD.get(details["type"], details["msg"].removeprefix("Input should be "))
        message = f"{name} cannot be {show_value(settings[name])}: expected {told}"
        return SettingFault(message.replace("'", ""), name)
    shown = ", ".join(f"{key}={show_value(value)}" for key, value in settings.items())
    return SettingFault(f"{details['msg'].removeprefix('Value error, ')} (with {shown})")
