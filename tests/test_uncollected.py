"""The garbage collector waits, and goes on as it was."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest

from einsearch.derivation.sample import sample
from einsearch.primitives.program import Program
from einsearch.uncollected import uncollected
from tests.derivation.spaces import IMAGE, grammar


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if was_enabled else gc.disable)()


def test_it_waits_inside_and_goes_on_behind() -> None:
    with uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_goes_on_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), uncollected():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_whoever_has_it_off_keeps_it_off() -> None:
    gc.disable()
    with uncollected():
        assert not gc.isenabled()
    assert not gc.isenabled()


def test_it_waits_while_a_network_is_drawn() -> None:
    states = []

    def accept(program: Program) -> str | None:
        states.append(gc.isenabled())
        return None

    sample(grammar("start x\nx = relu | gelu"), IMAGE, np.random.default_rng(0), accept=accept)
    assert states == [False]
    assert gc.isenabled()
