"""Layered layout of a directed acyclic graph (Sugiyama, Tagawa and Toda, 1981).

Every node stands in a layer below all that lead to it. Long edges get a bend in every layer that
they cross; layers are ordered by barycentres; nodes that follow each other are aligned where no
line is crossed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import networkx as nx

SWEEPS: Final = 12
GAP: Final = 26.0
"""Pixels between two neighbours of a layer."""
BEND_WIDTH: Final = 6.0
MOST_BENDS: Final = 100_000
"""Of networks whose long edges would need more, edges run straight."""

Node = Any
Rows = Sequence[list[Node]]
Neighbours = Mapping[Node, tuple[list[Node], list[Node]]]
"""What a node or bend is connected with in the layer above, and in the one below."""


@dataclass(frozen=True)
class Bend:
    """A point where a long edge crosses a layer."""

    edge: tuple[Node, Node, Any]
    layer: int


@dataclass(frozen=True)
class Layout:
    """Places of nodes.

    Attributes:
        x: horizontal centre of every node and bend, in pixels.
        layer: layer of every node and bend, from 0.
        bends: bends of every edge, from its source to its target.
    """

    x: Mapping[Node, float]
    layer: Mapping[Node, int]
    bends: Mapping[tuple[Node, Node, Any], tuple[Bend, ...]]


def layered_layout(
    graph: nx.MultiDiGraph[Any], widths: Mapping[Node, float], late: frozenset[Node] = frozenset()
) -> Layout:
    """Places the nodes of an acyclic graph.

    Args:
        graph: the nodes, in an order that is kept where nothing speaks against it.
        widths: pixels that each node takes.
        late: nodes to put right above the first that they lead to.
    """
    layer = _layers(graph, late)
    lengths = sum(layer[target] - layer[source] - 1 for source, target in graph.edges())
    bends: dict[tuple[Node, Node, Any], tuple[Bend, ...]] = {}
    neighbours: dict[Node, tuple[list[Node], list[Node]]] = {n: ([], []) for n in graph}
    for edge in graph.edges(keys=True):
        source, target, _ = edge
        crossed = range(layer[source] + 1, layer[target])
        made = tuple(Bend(edge, at) for at in crossed) if lengths <= MOST_BENDS else ()
        bends[edge] = made
        layer.update({bend: bend.layer for bend in made})
        neighbours.update({bend: ([], []) for bend in made})
        path = [source, *made, target]
        for above, below in pairwise(path if len(made) == len(crossed) else ()):
            neighbours[below][0].append(above)
            neighbours[above][1].append(below)
    rows: list[list[Node]] = [[] for _ in range(max(layer.values()) + 1)]
    for node, at in layer.items():
        rows[at].append(node)
    _order(rows, neighbours)
    return Layout(_places(rows, neighbours, widths), layer, bends)


def _layers(graph: nx.MultiDiGraph[Any], late: frozenset[Node]) -> dict[Node, int]:
    import networkx as nx

    generations = list(nx.topological_generations(graph))
    layer = {node: at for at, nodes in enumerate(generations) for node in nodes}
    for node in late:
        below = [layer[target] for target in graph.successors(node)]
        layer[node] = max(layer[node], min(below, default=layer[node] + 1) - 1)
    return layer


def _order(rows: Rows, neighbours: Neighbours) -> None:
    """Sorts every row by the mean place of what it is connected with, down and up again."""
    place = {node: index for row in rows for index, node in enumerate(row)}
    for sweep in range(SWEEPS):
        side = sweep % 2
        for row in rows if side == 0 else reversed(rows):
            mean = {
                node: sum(place[n] for n in near) / len(near) if near else place[node]
                for node in row
                for near in [neighbours[node][side]]
            }
            row.sort(key=mean.__getitem__)
            place.update({node: index for index, node in enumerate(row)})


def _places(rows: Rows, neighbours: Neighbours, widths: Mapping[Node, float]) -> dict[Node, float]:
    """Horizontal centres, from the order in the rows; nodes of a block stand above each other."""
    block = _blocks(rows, neighbours)
    lefts: dict[Node, dict[Node, float]] = {root: {} for root in block.values()}
    rights: dict[Node, dict[Node, float]] = {root: {} for root in block.values()}
    for row in rows:
        for left, right in pairwise(row):
            space = (widths.get(left, BEND_WIDTH) + widths.get(right, BEND_WIDTH)) / 2 + GAP
            one, other = block[left], block[right]
            lefts[other][one] = max(space, lefts[other].get(one, 0.0))
            rights[one][other] = lefts[other][one]
    pulls: dict[Node, list[Node]] = {root: [] for root in lefts}
    for node, sides in neighbours.items():
        near = [block[n] for side in sides for n in side]
        pulls[block[node]] += [root for root in near if root != block[node]]
    order = _left_to_right(lefts, rights)
    x: dict[Node, float] = {}
    for root in order:
        x[root] = max((x[left] + space for left, space in lefts[root].items()), default=0.0)
    for sweep in range(SWEEPS):
        for root in order if sweep % 2 else reversed(order):
            wanted = sum(x[n] for n in pulls[root]) / len(pulls[root]) if pulls[root] else x[root]
            low = max((x[n] + space for n, space in lefts[root].items()), default=-inf)
            high = min((x[n] - space for n, space in rights[root].items()), default=inf)
            x[root] = min(max(wanted, low), high)
    return {node: x[root] for node, root in block.items()}


def _blocks(rows: Rows, neighbours: Neighbours) -> dict[Node, Node]:
    """Aligns nodes with the middle one of those above, no two alignments crossing.

    Returns:
        The topmost node of every node's block (Brandes and Koepf, 2001).
    """
    root = {node: node for row in rows for node in row}
    taken: set[Node] = set()
    for above, row in pairwise(rows):
        place = {node: index for index, node in enumerate(above)}
        limit = -1
        for node in row:
            ups = sorted(neighbours[node][0], key=place.__getitem__)
            for up in ups[(len(ups) - 1) // 2 : len(ups) // 2 + 1]:
                stray = isinstance(node, Bend) and _leads_to_node(up, neighbours)
                if up not in taken and place[up] > limit and not stray:
                    root[node] = root[up]
                    taken.add(up)
                    limit = place[up]
                    break
    return root


def _leads_to_node(node: Node, neighbours: Neighbours) -> bool:
    return any(not isinstance(below, Bend) for below in neighbours[node][1])


def _left_to_right(
    lefts: Mapping[Node, Mapping[Node, float]], rights: Mapping[Node, Mapping[Node, float]]
) -> list[Node]:
    """Blocks in an order in which each comes after all that stand to its left."""
    waiting = {root: len(left) for root, left in lefts.items()}
    ready = [root for root, count in waiting.items() if count == 0]
    order: list[Node] = []
    while ready:
        root = ready.pop()
        order.append(root)
        for right in rights[root]:
            waiting[right] -= 1
            if waiting[right] == 0:
                ready.append(right)
    return order
