"""How many networks of NAS-Bench-201 differ: canonical hashes of all 15,625 cells, explained.

    python benchmarks/nasbench201_classes.py [--whole]

Every cell is derived from its six decisions by grammars/nasbench201.ein, and hashed (with --whole
in the network of fifteen cells). The same classes are counted by `form`, thirty lines that share
nothing with the engine, whose rules can be turned on one by one; that explains, step by step, what
is between the 6,466 structures that the paper counts (Dong and Yang, ICLR 2020) and ours.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from common.machine import banner

import einsearch as es
from einsearch.graph.canonical import HASH_VERSION

OPS = ("zero", "identity", "conv1", "conv3", "pool")
CELLS = """
start network
import "nasbench201.ein" (cell)
network = cell
"""
PUBLISHED = 6466

Cell = tuple[int, ...]
"""Numbers of operations on the edges in the order of derivation: 0-1, 0-2, 1-2, 0-3, 1-3, 2-3."""


class Rules(NamedTuple):
    """What counts as the same.

    Attributes:
        flat: a sum of sums is one sum.
        zero_pool: a pool of zeros is zero.
        zero_layer: so is a convolution of zeros, though its norm learns an offset.
        layers: one layer that is read twice differs from two layers.
    """

    flat: bool = True
    zero_pool: bool = True
    zero_layer: bool = False
    layers: bool = True


OURS = Rules()
ZERO = ("#",)


def form(cell: Cell, rules: Rules = OURS) -> str:
    """What a cell computes, written down; equal for equal cells."""
    own = [edge for edge in range(6) if rules.layers and OPS[cell[edge]].startswith("conv")]
    names = itertools.permutations(range(len(own)))
    return min(written(cell, dict(zip(own, order, strict=True)), rules) for order in names)


def written(cell: Cell, names: Mapping[int, int], rules: Rules) -> str:
    """What a cell computes, its layers named. A tensor is the tuple of the terms of a sum."""
    edges = iter(range(6))
    nodes: list[tuple[str, ...]] = [("x",)]
    for _ in range(3):
        terms = [
            step(OPS[cell[edge]], node, names.get(edge), rules)
            for node, edge in zip(nodes, edges, strict=False)
        ]
        nodes.append(total([term for term in terms if term != ZERO], rules))
    return "+".join(nodes[3])


def step(op: str, x: tuple[str, ...], name: int | None, rules: Rules) -> tuple[str, ...]:
    """One operation on one tensor."""
    if op == "identity":
        return x
    if op == "zero" or (x == ZERO and (rules.zero_pool if op == "pool" else rules.zero_layer)):
        return ZERO
    return (f"{op}{'' if name is None else name}({'+'.join(x)})",)


def total(terms: Sequence[tuple[str, ...]], rules: Rules) -> tuple[str, ...]:
    """The sum of tensors that are not zero."""
    if len(terms) < 2:
        return terms[0] if terms else ZERO
    if rules.flat:
        return tuple(sorted(itertools.chain(*terms)))
    return tuple(sorted(t[0] if len(t) == 1 else f"[{'+'.join(t)}]" for t in terms))


def published_form(cell: Cell) -> str:
    """The paper's own rule: `to_unique_str(consider_zero=True)` of its published code."""
    edges = iter(cell)
    nodes = ["0"]
    for _ in range(3):
        terms = []
        for node, edge in zip(nodes, edges, strict=False):
            if OPS[edge] == "zero" or node == "#":
                terms.append("#")
            else:
                terms.append(node if OPS[edge] == "identity" else f"({node})@{OPS[edge]}")
        nodes.append("+".join(sorted(terms)))
    return nodes[3]


def hashes(cells: Iterable[Cell], whole: bool = False) -> dict[Cell, str]:
    """Canonical hash of every cell, or of the network that repeats it fifteen times."""
    grammar = es.load_grammar("nasbench201") if whole else es.parse_grammar(CELLS, "cells.ein")
    spec = es.image(3, 32, 32) if whole else es.image(16, 32, 32)
    return {
        cell: grammar.replay([("", "", op) for op in cell], spec).graph().canonical_hash
        for cell in cells
    }


def refines(fine: Mapping[Cell, Hashable], coarse: Mapping[Cell, Hashable]) -> bool:
    """Whether cells that are the same by the first are so by the second, too."""
    met: dict[Hashable, set[Hashable]] = defaultdict(set)
    for cell, value in fine.items():
        met[value].add(coarse[cell])
    return all(len(values) == 1 for values in met.values())


def count(values: Mapping[Cell, Hashable]) -> int:
    """Number of classes."""
    return len(set(values.values()))


def report(whole: bool) -> None:
    """Counts, compares and prints."""
    cells = list(itertools.product(range(len(OPS)), repeat=6))
    began = time.process_time()
    found = hashes(cells, whole)
    seconds = time.process_time() - began
    what = "networks of 15 cells" if whole else "cells"
    print(f"{len(cells):,} {what} in {seconds:.0f} CPU seconds, hash version {HASH_VERSION}\n")
    explained = {cell: form(cell) for cell in cells}
    paper = {cell: published_form(cell) for cell in cells}
    equal = refines(found, explained) and refines(explained, found)
    same = "the same classes" if equal else "OTHER CLASSES"
    print(f"distinct canonical hashes             {count(found):>6,}")
    print(f"classes by the independent rule       {count(explained):>6,}  {same}")
    print(f"structures by the paper's own rule    {count(paper):>6,}  published: {PUBLISHED:,}\n")
    explain(cells, paper)
    raise SystemExit(not equal)


def explain(cells: Sequence[Cell], paper: Mapping[Cell, str]) -> None:
    """Prints what is between the paper's classes and ours, in steps that merge or divide."""
    print("From the paper's count to ours:")
    steps = {
        "zeros leave sums, and terms of inner sums commute": Rules(zero_layer=True, layers=False),
        "a layer of zeros is no zero: its norm learns an offset": Rules(layers=False),
        "a layer that is read twice is not two layers": OURS,
    }
    before = paper
    for reason, rules in steps.items():
        after = {cell: form(cell, rules) for cell in cells}
        merges, divides = refines(before, after), refines(after, before)
        kind = "merges classes only" if merges else "divides classes only" if divides else "both"
        change = count(after) - count(before)
        print(f"  {reason:<55} {change:>+6,} = {count(after):>6,}  ({kind})")
        before = after


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--whole", action="store_true", help="hash whole networks, not cells")
    options = parser.parse_args()
    print(banner(), flush=True)
    report(options.whole)


if __name__ == "__main__":
    main()
