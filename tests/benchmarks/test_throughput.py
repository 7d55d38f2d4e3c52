"""Cheaper trainings, as `benchmarks/throughput.py` compares them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import throughput
import torch
from thrift.curves import extrapolate
from thrift.device import WAYS, families, prepare
from thrift.ways import SETTINGS, Stage, load, subset, taken_over, trained
from throughput import Scored, best_kept, correlation


def scored(*scores: float) -> list[Scored]:
    return [Scored({"accuracy": score, "cross_entropy": 0.0}, 1.0) for score in scores]


def test_a_power_law_is_foretold() -> None:
    curve = [0.9 - 0.5 * epoch**-0.7 for epoch in range(1, 13)]

    assert extrapolate(curve[:4], 12, best=1.0) == pytest.approx(curve[-1], abs=0.005)
    assert extrapolate([0.2, 0.7, 0.99, 1.3], 12, best=1.0) == 1.0


def test_a_falling_curve_is_foretold_to_stay() -> None:
    assert extrapolate([0.9, 0.8, 0.6], 12, best=1.0) == 0.6


def test_the_child_takes_what_lies_before_and_after_the_change() -> None:
    parent = {
        "backbone.linear_1.weight": np.full((4, 2), 1.0),
        "backbone.linear_2.weight": np.full((4, 4), 2.0),
        "head.weight": np.full((3, 4), 3.0),
    }
    fresh = {
        "backbone.linear_1.weight": np.zeros((4, 2)),
        "backbone.linear_2.weight": np.zeros((5, 4)),
        "backbone.linear_3.weight": np.zeros((4, 5)),
        "backbone.linear_4.weight": np.zeros((4, 4)),
        "head.weight": np.zeros((3, 4)),
    }

    taken = taken_over(fresh, parent)

    assert {name: array.flat[0] for name, array in taken.items()} == {
        "backbone.linear_1.weight": 1.0,
        "backbone.linear_2.weight": 0.0,
        "backbone.linear_3.weight": 0.0,
        "backbone.linear_4.weight": 2.0,
        "head.weight": 3.0,
    }
    assert {name: array.shape for name, array in taken.items()} == {
        name: array.shape for name, array in fresh.items()
    }


def test_stages_that_change_nothing_give_the_training_in_full() -> None:
    setting = SETTINGS["digits"]
    task = subset(load(setting), 0.1)
    program = families(setting, 1, 1, seed=0)[0].parent
    config = setting.config(2)

    whole = trained(program, task, config)
    staged = trained(program, task, config, (Stage(1), Stage(2)))
    larger = trained(program, task, config, (Stage(1), Stage(2, batch=4)))

    assert staged.history == whole.history
    assert larger.history[0] == whole.history[0]
    assert larger.history[1] != whole.history[1]
    assert len(whole.ends) == 2
    assert len(subset(task, 0.5).train) == round(len(task.train) / 2)


def test_ranks_and_what_a_halving_keeps() -> None:
    truth = scored(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    mixed = scored(0.1, 0.2, 0.3, 0.4, 0.5, 0.8, 0.7, 0.6)

    assert correlation(truth, truth, "accuracy") == pytest.approx(1)
    assert 0.8 < correlation(truth, mixed, "accuracy") < 1
    assert np.isnan(correlation(truth, truth, "cross_entropy"))
    assert best_kept(truth, truth) == 1
    assert best_kept(truth, mixed) == 0.5


@pytest.mark.parametrize("way", [way for way in WAYS if "graphs" not in way])
def test_ways_of_a_device_learn(way: str) -> None:
    setting = SETTINGS["digits"]
    program = families(setting, 1, 1, seed=0)[0].parent

    steps = WAYS[way](prepare(setting, program, torch.device("cpu"), 30))

    assert steps.seconds > 0
    assert steps.loss < np.log(10)


def test_the_command_prints_a_table_and_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", ["throughput", "--quick", "--json", str(file)])

    throughput.main()

    rows = json.loads(file.read_text())["tasks"]["digits"]
    assert [row["way"] for row in rows][:3] == [
        "in full",
        "in full, another seed",
        "a third of the epochs",
    ]
    assert rows[0]["saved"] == 0
    assert all(row["saved"] < 1 for row in rows)
    printed = capsys.readouterr().out
    assert all(f"| {row['way']} |" in printed for row in rows)
