"""Recursive grammars with made-up objectives, whose best value is 1.

A little noise, fixed by the architecture's text, is on the value that steers; none on the one
that is reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from hashlib import blake2b

import numpy as np
from quality.cases import REPORTED, STEERS, Case, by_text, grammar_of, space_of

from einsearch.derivation.derivation import Derivation

NOISE = 0.01
NODES = 20
OPERATIONS = ("relu", "gelu", "silu", "tanh", "sigmoid", "leaky_relu")
"""From the most to the least likely in `deceptive.ein`."""

WANTED = 8
"""Operations that count in `deceptive`."""
TARGETS, LENGTH = 4, 3
"""Series to be found in `targets`, and how many operations each has."""

_ANY = re.compile("|".join(sorted(OPERATIONS, key=len, reverse=True)))


def synthetic_case(name: str, seed: int) -> Case:
    """ "targets" (other targets for each seed) or "deceptive"."""
    worth: Callable[[str], float] = _deceptive
    if name == "targets":
        rng = np.random.default_rng((21, seed))
        drawn = rng.integers(len(OPERATIONS), size=(TARGETS, LENGTH))
        worth = partial(_found, [[OPERATIONS[place] for place in row] for row in drawn.tolist()])
    space = space_of(grammar_of(name), NODES)
    return Case(name, space, by_text, partial(_measure, worth), best=1.0)


def _measure(worth: Callable[[str], float], derivation: Derivation) -> dict[str, float]:
    value = worth(derivation.text)
    return {STEERS: value + NOISE * _noise(derivation.text), REPORTED: value}


def _noise(text: str) -> float:
    """A standard normal number that the text alone fixes."""
    seed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
    return float(np.random.default_rng(seed).standard_normal())


def _found(targets: list[list[str]], text: str) -> float:
    """How much of each target stands in the network as one unbroken series, on average."""
    padded = f" {text} ".replace("(", " ").replace(")", " ").replace(",", " ")
    return sum(_longest(target, padded) for target in targets) / (len(targets) * LENGTH)


def _longest(target: list[str], padded: str) -> int:
    for length in range(len(target), 0, -1):
        for start in range(len(target) - length + 1):
            if f" {' >> '.join(target[start : start + length])} " in padded:
                return length
    return 0


def _deceptive(text: str) -> float:
    """Mean worth of the first operations; missing ones are worth nothing."""
    ranks = [OPERATIONS.index(name) for name in _ANY.findall(text)[:WANTED]]
    return sum(ranks) / (WANTED * (len(OPERATIONS) - 1))
