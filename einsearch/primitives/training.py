"""`training`: how the network behind it is trained; tensors pass through it as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from einsearch.primitives.arguments import Arguments, Kind, Parameter, Symbol, show_value
from einsearch.primitives.base import Layer, register
from einsearch.primitives.routing import Routing
from einsearch.specs import Bundle

GIVEN: Final = Symbol("given")
"""As the search's own configuration has it."""


def _setting(name: str, *examples: Any) -> Parameter:
    return Parameter(name, Kind.SETTING, GIVEN, examples=examples)


@register
class Training(Routing):
    """Passes its tensor on. Its arguments say how the network is trained that it stands in.

    What is left out, or `given`, is as the search's own `training` has it; `none` is none.
    """

    name = "training"
    is_causal = True
    is_setting = True
    parameters = (
        _setting("lr", 0.003),
        _setting("batch", 32),
        _setting("optimizer", Symbol("sgd")),
        _setting("momentum", 0.9),
        _setting("weight_decay", 0.01),
        _setting("schedule", Symbol("constant")),
        _setting("warmup", 0.1),
        _setting("label_smoothing", 0.1),
        _setting("clip", Symbol("none")),
        _setting("augment", Symbol("shift")),
        _setting("mixup", 0.2),
        _setting("average", 0.1),
        _setting("keep", Symbol("best")),
        _setting("patience", 5),
        _setting("class_weights", Symbol("balanced")),
    )

    def infer(self, specs: Bundle, args: Arguments) -> Bundle:
        return specs

    def settings(self, args: Arguments) -> Mapping[str, Any]:
        return {name: value for name, value in args.items() if value != GIVEN}

    def layer(self, specs: Bundle, args: Arguments) -> Layer:
        from torch import nn

        return Layer.module(nn.Identity)


def head_of(text: str) -> tuple[dict[str, Any], str]:
    """Settings at the head of an architecture's canonical text, and the text of the network.

    Nothing is read but the head: the text is one that einsearch printed.
    """
    if not text.startswith(f"{Training.name}("):
        return {}, text
    inside, _, network = text.removeprefix(f"{Training.name}(").partition(")")
    pairs = (pair.partition("=") for pair in inside.split(", "))
    return {key: _value(value) for key, _, value in pairs}, network.removeprefix(
        " >> "
    ) or "identity"


def _value(written: str) -> Any:
    if written in ("true", "false"):
        return written == "true"
    try:
        return int(written)
    except ValueError:
        pass
    try:
        return float(written)
    except ValueError:
        return written


def told(settings: Mapping[str, Any]) -> str:
    """Settings for people: "lr 0.00312, augment none"."""
    return ", ".join(f"{name} {_short(value)}" for name, value in settings.items())


def brief(text: str) -> str:
    """An architecture's canonical text for a table: the network first, then its settings."""
    settings, network = head_of(text)
    return f"{network}  [{told(settings)}]" if settings else text


def _short(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.3g}" if isinstance(value, float) else show_value(value)
