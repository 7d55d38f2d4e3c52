"""The canonical hash: equal for networks that are the same, different for those that are not."""

from __future__ import annotations

import random
from typing import Any

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from einsearch.graph.calls import reads_shape_only
from einsearch.graph.canonical import HASH_VERSION, canonical_hash
from einsearch.graph.graph import ArchitectureGraph
from einsearch.graph.simplify import simplify
from einsearch.primitives.program import INPUT, Call, Program, Ref
from einsearch.specs import image, tokens, vector
from tests.graph.programs import SPEC, insert, make, programs, random_program, rebuild, reorder
from tests.support import Line, program, series

seeds = st.integers(0, 2**32)


def test_has_its_version_in_front() -> None:
    text = canonical_hash(series(vector(4), ("relu",)))
    version, digits = text.split("-")
    assert int(version) == HASH_VERSION
    assert len(bytes.fromhex(digits)) == 16


def test_does_not_change_between_versions() -> None:
    written = series(image(3, 8, 8), ("conv2d", 8, 3), ("relu",), ("split", 2, 0))
    assert canonical_hash(written) == "4-4d7b7ec7d8a84ecf1dc2707801fedc71"


# --- equal networks ------------------------------------------------------------------------------


@given(programs, seeds)
def test_renamed_weights_and_reordered_calls_change_nothing(written: Program, seed: int) -> None:
    rng = random.Random(seed)
    keys = [f"name{index}" for index in range(len(written.calls))]
    rng.shuffle(keys)
    renamed = dict(zip(dict.fromkeys(c.weights for c in written.calls), keys, strict=False))
    other = rebuild(
        written,
        lambda _, c: Call(c.primitive, c.args, c.inputs, c.specs, c.outputs, renamed[c.weights]),
    )
    assert canonical_hash(reorder(other, rng)) == canonical_hash(written)


@given(programs, seeds)
def test_order_of_commuting_operands_changes_nothing(written: Program, seed: int) -> None:
    rng = random.Random(seed)

    def shuffle(_: int, call: Call) -> Call:
        if not call.primitive.commutative:
            return call
        pairs = list(zip(call.inputs, call.specs, strict=True))
        rng.shuffle(pairs)
        refs, specs = zip(*pairs, strict=True)
        return Call(call.primitive, call.args, refs, specs, call.outputs, call.weights)

    assert canonical_hash(rebuild(written, shuffle)) == canonical_hash(written)


@given(programs, seeds, st.sampled_from([("identity", ()), ("clone", (2,)), ("clone", (3,))]))
def test_identities_and_copies_change_nothing(
    written: Program, seed: int, added: tuple[str, tuple[int, ...]]
) -> None:
    at = random.Random(seed).randrange(len(written.calls))
    name, args = added
    assert canonical_hash(insert(written, at, name, args, read=True)) == canonical_hash(written)


@given(programs, seeds, st.sampled_from([("norm", ()), ("relu", ()), ("dropout", (0.5,))]))
def test_unread_calls_change_nothing(
    written: Program, seed: int, added: tuple[str, tuple[float, ...]]
) -> None:
    at = random.Random(seed).randrange(len(written.calls))
    name, args = added
    assert canonical_hash(insert(written, at, name, args, read=False)) == canonical_hash(written)


# --- different networks --------------------------------------------------------------------------

_OTHERS: dict[tuple[object, ...], tuple[str, tuple[object, ...]]] = {
    ("conv2d", 3): ("conv2d", (4, 1)),
    ("conv2d", 1): ("conv2d", (4, 3)),
    ("linear", "features"): ("conv2d", (4, 3)),
    ("norm",): ("dropout", (0.5,)),
}


@given(programs, seeds)
def test_another_call_in_a_live_place_changes_it(written: Program, seed: int) -> None:
    simple = simplify(written)
    places = [n for n in _leading_to_output(simple) if simple.calls[n].cost.parameters]
    if not places:
        return
    at = random.Random(seed).choice(places)

    def swap(number: int, call: Call) -> Call:
        if number != at:
            return call
        name, args = _OTHERS[call.primitive.name, *list(call.args.values())[1:2]]
        made = make(name, args, call.inputs, call.specs, "swapped")
        assert made is not None
        assert made.outputs == call.outputs
        return made

    assert canonical_hash(rebuild(simple, swap)) != canonical_hash(written)


def _leading_to_output(written: Program) -> list[int]:
    """Calls on whose values the outcome depends, by networkx."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(written.calls)))
    for number, call in enumerate(written.calls):
        if not reads_shape_only(call.primitive):
            graph.add_edges_from((ref.call, number) for ref in call.inputs)
    ends = {ref.call for ref in written.outputs} - {INPUT}
    found = ends.union(*(nx.ancestors(graph, end) for end in ends)) if ends else set()
    return sorted(found - {INPUT})


def test_agrees_with_isomorphism_on_random_networks() -> None:
    """Brute force: networkx compares small networks node by node, weights included."""
    written = [random_program(seed, calls, 0.4) for calls in (2, 3, 4, 5) for seed in range(60)]
    forms = [(_form(p), canonical_hash(p)) for p in written]
    match = nx.algorithms.isomorphism.categorical_node_match("label", "")
    same = 0
    for index, (one, one_hash) in enumerate(forms):
        for other, other_hash in forms[:index]:
            if one_hash != other_hash and len(one) != len(other):
                continue
            equal = nx.is_isomorphic(one, other, node_match=match, edge_match=_same_places)
            assert equal == (one_hash == other_hash)
            same += equal
    assert same > 100


def _same_places(one: dict[int, Any], other: dict[int, Any]) -> bool:
    """Whether parallel edges connect the same places, each as often."""
    first, second = (sorted(repr(e["place"]) for e in edges.values()) for edges in (one, other))
    return first == second


def _form(written: Program) -> nx.MultiDiGraph:
    """The simplified program as a coloured graph; shared weights are nodes of their own."""
    simple = simplify(written)
    alive = {*_leading_to_output(simple)}
    graph = nx.MultiDiGraph()
    graph.add_node("in", label="in")
    for number in sorted(alive):
        call = simple.calls[number]
        shape_only = reads_shape_only(call.primitive)
        graph.add_node(number, label=f"{call.primitive.name}{dict(call.args)}{call.outputs}")
        for operand, ref in enumerate(() if shape_only else call.inputs):
            place = (0 if call.primitive.commutative else operand, ref.port)
            graph.add_edge("in" if ref.call == INPUT else ref.call, number, place=place)
        if call.cost.parameters:
            graph.add_node(call.weights, label="weights")
            graph.add_edge(call.weights, number, place="weights")
    graph.add_node("out", label="out")
    leaving = simple.outputs[0]
    graph.add_edge("in" if leaving.call == INPUT else leaving.call, "out", place=leaving.port)
    return graph


def test_operand_order_matters_where_it_does() -> None:
    lines: list[Line] = [("relu", (), [INPUT]), ("sigmoid", (), [INPUT])]
    one = program(tokens(4, 4), [*lines, ("matmul", (), [0, 1])])
    other = program(tokens(4, 4), [*lines, ("matmul", (), [1, 0])])
    assert canonical_hash(one) != canonical_hash(other)


def test_ports_matter() -> None:
    lines: list[Line] = [("split", (2, 0), [INPUT])]
    parts = [program(image(4, 2, 2), [*lines, ("relu", (), [Ref(0, port)])]) for port in (0, 1)]
    assert canonical_hash(parts[0]) != canonical_hash(parts[1])


def test_interface_matters() -> None:
    assert canonical_hash(series(vector(4), ("relu",))) != canonical_hash(
        series(vector(5), ("relu",))
    )


def test_one_layer_read_twice_is_not_two_layers() -> None:
    once = program(SPEC, [("conv2d", (4, 3), [-1]), ("add", (), [0, 0])])
    twice = program(SPEC, [("conv2d", (4, 3), [-1]), ("conv2d", (4, 3), [-1]), ("add", (), [0, 1])])
    assert canonical_hash(once) != canonical_hash(twice)


def test_one_activation_read_twice_is_two_activations() -> None:
    once = program(SPEC, [("relu", (), [-1]), ("add", (), [0, 0])])
    twice = program(SPEC, [("relu", (), [-1]), ("relu", (), [-1]), ("add", (), [0, 1])])
    assert canonical_hash(once) == canonical_hash(twice)


def test_shared_weights_matter_and_so_does_who_shares_them() -> None:
    lines: list[Line] = [("linear", (4,), [n - 1]) for n in range(4)]
    chain = program(tokens(4, 4), lines)

    def keyed(keys: str) -> str:
        return canonical_hash(
            rebuild(
                chain,
                lambda n, c: Call(c.primitive, c.args, c.inputs, c.specs, c.outputs, keys[n]),
            )
        )

    different = ["abcd", "aabc", "abac", "abca", "aabb", "abab", "abba", "aaab", "aaaa"]
    assert len({keyed(keys) for keys in different}) == len(different)
    assert keyed("xyxy") == keyed("abab")


def test_shared_keys_without_weights_do_not_matter() -> None:
    chain = series(tokens(4, 4), ("relu",), ("sigmoid",), ("relu",))
    tied = rebuild(
        chain, lambda n, c: Call(c.primitive, c.args, c.inputs, c.specs, c.outputs, "one")
    )
    assert canonical_hash(tied) == canonical_hash(chain)


def test_equal_branches_joined_in_two_ways() -> None:
    """Four equal branches of relu(conv), multiplied as (1 2)(3 4) or all from two of them."""

    def joined(pairs: list[tuple[int, int]]) -> Program:
        lines: list[Line] = [("conv2d", (4, 3), [INPUT])] * 4
        lines = [*lines, *[("mul", (), pair) for pair in pairs]]
        return program(SPEC, [*lines, ("add", (), range(4, 4 + len(pairs)))])

    ways = [
        [(0, 1), (2, 3)],
        [(0, 1), (0, 2)],
        [(0, 1), (0, 1)],
        [(0, 0), (1, 1)],
        [(0, 1), (1, 2), (2, 3)],
        [(0, 1), (1, 2), (2, 0)],
        [(0, 1), (0, 2), (0, 3)],
    ]
    assert len({canonical_hash(joined(way)) for way in ways}) == len(ways)
    assert canonical_hash(joined([(3, 1), (1, 0)])) == canonical_hash(joined([(0, 1), (0, 2)]))


def _products(pairs: list[tuple[int, int]], convolutions: int, name: str = "mul") -> str:
    """Hash of a sum of products of equal convolutions, each with its own weights."""
    lines: list[Line] = [("conv2d", (4, 3), [INPUT])] * convolutions
    lines = [*lines, *[(name, (), pair) for pair in pairs]]
    return canonical_hash(program(SPEC, [*lines, ("add", (), range(convolutions, len(lines)))]))


def test_place_of_an_operand_tells_equal_layers_apart() -> None:
    """1 > 2 > 3 > 1, and 1 > 2 > 3 with 1 > 3: every layer is read twice in both."""
    ring, order = [(0, 1), (1, 2), (2, 0)], [(0, 1), (1, 2), (0, 2)]
    assert _products(ring, 3, "matmul") != _products(order, 3, "matmul")
    assert _products(ring, 3) == _products(order, 3)


def test_differences_far_from_where_they_show() -> None:
    """A path of seven, and a ring of four beside a path of three: as many of every degree."""
    path = [(n, n + 1) for n in range(6)]
    ring = [(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6)]
    assert _products(path, 7) != _products(ring, 7)


def test_shared_weights_tell_equal_layers_apart() -> None:
    lines: list[Line] = [("conv2d", (4, 3), [INPUT])] * 4
    written = program(SPEC, [*lines, ("add", (), range(4))])

    def keyed(keys: str) -> str:
        return canonical_hash(
            rebuild(
                written,
                lambda n, c: Call(
                    c.primitive, c.args, c.inputs, c.specs, c.outputs, (keys + "x")[n]
                ),
            )
        )

    different = ["abcd", "aabc", "aabb", "aaab", "aaaa"]
    assert len({keyed(keys) for keys in different}) == len(different)
    assert keyed("abba") == keyed("aabb")


def test_known_limit_of_colour_refinement() -> None:
    """What the documentation says cannot be told apart: a ring of six, two rings of three."""

    six = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)]
    three = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]
    assert _products(six, 6) == _products(three, 6)


def test_five_thousand_calls_in_a_row() -> None:
    deep = series(image(1, 4, 4), *[("relu",), ("norm",)] * 2500)
    assert canonical_hash(deep) == ArchitectureGraph(deep).canonical_hash
    longer = series(image(1, 4, 4), *[("relu",), ("norm",)] * 2501)
    assert canonical_hash(deep) != canonical_hash(longer)


def test_which_of_alike_calls_share_weights_counts() -> None:
    """Four equal convolutions in two sums: a pair with common weights is in one sum, or in both."""
    convolutions: list[Line] = [("conv2d", (4, 3), [Ref(INPUT, 0)])] * 4
    sums: list[Line] = [("add", (), [0, 1]), ("add", (), [2, 3]), ("mul", (), [4, 5])]
    written = program(image(4, 8, 8), [*convolutions, *sums])

    def tied(*pair: int) -> Program:
        return rebuild(
            written,
            lambda n, c: Call(
                c.primitive, c.args, c.inputs, c.specs, c.outputs, "w" if n in pair else c.weights
            ),
        )

    assert canonical_hash(tied(0, 1)) == canonical_hash(tied(2, 3))
    assert canonical_hash(tied(0, 2)) == canonical_hash(tied(1, 3))
    assert canonical_hash(tied(0, 1)) != canonical_hash(tied(0, 2))
