"""`ArchitectureGraph`: one architecture with everything that is known of it without torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from einsearch.graph.calls import label_of
from einsearch.graph.canonical import simplified_hash, trained_hash
from einsearch.graph.simplify import simplify
from einsearch.primitives.base import Cost
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.specs import Bundle

if TYPE_CHECKING:
    import networkx as nx

INPUT_NODE: Final = "input"
OUTPUT_NODE: Final = "output"


@dataclass(frozen=True)
class ArchitectureGraph:
    """A directed acyclic graph of primitive calls.

    Costs, hash and networkx graph are those of the simplified program, which is what gets
    built: identities, copies and calls that nothing reads are not part of it.

    Attributes:
        program: the calls as they were derived.
    """

    program: Program

    @cached_property
    def simplified(self) -> Program:
        """The same function from fewer calls."""
        return simplify(self.program)

    @cached_property
    def canonical_hash(self) -> str:
        """Equal for networks that are the same after simplification, and are trained alike."""
        return trained_hash(simplified_hash(self.simplified), self.program.settings)

    @property
    def input(self) -> Bundle:
        """Specs of the incoming tensors."""
        return self.program.input

    @property
    def output(self) -> Bundle:
        """Specs of the outgoing tensors."""
        return self.program.output

    @property
    def cost(self) -> Cost:
        """What the simplified program costs."""
        return self.simplified.cost

    @property
    def parameters(self) -> int:
        """Number of trainable scalars; shared weights count once."""
        return self.cost.parameters

    @property
    def flops(self) -> int:
        """Floating-point operations for one example, two per multiply-add."""
        return self.cost.flops

    @property
    def activation_memory(self) -> int:
        """Bytes of activations that training keeps for one example, in float32."""
        return self.cost.memory

    @cached_property
    def networkx(self) -> nx.MultiDiGraph[Any]:
        """The simplified program as a networkx graph.

        Nodes are "input", "output", and the numbers of the calls with the attributes
        `primitive` (its name), `args` (a dict), `weights` (the key; equal keys share them) and
        `label`. Edges carry `spec`, the source's `port` and the target's `operand` position.
        """
        import networkx as nx

        graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
        graph.add_node(INPUT_NODE, primitive="", label=INPUT_NODE)
        for number, call in enumerate(self.simplified.calls):
            graph.add_node(
                number,
                primitive=call.primitive.name,
                args=dict(call.args),
                weights=call.weights,
                label=label_of(call),
            )
            self._connect(graph, call.inputs, number)
        graph.add_node(OUTPUT_NODE, primitive="", label=OUTPUT_NODE)
        self._connect(graph, self.simplified.outputs, OUTPUT_NODE)
        return graph

    def _connect(
        self, graph: nx.MultiDiGraph[Any], refs: tuple[Ref, ...], target: int | str
    ) -> None:
        for operand, ref in enumerate(refs):
            source = INPUT_NODE if ref.call == INPUT else ref.call
            graph.add_edge(
                source, target, spec=self.simplified.spec(ref), port=ref.port, operand=operand
            )
