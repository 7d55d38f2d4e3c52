"""Searching from the command line, on real data and with real training."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from einsearch import api
from einsearch.cli.search import free_folder
from einsearch.cli.sources import find_space
from einsearch.errors import EinsearchError
from einsearch.study import finishing
from tests.cli.conftest import Command


def test_a_search_ends_with_its_best_network_and_what_to_do_next(
    cli: Command, space: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    status, out, err = cli("search", space, "--run", folder, "--trials", 2)
    assert status == 0
    assert re.search("● +input +image:1x8x8", out)
    assert "validation accuracy" in out
    assert "test accuracy" in out
    assert f"run folder           {folder}" in out
    assert f"einsearch export {folder} --to exported" in out
    lines = err.splitlines()
    assert lines[0] == f"Searching small in {folder}"
    assert lines[1].startswith("64 images 1x8x8, 4 classes 0, 1, 2, 3, 13 to 21 examples each; 32 ")
    assert lines[2].startswith("[1/2] trial 0: accuracy ")
    assert "the budget of 2 trials is spent" in lines
    assert "\x1b" not in out + err


def test_a_search_prints_json(cli: Command, space: Path, tmp_path: Path) -> None:
    words = ("search", space, "--run", tmp_path / "run", "--trials", 1, "--json", "--seed", 3)
    found = json.loads(cli(*words).out)
    assert found["trials"] == 1
    assert found["state"] == "trials"
    assert found["best"]["number"] == found["final"]["number"] == 0
    assert set(found["final"]["test"]["accuracy"]) == {"mean", "deviation"}


def test_a_run_goes_on_with_more_trials(cli: Command, space: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    cli("search", space, "--run", folder, "--trials", 1)
    status, _, err = cli("resume", folder, "--trials", 2)
    assert status == 0
    assert "going on after 1 trial" in err
    assert len(json.loads(cli("trials", folder, "--json").out)) == 2


def test_epochs_are_dealt_out_where_a_pruner_is_named(
    cli: Command, space: Path, tmp_path: Path
) -> None:
    space.write_text(
        space.read_text().replace("epochs: 1", "epochs: 4")
        + "objectives: {accuracy: maximize, parameters: minimize}\n"
    )
    folder = tmp_path / "run"
    status, out, err = cli("search", space, "--run", folder, "--trials", 4, "--pruner", "asha")
    assert status == 0
    assert "pruned (rung 0, 1 epoch: 1st of 1)" in err
    found = json.loads(cli("best", folder, "--json").out)
    assert f"trained              {found['epochs']} epochs" in out
    assert 4 + 4 <= found["epochs"] < 16
    assert found["best"]["budget"] == 4
    assert found["front"] == [found["best"]["number"]]
    assert found["hypervolume"] >= 0
    drawn = cli("best", folder).out
    assert "No other is better in everything than this one" in drawn
    assert "hypervolume" in drawn
    told = cli("explain", folder, found["best"]["number"]).out
    assert "epochs paid for  0-1, 1-3, 3-4" in told
    status, _, err = cli("search", space, "--run", tmp_path / "other", "--pruner", "ashe")
    assert status == 2
    assert "budget.epochs.pruner is 'ashe': expected asha, successive-halving, hyperband" in err


def test_ctrl_c_stops_and_says_how_to_go_on(
    cli: Command, space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> Mapping[str, Any]:
        raise KeyboardInterrupt

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(finishing.FullTraining, "train", interrupt)
        status, out, _ = cli("search", space, "--run", folder, "--trials", 1)
    assert status == 1
    assert "test accuracy" not in out
    assert f"einsearch resume {folder}" in out
    status, out, _ = cli("resume", folder, "--trials", 1)
    assert status == 0
    assert "test accuracy" in out


def test_ctrl_c_before_there_is_a_run_says_so(
    cli: Command, space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "search", interrupt)
    status, out, err = cli("search", space, "--run", tmp_path / "run")
    assert (status, out) == (1, "")
    assert err.endswith("Stopped before there was a run; nothing is to be resumed.\n")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_a_run_is_not_searched_again(
    cli: Command, space: Path, run: Path
) -> None:
    status, _, err = cli("search", space, "--run", run)
    assert status == 2
    assert f"go on with `einsearch resume {run}`" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("search", "nowhere.yaml"), "there is no search-space file nowhere.yaml"),
        (("resume", "nowhere"), "there is no run folder nowhere"),
    ],
)
def test_what_is_not_there_is_a_wrong_call(
    cli: Command, words: tuple[str, ...], message: str
) -> None:
    status, _, err = cli(*words)
    assert status == 2
    assert message in err


def test_a_mistake_in_the_file_is_told_with_its_line(
    cli: Command, space: Path, tmp_path: Path
) -> None:
    space.write_text(space.read_text().replace("budget", "buget"))
    status, _, err = cli("search", space, "--run", tmp_path / "run")
    assert status == 1
    assert f"{space}:6:1:" in err
    assert "budget" in err
    assert not (tmp_path / "run").exists()


def test_an_unknown_searcher_is_told(cli: Command, space: Path, tmp_path: Path) -> None:
    status, _, err = cli("search", space, "--run", tmp_path / "run", "--searcher", "evolutoin")
    assert status == 2
    assert "evolution" in err


def test_a_packaged_space_is_found_by_name() -> None:
    assert find_space("digits").name == "digits.yaml"
    with pytest.raises(EinsearchError, match="digits"):
        find_space("digit")


def test_folders_are_numbered(tmp_path: Path) -> None:
    assert free_folder("digits", tmp_path) == tmp_path / "digits-1"
    (tmp_path / "digits-1").mkdir()
    assert free_folder("digits", tmp_path) == tmp_path / "digits-2"
