"""Tests of `training`, and of the settings at the head of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.derivation.replay import architecture
from einsearch.graph.simplify import simplify
from einsearch.primitives.base import get_primitive
from einsearch.primitives.training import brief, head_of, told
from einsearch.specs import vector

TEXT = "training(lr=0.0031234, batch=16, clip=none) >> (relu, tanh) >> add"


def test_the_head_of_a_text_is_told_apart() -> None:
    assert head_of(TEXT) == ({"lr": 0.0031234, "batch": 16, "clip": "none"}, "(relu, tanh) >> add")
    assert brief(TEXT) == "(relu, tanh) >> add  [lr 0.00312, batch 16, clip none]"
    assert head_of("relu >> training(lr=1)") == ({}, "relu >> training(lr=1)")
    assert brief("relu") == "relu"
    assert head_of("training(lr=0.1)")[1] == "identity"


@given(
    st.floats(1e-9, 1e3, allow_subnormal=False),
    st.integers(1, 10**6),
    st.sampled_from(["none", "shift", "strong-flip"]),
)
def test_what_is_printed_is_told_apart_again(lr: float, batch: int, augment: str) -> None:
    settings = {"lr": lr, "batch": batch}
    text = f"training(lr={lr!r}, batch={batch}) >> relu"
    found = architecture(text, vector(4))
    assert dict(found.training) == settings
    assert head_of(found.text) == (settings, "relu")
    assert told({"augment": augment}) == f"augment {augment}"


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("training(lr=0.1) >> relu >> training(lr=0.2, batch=8)", {"lr": 0.2, "batch": 8}),
        ("training(lr=given, keep=best) >> relu", {"keep": "best"}),
        ("experts(training(mixup=0.2) >> linear(4), 2, 1)", {"mixup": 0.2}),
    ],
)
def test_programs_say_how_they_are_trained(text: str, settings: dict[str, object]) -> None:
    program = architecture(text, vector(4)).program
    assert dict(program.settings) == settings
    left = simplify(program)
    assert dict(left.settings) == {}
    assert get_primitive("training") not in {call.primitive for call in left.calls}
    assert program.nodes == left.nodes
