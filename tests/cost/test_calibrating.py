"""Calibration measures the device at hand."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from einsearch.cost import DEFAULT, calibrating
from einsearch.cost.calibrating import REFERENCE, calibrate, scaled
from einsearch.cost.probes import PROBES, Run


def test_every_probe_gives_positive_numbers_and_leaves_torch_as_it_was() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    made = calibrate(seconds=0.05)
    numbers = [value for speed in made.speeds.values() for value in vars(speed).values()]
    assert all(math.isfinite(value) and value >= 0 for value in numbers)
    assert made.step > 0
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_no_probe_is_begun_after_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def seconds_of(run: Run, device: torch.device, allowed: float) -> float:
        asked.append(allowed)
        return 0.5

    monkeypatch.setattr(calibrating, "seconds_of", seconds_of)
    ticks = itertools.count(0.0, 0.25)  # every look at the clock costs a quarter of a second
    took = calibrating._measured(torch.device("cpu"), torch.float32, 2.0, lambda: next(ticks))
    assert list(took) == [probe.name for probe in PROBES[:7]]
    assert all(0 < allowed <= 2.0 / len(PROBES) / calibrating.ROUNDS for allowed in asked)
    rounds = itertools.count(0.0, 0.01)
    took = calibrating._measured(torch.device("cpu"), torch.float32, 2.0, lambda: next(rounds))
    assert set(took) == set(REFERENCE)
    assert len(asked) > 150


def test_what_there_was_no_time_for_is_as_slow_as_the_rest() -> None:
    found = calibrating.factors({"call": 3 * REFERENCE["call"], "touch": REFERENCE["touch"]})
    assert found == {**dict.fromkeys(REFERENCE, 2.0), "call": 3.0, "touch": 1.0}
    made = calibrate(seconds=0.0)
    ratio = made.step / DEFAULT.step
    assert made.touch == pytest.approx(ratio * DEFAULT.touch)


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
