"""Derivations of 5,000 levels: everything that is done with one works without recursion."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from typer.testing import CliRunner

import einsearch as es
from einsearch.cli.main import app
from einsearch.derivation.structures import Structures
from einsearch.derivation.values import Shared
from einsearch.graph.draw import draw_text
from einsearch.graph.svg import draw_svg

LEVELS = 5000
SPEC = es.vector(2)


class Space(NamedTuple):
    """A grammar that goes on for as long as limits let it.

    Attributes:
        text: the grammar.
        nodes: primitive calls of one level.
        nests: whether a level of the derivation is a level of the architecture, too.
    """

    text: str
    nodes: int
    nests: bool


SPACES = {
    "right recursion": Space("x = relu >> x [1e9] | tanh [1]", 1, False),
    "residual blocks": Space("x = (x >> tanh, identity) >> add [1e9] | relu [1]", 4, True),
    "repeats": Space("x = repeat(1, x >> (relu | tanh)) [1e9] | linear(2) [1]", 1, True),
    "bundles": Space(
        """x = { (p, q) = in >> clone(2)  r = p >> x >> tanh  out = (q, r) >> add } [1e9]
             | linear(2) [1]""",
        3,
        True,
    ),
    "bindings": Space("x = c >> tanh [1e9] | linear(2) [1] where c = x", 1, False),
}


class Drawn(NamedTuple):
    grammar: es.Grammar
    limits: es.Limits
    derivation: es.Derivation


@pytest.fixture(scope="module", params=SPACES)
def drawn(request: pytest.FixtureRequest) -> Drawn:
    space = SPACES[request.param]
    grammar = es.parse_grammar(f"start x\n{space.text}")
    limits = es.Limits(
        nodes=space.nodes * LEVELS + space.nodes, depth=LEVELS if space.nests else 10
    )
    return Drawn(grammar, limits, grammar.sample(SPEC, seed=0, limits=limits, require=()))


def test_it_is_that_deep(drawn: Drawn) -> None:
    found, limits = drawn.derivation, drawn.limits
    assert max(activation.level for activation in found.activations) >= LEVELS - 1
    assert found.nodes <= (limits.nodes or 0)
    if limits.depth == LEVELS:
        assert found.depth == LEVELS
    assert sys.getrecursionlimit() < LEVELS


def test_its_text_is_read_again(drawn: Drawn) -> None:
    found = drawn.derivation
    again = drawn.grammar.parse(found.text, SPEC)
    assert again.text == found.text
    assert again.values == found.values
    assert again.graph().canonical_hash == found.graph().canonical_hash


def test_its_decisions_are_replayed_from_a_record(drawn: Drawn) -> None:
    found = drawn.derivation
    again = drawn.grammar.replay(json.loads(json.dumps(found.decisions)), SPEC)
    assert again.text == found.text


def test_it_is_mutated(drawn: Drawn) -> None:
    found, limits = drawn.derivation, drawn.limits
    child = found.mutate(seed=1, limits=limits, require=())
    assert child.graph().canonical_hash != found.graph().canonical_hash
    assert child.nodes <= (limits.nodes or 0)


@pytest.mark.parametrize("drawn", ["right recursion", "repeats"], indirect=True)
def test_it_is_crossed_over(drawn: Drawn) -> None:
    found, limits = drawn.derivation, drawn.limits
    wide = es.Limits(nodes=4 * (limits.nodes or 0), depth=4 * (limits.depth or 0))
    small = es.Limits(nodes=300, depth=100)
    other = drawn.grammar.sample(SPEC, seed=2, limits=small, require=())
    left, right = found.crossover(other, seed=3, limits=wide)
    hashes = {d.graph().canonical_hash for d in (found, other, left, right)}
    assert len(hashes) == 4
    for one in (left, right):
        assert drawn.grammar.replay(one.decisions, SPEC).text == one.text


def test_it_is_compiled_and_runs(drawn: Drawn) -> None:
    graph = drawn.derivation.graph()
    assert len(graph.networkx) > LEVELS
    module = graph.module(seed=0)
    tensor = torch.ones(3, 2, requires_grad=True)
    outcome = module(tensor)
    outcome.sum().backward()
    assert outcome.shape == (3, 2)
    assert tensor.grad is not None
    assert bool(torch.isfinite(tensor.grad).all())


def test_it_goes_through_the_record(tmp_path: Path) -> None:
    space = SPACES["repeats"]
    grammar = es.parse_grammar(f"start x\n{space.text}")
    limits = es.Limits(nodes=2 * LEVELS, depth=LEVELS)
    es.search(
        grammar,
        lambda derivation: float(derivation.depth),
        input=SPEC,
        searcher="random",
        trials=1,
        seed=0,
        limits=limits,
        directory=tmp_path / "run",
    )
    (trial,) = es.open_run(tmp_path / "run").trials
    assert dict(trial.values) == {"value": LEVELS}
    assert grammar.replay(trial.decisions, SPEC).depth == LEVELS


def test_why_tells_what_is_wrong_deep_down() -> None:
    grammar = es.parse_grammar("start x\nx = (x, identity) >> add [0.999] | relu")
    text = "(" * LEVELS + "{}" + ", identity) >> add" * LEVELS
    failure = grammar.why(text.format("gelu"), SPEC).failure
    assert failure is not None
    assert failure.fragment == "gelu"


def test_it_is_drawn() -> None:
    grammar = es.parse_grammar(
        "start x\nx = clone(2) >> y >> add\ny = (tanh, relu) >> y | (relu, tanh)"
    )
    text = "clone(2) >> " + "(tanh, relu) >> " * LEVELS + "(relu, tanh) >> add"
    program = grammar.parse(text, SPEC).program
    assert draw_text(program, fold=False).count("relu") == LEVELS + 1
    assert draw_svg(program, fold=False).count(">relu<") == LEVELS + 1


def test_long_edges_of_a_nest_are_drawn_straight() -> None:
    text = "(" * 1000 + "relu" + ", identity) >> add >> tanh" * 1000
    assert draw_svg(es.architecture(text, SPEC).program).count(">add<") == 1000


def test_commands_take_it(tmp_path: Path) -> None:
    (tmp_path / "deep.ein").write_text("start x\nx = (x, identity) >> add [0.999] | relu\n")
    text = "(" * LEVELS + "relu" + ", identity) >> add" * LEVELS
    told = CliRunner().invoke(app, ["why", str(tmp_path / "deep.ein"), "-", "-i", "vector:2"], text)
    assert told.exit_code == 0
    shown = CliRunner().invoke(app, ["show", "-", "-i", "vector:2", "--json"], text)
    assert json.loads(shown.output)["depth"] == LEVELS


def test_environments_are_the_same_where_what_they_hold_is() -> None:
    body = es.parse_grammar("start x\nx = relu").rules["x"].body
    structures = Structures()

    def nest(value: object, levels: int) -> tuple[object, ...]:
        environment: tuple[object, ...] = (value,)
        for _ in range(levels):
            environment = (Shared(body, environment, None, "a"),)  # type: ignore[arg-type]
        return environment

    assert structures.of(nest(1, LEVELS)) == structures.of(nest(1, LEVELS))
    assert structures.of(nest(1, LEVELS)) != structures.of(nest(1, LEVELS - 1))
    assert len({structures.of(nest(value, 3)) for value in (1, True, 1.0, "1")}) == 4
