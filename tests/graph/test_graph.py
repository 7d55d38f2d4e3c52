"""`ArchitectureGraph`: nodes, edges and costs."""

from __future__ import annotations

import networkx as nx
from hypothesis import given

from einsearch.graph.canonical import canonical_hash
from einsearch.graph.graph import INPUT_NODE, OUTPUT_NODE, ArchitectureGraph
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.specs import image
from tests.graph.programs import programs
from tests.support import program, series

BRANCHED = program(
    image(4, 8, 8),
    [
        ("split", (2, 0), [INPUT]),
        ("conv2d", (2, 3), [Ref(0, 0)]),
        ("concat", (0,), [Ref(0, 1), Ref(1, 0)]),
        ("identity", (), [2]),
    ],
)


def test_edges_carry_spec_port_and_operand() -> None:
    graph = ArchitectureGraph(BRANCHED).networkx
    edges = {
        (source, target): (str(data["spec"]), data["port"], data["operand"])
        for source, target, data in graph.edges(data=True)
    }
    assert edges == {
        (INPUT_NODE, 0): ("image:4x8x8", 0, 0),
        (0, 1): ("image:2x8x8", 0, 0),
        (0, 2): ("image:2x8x8", 1, 0),
        (1, 2): ("image:2x8x8", 0, 1),
        (2, OUTPUT_NODE): ("image:4x8x8", 0, 0),
    }


def test_nodes_carry_primitive_arguments_and_weights() -> None:
    graph = ArchitectureGraph(BRANCHED).networkx
    node = graph.nodes[1]
    assert node["primitive"] == "conv2d"
    assert node["args"]["channels"] == 2
    assert node["weights"] == "w1"
    assert node["label"].startswith("conv2d(2,3")


def test_parallel_edges_are_kept() -> None:
    graph = ArchitectureGraph(program(image(1, 2, 2), [("mul", (), [INPUT, INPUT])])).networkx
    assert graph.number_of_edges(INPUT_NODE, 0) == 2


def test_costs_are_those_of_what_is_built() -> None:
    graph = ArchitectureGraph(
        program(image(3, 8, 8), [("conv2d", (16, 3), [INPUT]), ("conv2d", (8, 1), [INPUT])], [0])
    )
    assert graph.parameters == 3 * 16 * 9 + 16
    assert graph.flops == 2 * 3 * 16 * 9 * 64
    assert graph.activation_memory == 4 * 16 * 64
    assert graph.input == (image(3, 8, 8),)
    assert graph.output == (image(16, 8, 8),)


def test_shared_weights_count_once() -> None:
    chain = series(image(3, 8, 8), ("conv2d", 3, 3), ("conv2d", 3, 3))
    first = chain.calls[0].weights
    tied = Program(
        chain.input,
        tuple(
            type(c)(c.primitive, c.args, c.inputs, c.specs, c.outputs, first) for c in chain.calls
        ),
        chain.outputs,
    )
    assert ArchitectureGraph(tied).parameters * 2 == ArchitectureGraph(chain).parameters


@given(programs)
def test_is_acyclic_and_leads_to_the_output(written: Program) -> None:
    graph = ArchitectureGraph(written)
    assert nx.is_directed_acyclic_graph(graph.networkx)
    assert nx.ancestors(graph.networkx, OUTPUT_NODE) >= set(range(len(graph.simplified.calls)))
    assert graph.canonical_hash == canonical_hash(written)
