"""Heads in drawings are those that networks get."""

from __future__ import annotations

import pytest

from einsearch.compile.head import make_head
from einsearch.errors import EinsearchError
from einsearch.graph.draw import draw_text
from einsearch.graph.heads import head_for
from einsearch.specs import TensorSpec, image, tokens, vector
from tests.support import series

SPECS = (image(3, 8, 8), image(3, 4, 4), tokens(8, 6), tokens(5, 6), vector(7))


@pytest.mark.parametrize("features", SPECS)
@pytest.mark.parametrize("output", [vector(10), tokens(8, 5), image(2, 8, 8)])
def test_a_head_has_the_weights_of_the_module(features: TensorSpec, output: TensorSpec) -> None:
    try:
        module = make_head(features, output)
    except EinsearchError:
        return
    head = head_for((features,), output)
    assert head is not None
    assert head.parameters == sum(p.numel() for p in module.parameters())
    assert ("mean over positions" in head.label) == bool(getattr(module, "position_axes", ()))


def test_the_head_is_drawn_before_the_output() -> None:
    written = series(image(3, 8, 8), ("conv2d", 4, 3))
    lines = draw_text(written, head=head_for(written.output, vector(2))).splitlines()
    assert [line.split()[1] for line in lines] == ["input", "conv2d(4,", "head:", "output"]
    assert lines[2].split()[-2:] == ["vector:2", "10"]
    assert lines[3].split()[-1] == "vector:2"


def test_several_outcomes_have_no_head() -> None:
    assert head_for((vector(3), vector(3)), vector(2)) is None
    assert head_for((vector(3),), tokens(4, 2)) is None
