"""Primitives that fail, each in its own way, once they get real tensors."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

import torch

from einsearch.primitives import base
from einsearch.primitives.arguments import Arguments
from einsearch.primitives.base import Layer, Primitive, Signal
from einsearch.specs import Bundle, TensorSpec


def raise_error(x: torch.Tensor) -> torch.Tensor:
    if x.is_meta:
        return x.clone()
    raise RuntimeError("the sizes\nof a and b differ")


def use_all_memory(x: torch.Tensor) -> torch.Tensor:
    return x.clone() if x.is_meta else x + torch.empty(2**50)[: x.shape[-1]]


def become_infinite(x: torch.Tensor) -> torch.Tensor:
    return x * 1e38 * 1e38


def take_long(x: torch.Tensor) -> torch.Tensor:
    if not x.is_meta:
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            torch.mm(torch.ones(64, 64), torch.ones(64, 64))
    return x.clone()


def keep_shape(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


def _primitive(
    label: str, function: Callable[[torch.Tensor], torch.Tensor], wider: int
) -> Primitive:
    class Faulty(Primitive):
        name: ClassVar[str] = label

        def infer(self, specs: Bundle, args: Arguments) -> Bundle:
            (spec,) = specs
            return (TensorSpec(spec.layout, (*spec.shape[:-1], spec.shape[-1] + wider)),)

        def layer(self, specs: Bundle, args: Arguments) -> Layer:
            return Layer.function(function)

        def signal(self, specs: Bundle, args: Arguments, incoming: Any) -> tuple[Signal, ...]:
            return tuple(incoming)

    return Faulty()


FAULTY = {
    label: _primitive(label, function, wider)
    for label, function, wider in (
        ("raises", raise_error, 0),
        ("hog", use_all_memory, 0),
        ("explodes", become_infinite, 0),
        ("slow", take_long, 0),
        ("liar", keep_shape, 1),
    )
}


def register_faulty(monkeypatch: Any) -> None:
    """Makes the primitives known for the duration of a test."""
    known = base.all_primitives()
    monkeypatch.setattr(base, "_REGISTRY", {**known, **FAULTY})
