"""Numbers of derivations: closed forms, published spaces, brute force on random grammars."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from math import comb
from typing import Any

import pytest
from hypothesis import assume, given, settings
from typer.testing import CliRunner

from einsearch.cli.main import app
from einsearch.derivation.counts import Counts, count, describe_counts, show_count
from einsearch.derivation.counts_series import Circuit, Endless
from einsearch.derivation.counts_walk import Walker
from einsearch.derivation.decisions import Draw, Path
from einsearch.derivation.limits import Limits
from einsearch.derivation.sample import guided
from einsearch.derivation.state import DeadEnd
from einsearch.grammar.model import Grammar
from einsearch.resources import resource_names
from einsearch.specs import TensorSpec, tokens
from tests.derivation.enumeration import Derivations, Space, TooMany, Tree, spaces
from tests.derivation.spaces import grammar, packaged


def by_nodes(space: Grammar, most: int) -> list[int]:
    """How many derivations have 0, 1, ... `most` nodes."""
    walker = Walker(space)
    root = walker.root(space.start_rule.key)
    return walker.circuit.coefficients(root, most)


# --- closed forms ------------------------------------------------------------------------------


def test_a_choice_of_operations() -> None:
    found = count(grammar("start x\nx = relu | linear({2, 4, 8}) | conv2d({1, 2}, {1, 3, 5})"))
    assert (found.total, found.sizes[0]) == (1 + 3 + 6, (10, 10))
    assert not found.is_bound


def test_binary_trees_are_counted_by_catalan_numbers() -> None:
    space = grammar("start x\nx = relu | (x, x) >> add")
    wanted = [0] * 30
    for inner in range(15):
        wanted[2 * inner + 1] = comb(2 * inner, inner) // (inner + 1)
    assert by_nodes(space, 29) == wanted
    assert count(space).total is None


def test_series_of_two_operations() -> None:
    assert by_nodes(grammar("start x\nx = op | op >> x\nop = relu | tanh"), 12) == (
        [0] + [2**n for n in range(1, 13)]
    )


def test_copies_are_drawn_once_and_counted_often() -> None:
    """`n` copies of one of 2 + 4 expressions of one and two nodes."""
    space = grammar("start x\nx = repeat({2, 3}, y)\ny = op | op >> op\nop = relu | tanh")
    assert by_nodes(space, 6) == [0, 0, 2, 2, 4, 0, 4]


def test_what_where_binds_is_drawn_once() -> None:
    space = grammar("start x\nx = c >> (c | relu) >> c where c = relu | tanh >> tanh")
    assert by_nodes(space, 6) == [0, 0, 0, 2, 0, 1, 1]


def test_a_binding_that_is_not_used_is_not_drawn() -> None:
    space = grammar("start x\nx = c | gelu where c = relu | tanh | silu")
    assert count(space).total == 4
    assert count(grammar("start x\nx = relu where d = {1, 2, 3}, e = 2 * d")).total == 1


def test_values_are_drawn_where_they_are_bound() -> None:
    assert count(grammar("start x\nx = linear(d) where d = {1, 2, 3}")).total == 3
    space = grammar("start x\nx = chain(n, relu | tanh) where n = 1..3")
    assert count(space).total == 2 + 4 + 8


def test_expressions_handed_on_are_drawn_once_for_all_their_uses() -> None:
    space = grammar(
        "start x\nx = f(relu | tanh)\nf(a) = g(a >> a) >> (a | gelu)\ng(b) = b | b >> b"
    )
    assert by_nodes(space, 5) == [0, 0, 0, 4, 0, 4]


def test_guards_on_what_is_known_hold() -> None:
    space = grammar("start x\nx = f({1, 2, 3})\nf(n) = relu when n < 3 | tanh when n >= 2")
    assert (count(space).total, count(space).is_bound) == (4, False)
    space = grammar("start x\nx = clone({2, 3}) >> (add | mul when branches == 2)")
    assert (count(space).total, count(space).is_bound) == (3, False)


def test_guards_on_tensors_make_it_a_bound() -> None:
    found = count(grammar("start x\nx = relu when channels < 8 | tanh"))
    assert (found.total, found.is_bound) == (2, True)
    assert describe_counts(found) == {"derivations": "at most 2  (shapes ignored)"}


def test_joins_that_nothing_feeds_are_left_out() -> None:
    assert count(grammar("start x\nx = clone({2, 3}) >> (relu, tanh) >> add")).total == 1


def test_rules_that_never_end_derive_nothing() -> None:
    assert count(grammar("start x\nx = relu | y\ny = y >> relu")).total == 1


def test_a_rule_that_leads_back_to_itself_without_nodes() -> None:
    found = count(grammar("start x\nx = x | relu"))
    assert "a rule leads back to itself" in found.unknown
    assert count(grammar("start x\nx = relu | y\ny = y")).total == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = repeat(height, relu)", "depends on the incoming tensor"),
        ("x = f(relu)\nf(a) = f(a) >> a | a", "ever more tensors, or uses"),
        ("x = f(relu)\nf(a) = f(a >> tanh) | a", "handed on inside of expressions without end"),
        ("x = repeat(1..1000, relu)", "more than 256 numbers"),
    ],
)
def test_what_is_not_counted_is_said(text: str, reason: str) -> None:
    found = count(grammar(f"start x\n{text}"))
    assert reason in found.unknown
    assert describe_counts(found)["derivations"].startswith("not counted: ")


def test_reals_count_once() -> None:
    found = count(grammar("start x\nx = dropout(0.1..0.5) | relu"))
    assert (found.total, found.has_reals) == (2, True)


# --- published spaces --------------------------------------------------------------------------


def test_nasbench201() -> None:
    assert count(packaged("nasbench201")) == Counts(
        5**6, tuple((n, 0) for n in (10, 20, 50, 100)), False, False
    )


def test_darts() -> None:
    """Nodes of a cell read two of 2, 3, 4, 5 earlier ones, with one of 7 operations each; four
    nodes in the normal cell, two in the reduction cell."""
    node = {k: comb(k, 2) * 7**2 for k in (2, 3, 4, 5)}
    normal, reduction = node[2] * node[3] * node[4] * node[5], node[2] * node[3]
    assert normal == 1_037_664_180
    assert count(packaged("darts")).total == normal * reduction


def test_blocks_that_read_what_nothing_has_read() -> None:
    """Two sources and `in` unread: 3 ways, then 3 (one of them is new), then by hand."""
    text = """start x
    x = { a = constant(0)  b = any(unused) >> relu  c = any(unused) >> relu  out = c >> tanh }"""
    # b reads in or a; then c reads the other one of these, or b.
    assert count(grammar(text)).total == 2 * 2


def test_deep_rules_are_counted_without_recursion() -> None:
    levels = 2000
    nest = "(relu | " * levels + "tanh" + ")" * levels
    assert by_nodes(grammar(f"start x\nx = {nest}"), 1) == [0, levels + 1]


# --- brute force -------------------------------------------------------------------------------


def nodes_of(tree: Tree, bound: dict[str, Tree]) -> int:
    """Primitive calls of a derivation, copies counted."""
    match tree:
        case ("call", _, _):
            return 1
        case ("let", inner, body):
            return nodes_of(body, inner)
        case ("use", name):
            return nodes_of(bound[name], {})
        case ("when", _, body) | ("tied", body):
            return nodes_of(body, bound)
        case ("each", copies, body, join):
            return copies * nodes_of(body, bound) + nodes_of(join, bound)
        case ("repeat", copies, body):
            return copies * nodes_of(body, bound)
        case ("block", *statements):
            return sum(nodes_of(body, bound) for _, _, body in statements)
        case (_, *items):
            return sum(nodes_of(item, bound) for item in items)
    raise AssertionError(tree)


@settings(max_examples=60, deadline=None)
@given(spaces())
def test_random_grammars_against_a_list_of_their_derivations(space: Space) -> None:
    try:
        listed = Derivations(space, 3_000).all()
    except TooMany:
        assume(False)
    wanted = Counter(nodes_of(tree, {}) for tree in listed)
    loaded = grammar(space.text)
    assert count(loaded).total == len(listed)
    most = max(wanted, default=0)
    assert by_nodes(loaded, most) == [wanted[n] for n in range(most + 1)]


class Prefix:
    """Takes given values first, then the first of those that there are, which it notes."""

    def __init__(self, values: list[Any]) -> None:
        self.values, self.taken = values, 0
        self.open: list[list[Any]] = []

    def candidates(self, draw: Draw, path: Path, label: str) -> Iterator[Any]:
        self.taken += 1
        if self.taken <= len(self.values):
            return iter(self.values[self.taken - 1 : self.taken])
        options = [draw.values[i] for i in draw.allowed]  # type: ignore[union-attr]
        self.open.append(options)
        return iter(options[:1])


def listed(space: Grammar, spec: TensorSpec, most: int) -> Counter[int]:
    """Nodes of every derivation of at most so many, found by the machine that draws."""
    found: Counter[int] = Counter()
    pending: list[list[Any]] = [[]]
    while pending:
        prefix = pending.pop()
        chooser = Prefix(prefix)
        try:
            drawn = guided(space, spec, Limits(nodes=most, depth=None), None, chooser)
            found[drawn.counted] += 1
        except DeadEnd:
            pass
        firsts = [options[0] for options in chooser.open if options]
        for place, options in enumerate(chooser.open):
            pending += [[*prefix, *firsts[:place], value] for value in options[1:]]
    return found


LISTED = {
    "copies": ("x = repeat({1, 2}, y) | each(x, 2) >> add\ny = relu | tanh >> y", 7),
    "bindings": (
        "x = c >> (c, d) >> add | d where c = relu | tanh >> c2, d = relu | gelu\nc2 = x",
        7,
    ),
    "arguments": ("x = f(y) | f(relu) >> y\nf(a) = a >> (a | tanh) | a\ny = relu | gelu >> y", 6),
    "bundles": ("x = clone(n) >> each(y) >> add where n = {2, 3}\ny = relu | tanh | y >> y", 7),
    "unread": (
        """x = { a = constant(0)  b = op  c = op  d = op  out = all(unused) >> add } | y
        op = any(unused) >> (relu | tanh) | (any, any(unused)) >> add | any(2) >> mul
        y = relu""",
        9,
    ),
    "names": (
        """x = { (p, q) = in >> clone(2)  r = any(1, p, q) >> y  s = any(2, p, q, r) >> add
        t = s  out = (any(unused), t) >> mul }
        y = relu | y >> tanh""",
        7,
    ),
    "inner blocks": (
        """x = { a = y  b = { c = in >> relu  out = any >> y }  out = any(unused) >> relu } | tanh
        y = relu | { out = in } >> gelu | (shift, identity) >> add
        shift = { z = tanh  out = (z, in) >> add }""",
        8,
    ),
    "experts": (
        "x = experts(y, {2, 3}, 1) | sparse_modular_activation(x) | y\ny = linear(4) | y >> tanh",
        7,
    ),
    "guards": ("x = f({1, 2, 3}) >> y\nf(n) = chain(n, relu | tanh) when n != 2 | y\ny = relu", 5),
    "chains": ("x = chain({1, 2}, y) | relu\ny = tanh >> x | tied(relu >> x)", 6),
}


@pytest.mark.parametrize("name", LISTED)
def test_against_a_list_of_all_that_can_be_drawn(name: str) -> None:
    text, most = LISTED[name]
    space = grammar(f"start x\n{text}")
    found = listed(space, tokens(4, 4), most)
    assert sum(found.values()) > 5
    assert by_nodes(space, most) == [found[n] for n in range(most + 1)]


# --- series and showing ------------------------------------------------------------------------


def test_a_circuit_without_end() -> None:
    circuit = Circuit()
    loop = circuit.open()
    circuit.close(loop, [loop, circuit.node])
    assert circuit.count(loop) is None
    with pytest.raises(Endless):
        circuit.coefficients(loop, 1)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (15_625, "15,625"),
        (7_474_295_088_540, "7.47e12 (exactly 7,474,295,088,540)"),
        (10**57 + 1, "about 10^57"),
    ],
)
def test_numbers_are_shown(number: int, shown: str) -> None:
    assert show_count(number) == shown


def test_commands_show_them() -> None:
    shown = CliRunner().invoke(app, ["analyse", "nasbench201"])
    assert "15,625" in shown.output
    told = json.loads(CliRunner().invoke(app, ["analyse", "darts", "--json"]).output)
    assert told["counts"]["total"] == 7_474_295_088_540
    assert (
        "7.47e12 (exactly 7,474,295,088,540)" in CliRunner().invoke(app, ["check", "darts"]).output
    )
    assert "infinitely many" in CliRunner().invoke(app, ["check", "digits"]).output
    found = json.loads(CliRunner().invoke(app, ["check", "einspace", "--json"]).output)["counts"]
    assert found["total"] is None
    assert found["is_bound"]


@pytest.mark.parametrize("name", resource_names("grammars", ".ein"))
def test_every_packaged_grammar_is_counted(name: str) -> None:
    found = count(packaged(name))
    assert found.unknown == ""
    if name == "vision":
        assert found.total == 104954513562511054153189006680
