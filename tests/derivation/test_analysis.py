"""Termination and expected sizes, against closed forms and against sampling."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from einsearch.derivation.analysis import Analysis, analyse
from einsearch.derivation.bounds import bounds_of
from einsearch.derivation.limits import Limits
from einsearch.derivation.sample import sample
from einsearch.grammar.model import Grammar
from einsearch.resources import resource_folder
from tests.derivation.spaces import IMAGE, grammar


def analysis(space: Grammar) -> Analysis:
    return analyse(space, bounds_of(space, None).least_of_rule(space.start_rule.key))


def einspace_with(p: float) -> Analysis:
    text = (resource_folder("grammars") / "einspace.ein").read_text()
    return analysis(grammar(re.sub(r"computation +\[0\.32\]", f"computation [{p}]", text)))


@pytest.mark.parametrize(("p", "drawn", "built"), [
    (4 / 13 - 1e-3, False, False),
    (4 / 13 + 1e-3, True, False),
    (14 / 23 - 1e-3, True, False),
    (14 / 23 + 1e-3, True, True),
])  # fmt: skip
def test_einspace_is_finite_above_its_critical_probabilities(
    p: float, drawn: bool, built: bool
) -> None:
    found = einspace_with(p)
    assert math.isfinite(found.drawn_nodes) is drawn
    assert math.isfinite(found.built_nodes) is built


def test_a_geometric_series() -> None:
    found = analysis(grammar("start x\nx = relu [0.25] | relu >> x"))
    assert found.termination == pytest.approx(1.0)
    assert found.drawn_nodes == pytest.approx(4.0)
    assert found.drawn_growth == pytest.approx(0.75)
    assert found.least_nodes == 1


def test_a_branching_process_that_may_never_end() -> None:
    found = analysis(grammar("start x\nx = relu [0.4] | x >> x"))
    assert found.termination == pytest.approx(0.4 / 0.6, abs=1e-6)
    assert found.drawn_nodes == math.inf


COUNTED = [
    ("start x\nx = repeat({2, 4}, relu) >> relu", 2.0, 4.0),
    ("start x\nx = f({4, 8}) >> each(y) >> add\nf(n) = clone(n)\ny = relu | relu >> gelu", 3.5, 11),
    ("start x\nx = c >> c >> c where c = relu | relu >> gelu", 1.5, 4.5),
    ("start x\nx = g(relu >> gelu)\ng(a) = a >> repeat(2, a)", 2.0, 6.0),
    ("start x\nx = chain(3, relu | relu >> gelu)", 4.5, 4.5),
]


@pytest.mark.parametrize(("text", "drawn", "built"), COUNTED)
def test_copies_count_as_built(text: str, drawn: float, built: float) -> None:
    found = analysis(grammar(text))
    assert found.drawn_nodes == pytest.approx(drawn)
    assert found.built_nodes == pytest.approx(built)


def test_expected_size_is_that_of_samples() -> None:
    text = """
    start x
    x = y >> z
    y = relu [0.6] | y >> y [0.2] | clone({2, 3}) >> each(y) >> add [0.2] when depth < 99
    z = norm | repeat(2..4, gelu)
    """
    space = grammar(text)
    found = analysis(space)
    rng = np.random.default_rng(0)
    limits = Limits(nodes=100_000, depth=1000)
    sizes = [len(sample(space, IMAGE, rng, limits).program.calls) for _ in range(1500)]
    error = np.std(sizes) / math.sqrt(len(sizes))
    assert abs(np.mean(sizes) - found.built_nodes) < 4 * error
