"""Networks of five spaces, of all sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

import einsearch as es
from einsearch.errors import EinsearchError
from einsearch.grammar.model import Grammar
from einsearch.primitives.program import Program
from einsearch.specs import TensorSpec

CLASSES: Final = 10

INPUTS: Final = {
    "einspace": (es.image(1, 8, 8), es.image(3, 12, 12), es.image(3, 32, 32), es.image(3, 24, 24)),
    "vision": (es.image(1, 8, 8), es.image(3, 16, 16), es.image(3, 32, 32)),
    "series": (es.tokens(32, 1), es.tokens(128, 2), es.tokens(427, 1)),
    "sequence": (es.tokens(16, 2), es.tokens(64, 2), es.tokens(192, 4)),
    "kan": (es.vector(3), es.vector(10), es.vector(60)),
}
BATCHES: Final = (8, 16, 32, 64, 128, 256)
NODES: Final = (40, 80, 200, 400)
FLOPS: Final = (10**5, 10**6, 10**7, 10**8, 2 * 10**9)


@dataclass(frozen=True)
class Network:
    """One network to measure.

    Attributes:
        space: that it was drawn from.
        seed: of the draw.
        program: what it computes.
        batch: examples of a step.
    """

    space: str
    seed: int
    program: Program
    batch: int

    @property
    def output(self) -> TensorSpec:
        """Ten classes."""
        return es.vector(CLASSES)


@lru_cache
def grammar_of(space: str) -> Grammar:
    """The packaged grammar of that name."""
    return es.load_grammar(space)


def draw(seed: int) -> Network | None:
    """A network; None where its limits leave none. The seed decides everything."""
    random = np.random.default_rng(seed)
    spaces = list(INPUTS)
    space = spaces[seed % len(spaces)]
    inputs = INPUTS[space]
    spec = inputs[random.integers(len(inputs))]
    batch = int(BATCHES[random.integers(len(BATCHES))])
    limits = es.Limits(
        nodes=int(NODES[random.integers(len(NODES))]),
        depth=20,
        parameters=5_000_000,
        flops=int(FLOPS[random.integers(len(FLOPS))]),
    )
    try:
        program = grammar_of(space).sample(spec, random, limits).graph().program
    except EinsearchError:
        return None
    return Network(space, seed, program, batch)


def networks(start: int, count: int) -> Iterator[Network]:
    """So many networks, from a seed on."""
    made = 0
    seed = start
    while made < count:
        network = draw(seed)
        seed += 1
        if network is not None and len(network.program.output) == 1:
            made += 1
            yield network
