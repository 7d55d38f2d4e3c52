"""Test figures beside simpler ways, as `benchmarks/outcomes.py` takes them."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import outcomes
import pytest
import torch
from common.kept import Kept
from outcome_parts.columns import Column, known, makes_sense, measured
from outcome_parts.figures import Figure, of_accuracy, of_numbers, over_seeds
from outcome_parts.fitting import FITTINGS, Clock, fitted_net
from outcome_parts.measuring import Order, measure
from outcome_parts.nets import net_for
from outcome_parts.searching import command, handed_over
from outcome_parts.sets import SETS, Data, layout_of, read
from outcome_parts.table import ranks, show

from einsearch.cli.sources import set_values
from einsearch.study.fromdata import read_data


def data(name: str = "wine", **changes: Any) -> Data:
    return replace(read(name, None), **changes)


def small_text() -> Data:
    codes = np.tile(np.arange(5), 400)
    x, y = codes[:-1][:1920].reshape(60, 32), codes[1:][:1920].reshape(60, 32)
    return Data("shakespeare", "text", "text", x, y, x[:10], y[:10], Path("text.txt"), 5)


def small_series() -> Data:
    random = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = random.normal(size=(60, 1, 30)) + np.sin(np.arange(30) * (1 + y[:, None, None]) / 3)
    return Data("GunPoint", "series", "classes", x, y, x[40:], y[40:])


def test_every_set_of_scikit_learn_is_cut_the_same_way_twice() -> None:
    for name in ("digits", "breast_cancer", "wine", "diabetes", "friedman1"):
        one, other = read(name, None), read(name, None)
        np.testing.assert_array_equal(one.test_x, other.test_x)
        assert one.layout == layout_of(name)
        assert 0.25 < len(one.test_x) / (len(one.train_x) + len(one.test_x)) < 0.35
    assert len(read("friedman1", None).train_x) == 2100


def test_a_set_from_files_asks_for_their_folder(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--data FOLDER"):
        read("GunPoint", None)
    with pytest.raises(SystemExit, match=r"there is no .*GunPoint\.npz"):
        read("GunPoint", tmp_path)


def test_a_search_is_called_with_data_and_minutes_alone(tmp_path: Path) -> None:
    found = data("diabetes")
    path = found.write(tmp_path)

    called = command(found, path, 1, 3.0, {}, tmp_path / "run")

    assert called[1:5] == ["-m", "einsearch", "search", str(path)]
    assert set(called[5::2]) == {"--minutes", "--seed", "--run", "--json"}


def test_settings_reach_the_space_file(tmp_path: Path) -> None:
    settings = {"searcher": "random", "final.seeds": 2, "training.augment": "none"}

    called = command(data("wine"), tmp_path / "wine.npz", 0, 3.0, settings, tmp_path / "run")

    assert called[called.index("--searcher") + 1] == "random"
    pairs = [after for before, after in pairwise(called) if before == "--set"]
    assert set_values(pairs) == ({}, {"final": {"seeds": 2}, "training": {"augment": "none"}})


def test_what_a_search_is_told_of_series_makes_series_of_them(tmp_path: Path) -> None:
    found = small_series()
    path = found.write(tmp_path)

    called = command(found, path, 0, 3.0, {}, tmp_path / "run")
    of_task, _ = set_values([called[called.index("--set") + 1]])
    task = read_data(path, {"layout": called[called.index("--layout") + 1], **of_task}).task

    assert str(task.input) == "tokens:30x1"


def test_what_a_search_hands_over_is_its_ensemble_or_its_best_network(tmp_path: Path) -> None:
    found = data("diabetes")
    assert handed_over(found, tmp_path) is None
    networks = [{"test": {"rmse": {"mean": 60.0, "deviation": 1.0}}}]
    final = tmp_path / "final.json"

    final.write_text(json.dumps({"networks": networks}))
    assert handed_over(found, tmp_path) == Figure(60.0, pytest.approx(60 / (2 * 133) ** 0.5))

    ensemble = {"test": {"rmse": 55.0}, "interval": {"rmse": [51.08, 58.92]}}
    final.write_text(json.dumps({"networks": networks, "ensemble": ensemble}))
    assert handed_over(found, tmp_path) == Figure(55.0, pytest.approx(2.0))

    final.write_text(json.dumps({"networks": []}))
    assert handed_over(found, tmp_path) is None


def test_ranks_share_places_and_no_figure_is_last() -> None:
    row = {"a": Figure(90, 1), "b": Figure(95, 1), "c": Figure(90, 1), "d": None}

    assert ranks("GunPoint", row) == {"a": 2.5, "b": 1, "c": 2.5, "d": 4}
    assert ranks("diabetes", {"a": Figure(50, 1), "b": Figure(60, 1)}) == {"a": 1, "b": 2}


def test_the_verdict_counts_from_the_best_other_column() -> None:
    def cell(value: float) -> list[dict[str, Any]]:
        return [{"value": value, "error": 2.0, "seconds": 60, "cpu": 1, "memory": 2**20}]

    cells = {
        ("wine", "ours"): cell(97.0),
        ("wine", "linear"): cell(98.0),
        ("digits", "ours"): cell(90.0),
        ("digits", "linear"): cell(95.0),
        ("diabetes", "ours"): cell(50.0),
        ("diabetes", "linear"): cell(55.0),
    }

    told = show(["wine", "digits", "diabetes"], ["ours", "linear"], cells, minutes=2.0)

    assert "ours: at least the best other column less its standard error on 2 of 3 sets" in told
    assert "ahead of it on 1" in told
    assert "digits: behind linear by 5, its error is 2" in told
    assert "50.0" in told


def test_an_error_has_the_test_and_the_seeds_in_it() -> None:
    assert of_accuracy(0.9, 100).error == pytest.approx(3.0, rel=0.02)
    assert of_accuracy(1.0, 100).error > 0
    found = over_seeds([Figure(1.0, 0.3), Figure(3.0, 0.3)])
    assert found.value == 2.0
    assert found.error == pytest.approx((0.3**2 + 1.0) ** 0.5)


def test_the_error_of_an_rmse_is_that_of_drawing_again() -> None:
    random = np.random.default_rng(0)
    found = data("friedman1", test_y=np.zeros(500))

    draws = [of_numbers(found, random.normal(size=500)) for _ in range(400)]

    assert np.mean([d.error for d in draws]) == pytest.approx(
        np.std([d.value for d in draws]), rel=0.1
    )


def test_every_simple_column_has_a_figure_where_it_makes_sense() -> None:
    sets = {"wine": data(), "shakespeare": small_text(), "GunPoint": small_series()}
    counted = 0
    for name, found in sets.items():
        for column in map(Column, known()):
            if not column.takes_time and makes_sense(column, layout_of(name)):
                figure, _ = measured(column, found, 0, 1.0, 1, Path())
                assert np.isfinite(figure.value), column
                counted += 1
    assert counted == 5 + 3 + 6


def test_nets_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    for layout, epochs in (("series", 12), ("tables", 60), ("text", 8)):
        monkeypatch.setitem(FITTINGS, layout, replace(FITTINGS[layout], epochs=epochs))

    assert fitted_net(small_series(), 0, math.inf, 1).value > 90
    assert fitted_net(data(), 0, math.inf, 1).value > 90
    assert fitted_net(small_text(), 0, math.inf, 1).value < 1


def test_images_go_through_the_hand_written_net() -> None:
    x = np.zeros((8, 3, 9, 7), np.uint8)
    images = Data("addnist", "images", "classes", x, np.arange(8), x, np.arange(8))

    assert net_for(images)(torch.from_numpy(x.astype(np.float32))).shape == (8, 8)


def test_a_net_ends_with_its_time() -> None:
    times = iter(range(10_000))
    clock = Clock(10.0, 1, now=lambda: (float(next(times)), 0.0))

    assert [clock.share() for _ in range(3)] == [0.1, 0.2, 0.3]


def test_what_is_kept_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def measure(order: Order) -> dict[str, Any]:
        calls.append(order.key)
        return {"value": 1.0, "error": 0.1, "seconds": 2.0, "cpu": 1.0, "memory": 5}

    monkeypatch.setattr(outcomes, "measure", measure)
    command = ["--sets", "wine", "--kept", str(tmp_path / "kept.jsonl"), "--seeds", "2"]
    command += ["--columns", "linear", "ours", "--switch", "final.seeds=3"]
    outcomes.main(command)
    outcomes.main(command)

    assert calls == [
        "wine linear 0 2 cores",
        "wine ours 0 10 min 2 cores",
        "wine ours 1 10 min 2 cores",
        "wine ours,final.seeds=3 0 10 min 2 cores",
        "wine ours,final.seeds=3 1 10 min 2 cores",
    ]


def test_failures_of_searches_are_kept_and_of_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "measure", lambda order: {"failed": "no network", "memory": 5})
    path = tmp_path / "kept.jsonl"
    outcomes.main(
        ["--sets", "wine", "--kept", str(path), "--seeds", "1", "--columns", "ours", "net"]
    )

    assert Kept(path).find("wine ours 0 10 min 2 cores") is not None
    assert Kept(path).find("wine net 0 10 min 2 cores") is None


def test_a_cell_is_measured_in_a_process_of_its_own() -> None:
    found = measure(Order("wine", None, Column("dummy"), 0, 1.0, 1))

    assert found["value"] == pytest.approx(38.9, abs=0.1)
    assert found["memory"] > 2**20
    assert found["cpu"] > 0


def test_settings_are_read_as_yaml() -> None:
    given = argparse.Namespace(columns=["ours@before"], set=["a.b=[1, x]"], switch=[])

    (column,) = outcomes._columns(given)

    assert column.label == "ours@before,a.b=[1, 'x']"
    assert column.settings == {"a.b": [1, "x"]}
    assert SETS
