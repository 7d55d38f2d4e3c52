"""What a search ended with, as people are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from einsearch.cli.handed import interval
from einsearch.cli.summary import final_facts
from einsearch.report.measures import also_told, main_metric, measured, standard_errors
from einsearch.study.handing import handed_over
from einsearch.study.launch import search_file
from einsearch.study.run import open_run
from einsearch.tasks.base import METRICS, Loss
from einsearch.trial import Trial, TrialState
from tests.cli.conftest import Command
from tests.study.test_handing import tables


@pytest.fixture(scope="module")
def averaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was steered by cross-entropy, and ended with an average."""
    folder = tmp_path_factory.mktemp("averaged")
    search_file(tables(folder), directory=folder / "run")
    return folder / "run"


def facts_of(out: str) -> dict[str, str]:
    """Lines "name  value" of an answer."""
    lines = (line.split("  ", 1) for line in out.splitlines() if "  " in line)
    return {name: value.strip() for name, value in lines}


def test_best_tells_what_was_handed_over(cli: Command, averaged: Path) -> None:
    found = handed_over(open_run(averaged))
    assert found is not None
    facts = facts_of(cli("best", averaged).out)
    assert facts["model handed over"].startswith(f"{found.words}; ")
    low, high = (f"{100 * end:.2f} %" for end in found.interval["accuracy"])
    assert facts["its test accuracy"] == (
        f"{100 * found.test['accuracy']:.2f} %, 95 % interval {low} to {high} of 20 examples"
    )
    assert "accuracy" in facts["in the search"]
    assert "cross_entropy" in facts["in the search"]
    looks = (open_run(averaged).final or {})["looks"]
    first = looks[0]
    told = f"trial {first['number']} {first['first']:.4g}, then {first['second']:.4g}; "
    assert facts["scored again"].startswith(f"cross_entropy, on fresh folds: {told}")


def test_json_has_the_same(cli: Command, averaged: Path) -> None:
    found = handed_over(open_run(averaged))
    assert found is not None
    said = json.loads(cli("best", averaged, "--json").out)
    assert said["handed_over"] == {**json.loads(json.dumps(found.as_json())), "words": found.words}
    assert said["best"]["number"] == found.members[0].number
    assert said["metrics"].keys() == {"accuracy"}
    assert len(said["looks"]) == 2


def test_the_accuracy_stands_beside_the_cross_entropy(cli: Command, averaged: Path) -> None:
    run = open_run(averaged)
    out = cli("trials", averaged).out
    assert out.split("\n", 1)[0].split()[:3] == ["trial", "cross_entropy", "accuracy"]
    for trial in run.trials:
        assert f"{100 * trial.metrics['accuracy']:.2f} %" in out
    error = run.trials[0].metrics["standard_errors"]["accuracy"]
    facts = facts_of(cli("explain", f"{averaged}:0").out)
    assert f"accuracy {100 * error:.2f} %" in facts["standard errors"]
    assert f"accuracy {100 * run.trials[0].metrics['accuracy']:.2f} %" in facts["values"]


def test_the_report_has_all_of_it(cli: Command, averaged: Path, tmp_path: Path) -> None:
    found = handed_over(open_run(averaged))
    assert found is not None
    cli("report", averaged, "--to", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "What the search ended with" in page
    assert found.words in page
    assert "95 % interval" in page
    assert "<dt>best accuracy</dt>" in page
    assert ">accuracy</th>" in page


def test_export_of_a_run_and_of_a_trial(cli: Command, averaged: Path, tmp_path: Path) -> None:
    found = handed_over(open_run(averaged))
    assert found is not None
    words = ("--format", "safetensors", "--to")
    answer = cli("export", averaged, *words, tmp_path / "all")
    assert answer.status == 0
    assert answer.err.startswith(found.words)
    assert b'"members.2.' in (tmp_path / "all/network.safetensors").read_bytes()
    number = found.members[0].number
    for named in ((f"{averaged}:{number}",), (averaged, "--trial", number)):
        alone = cli("export", *named, *words, tmp_path / "one")
        assert alone.err == ""
        assert b'"members.' not in (tmp_path / "one/network.safetensors").read_bytes()


def test_a_full_training_of_one_seed_has_an_interval() -> None:
    row = {
        "seeds": 1,
        "valid": {},
        "test": {
            "accuracy": {"mean": 0.98, "deviation": 0.0},
            "cross_entropy": {"mean": 0.25, "deviation": 0.0},
        },
        "interval": {"accuracy": [0.953, 0.996]},
        "examples": 150,
    }
    assert final_facts(row, "cross_entropy") == {
        "test accuracy": "98.00 %, 95 % interval 95.30 % to 99.60 % of 150 examples",
        "test cross_entropy": "0.25",
    }
    several = final_facts({**row, "seeds": 2}, "cross_entropy")
    assert several["test accuracy"] == "98.00 % ± 0.00 % over 2 seeds"
    assert interval("rmse", (0.5, 0.75), None) == ", 95 % interval 0.5 to 0.75"


@pytest.mark.parametrize("loss", list(Loss))
def test_the_main_metric_follows_from_what_was_measured(loss: Loss) -> None:
    names = [metric.name for metric in METRICS[loss]]
    trial = Trial(
        0, "relu", TrialState.COMPLETE, metrics=dict.fromkeys(names, 0.5), values={names[-1]: 0.5}
    )
    assert main_metric(trial) == names[0]
    assert also_told([Trial(1, "relu", TrialState.FAILED), trial], [names[-1]]) == [names[0]]
    assert also_told([trial], [names[0], "parameters"]) == []


def test_numbers_of_an_objective_are_no_metrics_of_a_task() -> None:
    trial = Trial(
        0, "relu", TrialState.COMPLETE, values={"accuracy": 0.5}, metrics={"cross_entropy": 0.1}
    )
    assert main_metric(trial) is None
    assert also_told([trial], ["accuracy"]) == []


@pytest.mark.parametrize("said", [None, 3, [], {"accuracy": "\x1b[31m"}, {"accuracy": None}])
def test_made_up_metrics_are_nothing(said: object) -> None:
    metrics: Mapping[str, object] = {"standard_errors": said, "accuracy": "\x1b[31m"}
    trial = Trial(0, "relu", TrialState.COMPLETE, metrics=metrics)
    assert standard_errors(trial) == {}
    assert measured(trial, "accuracy") is None
