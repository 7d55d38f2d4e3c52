"""Scales, ticks and elements of charts."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from einsearch.report import svg

ENDS = st.floats(-1e9, 1e9, allow_subnormal=False)


@given(low=ENDS, high=ENDS)
def test_ticks_are_few_inside_and_evenly_spaced(low: float, high: float) -> None:
    assume(high - low > 1e-6 * max(abs(low), abs(high), 1e-3))
    ticks = svg.x_scale(low, high).ticks()
    slack = 1e-6 * (high - low)
    margin = 0.04 * (high - low) + slack
    assert 2 <= len(ticks) <= 7
    assert all(low - margin <= tick <= high + margin for tick in ticks)
    steps = [b - a for a, b in pairwise(ticks)]
    assert max(steps) - min(steps) <= slack


def test_round_steps() -> None:
    assert svg.y_scale(0.0, 1.0).ticks() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0], abs=1e-12)


def test_a_logarithmic_scale_gives_equal_ratios_equal_space() -> None:
    scale = svg.x_scale(10, 1000, logarithmic=True)
    assert scale.ticks() == [10, 100, 1000]
    assert scale(100) - scale(10) == pytest.approx(scale(1000) - scale(100))


def test_an_empty_range_is_widened() -> None:
    assert svg.y_scale(0.5, 0.5)(0.5) == pytest.approx((svg.TOP + svg.HEIGHT - svg.BOTTOM) / 2)
    wide = svg.x_scale(100, 100, logarithmic=True)
    assert wide.start < wide(100) < wide.end


def test_large_values_stand_high() -> None:
    scale = svg.y_scale(0, 1)
    assert svg.TOP < scale(1) < scale(0) < svg.HEIGHT - svg.BOTTOM


def test_text_is_escaped() -> None:
    picture = svg.chart("a < b", svg.text(0, 0, "<script>", "label"), svg.dot(1, 2, "point", "a&b"))
    root = ElementTree.fromstring(picture)
    assert "<script>" in "".join(root.itertext())
    assert "a&b" in "".join(root.itertext())
