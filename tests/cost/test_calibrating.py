"""Calibration measures the device at hand."""

from __future__ import annotations

import math

import pytest
import torch

from einsearch.cost import DEFAULT
from einsearch.cost.calibrating import REFERENCE, calibrate, scaled
from einsearch.cost.probes import PROBES


def test_every_probe_gives_positive_numbers_and_leaves_torch_as_it_was() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    made = calibrate(seconds=0.05)
    numbers = [value for speed in made.speeds.values() for value in vars(speed).values()]
    assert all(math.isfinite(value) and value >= 0 for value in numbers)
    assert made.step > 0
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_the_reference_itself_changes_nothing() -> None:
    made = scaled(DEFAULT, dict.fromkeys(REFERENCE, 1.0))
    assert made == DEFAULT


def test_every_probe_has_a_reference() -> None:
    assert {probe.name for probe in PROBES} == set(REFERENCE)


def test_a_slower_device_is_slower_in_everything() -> None:
    made = scaled(DEFAULT, dict.fromkeys(REFERENCE, 2.0))
    for kind, speed in DEFAULT.speeds.items():
        assert made.speeds[kind].call == pytest.approx(2 * speed.call)
        assert made.speeds[kind].flop == pytest.approx(2 * speed.flop)
    assert made.touch == pytest.approx(2 * DEFAULT.touch)
