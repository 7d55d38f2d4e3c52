"""The command plan: what fits, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from einsearch.cost import DEFAULT, calibrating
from tests.cli.conftest import Command


@pytest.fixture(autouse=True)
def a_known_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrating, "calibrate", lambda *_, **__: DEFAULT)


def test_it_says_what_fits_with_reasons(cli: Command, space: Path) -> None:
    status, out, _ = cli("plan", space, "--minutes", 2, "--workers", 1)
    assert status == 0
    assert "1 min 28 s of 2 min 00 s" in out
    assert "at most 30.0 s; what it does not need goes to the search" in out
    assert "at the device's fastest" in out
    assert "for each of 1 worker" in out
    assert "draw, median" in out
    assert "draws were looked at, 0 of them would be turned down" in out


def test_nothing_is_made(cli: Command, space: Path) -> None:
    before = sorted(space.parent.iterdir())
    cli("plan", space)
    assert sorted(space.parent.iterdir()) == before


def test_less_time_is_fewer_candidates_and_lower_limits(cli: Command, space: Path) -> None:
    short, long = (
        json.loads(cli("plan", space, "--minutes", minutes, "--workers", 1, "--json").out)
        for minutes in (0.05, 5)
    )
    assert short["limits"]["flops"] < long["limits"]["flops"]
    assert short["rungs"][0]["candidates"] < long["rungs"][0]["candidates"]
    assert short["times"]["candidate"] < long["times"]["candidate"]
    assert short["draws"][0]["step_seconds"] > 0


def test_a_candidate_that_does_not_fit_is_shown_with_its_reason(cli: Command, space: Path) -> None:
    out = cli("plan", space, "--minutes", 0.002, "--workers", 1).out
    assert "too slow: predicted" in out


def test_without_a_time_there_is_no_division(cli: Command, space: Path) -> None:
    out = cli("plan", space, "--trials", 7).out
    assert "7, whatever time they take" in out
    assert "no limit: a candidate may take 60 s and four times what was predicted" in out


def test_an_objective_of_ones_own_has_no_plan(cli: Command, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text('grammar: digits\ntask: {objective: "a:b", input: "image:1x8x8"}\n')
    status, _, err = cli("plan", path)
    assert status == 1
    assert "has an objective of your own, whose cost is not known" in err
