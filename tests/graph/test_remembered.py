"""Tests of what is worked out once for each program."""

from __future__ import annotations

import gc
from weakref import ref

from einsearch.graph.canonical import canonical_hash
from einsearch.graph.remembered import remembered
from einsearch.graph.simplify import simplify
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.specs import image


def program(channels: int = 3) -> Program:
    return Program((image(channels, 8, 8),), (), (Ref(INPUT, 0),))


def test_a_program_is_looked_at_once() -> None:
    seen: list[Program] = []

    @remembered
    def channels(one: Program) -> int:
        seen.append(one)
        return int(one.input[0].shape[0])

    one, equal, other = program(), program(), program(5)
    assert [channels(each) for each in (one, other, equal, one, other)] == [3, 5, 3, 3, 5]
    assert [id(each) for each in seen] == [id(one), id(other), id(equal)]


def test_nothing_is_remembered_of_programs_that_are_gone() -> None:
    """Numbers of objects are used again; what belonged to the last one must not be found."""
    channels = remembered(lambda one: one.input[0].shape[0])
    for size in range(1, 200):
        assert channels(program(size)) == size


def test_a_program_that_was_hashed_can_go() -> None:
    one = program()
    canonical_hash(one)
    watched = [ref(one), ref(simplify(one))]
    del one
    gc.collect()
    assert [each() for each in watched] == [None, None]
