"""Structure features of a derivation, in groups from the finest to the coarsest.

| group            | counts                                                                  |
| ---------------- | ----------------------------------------------------------------------- |
| `decisions`      | what was decided at which address                                        |
| `context`        | what was decided at the ends of addresses, wherever they stand           |
| `operations`     | primitives, without and with their arguments                             |
| `neighbourhoods` | operations with what feeds them, one level deep                          |
| `regions`        | the same, two levels deep                                                |
| `training`       | settings of training, where the search decides any                       |

The three before it are the histograms of the Weisfeiler-Lehman kernel on the simplified graph,
colours refined along the edges: Shervashidze et al., 2011, "Weisfeiler-Lehman Graph Kernels"; for
architectures: Ru et al., 2021, "Interpretable Neural Architecture Search via Bayesian Optimisation
with Weisfeiler-Lehman Kernels". The first two see a derivation as a tree.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from einsearch.derivation.settings import decides_setting
from einsearch.graph.calls import label_of
from einsearch.graph.simplify import simplify
from einsearch.primitives.program import INPUT, Program, Ref

GROUPS: Final = ("decisions", "context", "operations", "neighbourhoods", "regions")
"""Of every derivation; `training` is one more where the search decides settings of training."""

Features = tuple[frozenset[int], ...]
"""A set for each group. A count is there as the levels that it reaches: once, twice, ..."""

_LEVELS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
_BISECTIONS: Final = 4
"""A number drawn from a range is known by the half, quarter, ... of the range that it lies in."""
_STEPS: Final = 16
"""Parts of the domain of a setting."""
_SUFFIX: Final = 2
"""Labels of an address that are the wider context of a decision."""


def features_of(derivation: Any) -> Features:
    """Features of a derivation; of the decisions alone where it is no network's."""
    decisions = derivation.decisions
    places = Counter(_places(decisions))
    contexts = Counter(_contexts(decisions))
    program = derivation.program if hasattr(derivation, "program") else None
    layers = _refinements(simplify(program)) if isinstance(program, Program) else ((), (), ())
    found = tuple(map(_levels, (places, contexts, *map(Counter, layers))))
    settings = [decision for decision in decisions if decides_setting(decision[0])]
    return (*found, frozenset(_steps(settings))) if settings else found


def _levels(counts: Counter[int]) -> frozenset[int]:
    found = []
    for key, count in counts.items():
        for level in _LEVELS:
            if level > count:
                break
            found.append(hash((key, level)))
    return frozenset(found)


def _places(decisions: Iterable[tuple[str, str, Any]]) -> Iterator[int]:
    for address, domain, value in decisions:
        for known in _coarser(domain, value):
            yield _key(f"{address}={known}")


def _contexts(decisions: Iterable[tuple[str, str, Any]]) -> Iterator[int]:
    for address, domain, value in decisions:
        labels = address.split("/")
        for known in _coarser(domain, value):
            yield _key(f"{labels[-1]}={known}")
            yield _key(f"{'/'.join(labels[-1 - _SUFFIX :])}={known}")


def _steps(settings: Iterable[tuple[str, str, Any]]) -> Iterator[int]:
    """Settings as the parts of their domains that they reach: near ones have most in common."""
    for address, domain, value in settings:
        place = _place(domain, value)
        if place is None:
            yield from (_key(f"{address}={value}:{step}") for step in range(_STEPS // 2))
        else:
            yield from (_key(f"{address}:{step}") for step in range(round(place * _STEPS)))
            yield from (_key(f"{address}<{step}") for step in range(round((1 - place) * _STEPS)))


def _place(domain: str, value: Any) -> float | None:
    """Where a number lies in its domain, from 0 to 1; None for what is no number of several."""
    ends = _range(domain)
    if ends is not None:
        return _within(ends, value)
    try:
        options = sorted(map(float, domain.strip("{}").split(",")))
        return options.index(float(value)) / (len(options) - 1)
    except (ValueError, ZeroDivisionError):
        return None


def _within(ends: tuple[float, float, bool], value: float) -> float:
    low, high, is_log = ends
    return math.log(value / low) / math.log(high / low) if is_log else (value - low) / (high - low)


def _coarser(domain: str, value: Any) -> list[str]:
    """A value, or for a number out of a range the intervals that it lies in."""
    ends = _range(domain)
    if ends is None or not isinstance(value, (int, float)):
        return [repr(value)]
    place = _within(ends, value)
    return [f"{2**n}:{min(2**n - 1, int(place * 2**n))}" for n in range(1, _BISECTIONS + 1)]


@lru_cache(maxsize=4096)
def _range(domain: str) -> tuple[float, float, bool] | None:
    """Ends of a domain "2..8" or "log 0.1..10", and whether it is logarithmic."""
    is_log = domain.startswith("log ")
    low, dots, high = domain.removeprefix("log ").partition("..")
    try:
        ends = float(low), float(high), is_log
    except ValueError:
        return None
    return ends if dots and ends[0] < ends[1] else None


def _refinements(program: Program) -> tuple[list[int], list[int], list[int]]:
    """Colours of the calls before refinement, with the primitives alone, and after it."""
    own = [_key(label_of(call)) for call in program.calls]
    kinds = [_key(call.primitive.name) for call in program.calls]
    near, leaving = _refined(program, own, own)
    wide, leaving_wide = _refined(program, own, near)
    return kinds + own, near + leaving, wide + leaving_wide


def _refined(program: Program, own: list[int], colours: list[int]) -> tuple[list[int], list[int]]:
    """Colours of calls with those of their operands, and of the outgoing tensors."""
    refined = []
    for call, colour in zip(program.calls, own, strict=True):
        operands = [_colour(ref, colours) for ref in call.inputs]
        if call.primitive.commutative:
            operands.sort()
        refined.append(hash((colour, *operands)))
    leaving = [hash((-2, _colour(ref, colours))) for ref in program.outputs]
    return refined, leaving


def _colour(ref: Ref, colours: list[int]) -> int:
    return ref.port if ref.call == INPUT else colours[ref.call] + ref.port


@lru_cache(maxsize=65_536)
def _key(text: str) -> int:
    """A number that stands for a text, the same in every process."""
    digest = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) >> 3
