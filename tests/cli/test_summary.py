"""What a search ends with."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

import einsearch as es
from einsearch.cli.summary import (
    final_facts,
    next_commands,
    print_summary,
    program_as_called,
    summary,
)
from tests.cli.conftest import SPACE


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "einsearch"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_program_is_named_as_it_can_be_typed(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert program_as_called(str(program)) == "einsearch"
    monkeypatch.setenv("PATH", "")
    assert program_as_called(str(program)) == str(program)
    assert program_as_called("/usr/bin/pytest") == "einsearch"


def test_accuracies_are_in_per_cent_and_seeds_give_a_spread() -> None:
    row = {
        "seeds": 3,
        "valid": {"accuracy": {"mean": 0.975, "deviation": 0.01}},
        "test": {"accuracy": {"mean": 0.9612, "deviation": 0.002}},
    }
    assert final_facts(row, "accuracy") == {
        "validation accuracy": "97.50 % ± 1.00 % over 3 seeds",
        "test accuracy": "96.12 % ± 0.20 % over 3 seeds",
    }


def test_an_objective_that_is_no_metric_leaves_the_first_metric() -> None:
    row = {"seeds": 1, "valid": {"rmse": {"mean": 0.25, "deviation": 0.0}}, "test": {}}
    assert final_facts(row, "parameters") == {"validation rmse": "0.25"}


def test_the_metric_that_people_know_stands_beside_the_one_that_steers() -> None:
    metrics = {
        "accuracy": {"mean": 0.9, "deviation": 0.0},
        "f1": {"mean": 0.8, "deviation": 0.0},
        "cross_entropy": {"mean": 0.25, "deviation": 0.0},
    }
    row = {"seeds": 1, "valid": {}, "test": metrics}
    assert final_facts(row, "cross_entropy") == {
        "test accuracy": "90.00 %",
        "test cross_entropy": "0.25",
    }


def test_an_average_that_is_handed_over_is_told_with_its_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small.yaml").write_text(
        SPACE.replace("epochs: 2, seeds: 2", "epochs: 1, ensemble: 3, data: all").replace(
            "trials: 3", "trials: 2"
        )
        + "objectives: {cross_entropy: minimize}\n"
    )
    run = es.search(tmp_path / "small.yaml", directory=tmp_path / "run")
    made = run.final["ensemble"] if run.final else {}
    assert len(made["members"]) > 1
    low, high = made["interval"]["accuracy"]
    print_summary(run, is_whole=True)
    out = " ".join(capsys.readouterr().out.split())
    assert "model handed over the average of 3 networks" in out
    assert f"its test accuracy {100 * made['test']['accuracy']:.2f} %, 95 % interval " in out
    assert f"interval {100 * low:.2f} % to {100 * high:.2f} % of" in out
    assert f"{100 * high:.2f} % of {made['examples']} examples" in out
    assert "its test cross_entropy" in out
    assert summary(run)["handed_over"]["members"] == made["members"]


def size(candidate: es.Derivation) -> float:
    return float(len(candidate.text))


def test_what_was_searched_with_an_objective_is_taken_away_as_source(tmp_path: Path) -> None:
    grammar, spec = es.load_grammar("evonorm"), es.image(4, 4, 4)
    run = es.search(grammar, size, input=spec, trials=2, directory=tmp_path / "run")
    commands = "\n".join(next_commands(run, is_whole=True))
    assert run.best is not None
    assert f" show {tmp_path / 'run'}:{run.best.number} --format source" in commands
    assert " export " not in commands
    with pytest.raises(es.RunError, match="--format source` writes a network without weights"):
        es.export(run.best, "python", to=tmp_path / "exported")


def both(candidate: es.Derivation) -> dict[str, float]:
    return {"size": size(candidate), "calls": float(candidate.nodes)}


def test_of_several_objectives_the_front_comes_next(tmp_path: Path) -> None:
    grammar, spec = es.load_grammar("evonorm"), es.image(4, 4, 4)
    directions = {"size": "maximize", "calls": "minimize"}
    folder = tmp_path / "run"
    run = es.search(grammar, both, input=spec, trials=3, directory=folder, directions=directions)
    commands = list(next_commands(run, is_whole=True))
    assert commands[0].endswith(f" best {folder}")
    one = es.search(grammar, size, input=spec, trials=2, directory=tmp_path / "one")
    assert not any(" best " in command for command in next_commands(one, is_whole=True))


def test_suggested_commands_are_quoted_for_a_shell(tmp_path: Path) -> None:
    folder = tmp_path / "my runs; rm"
    run = es.search(
        es.load_grammar("evonorm"), size, input=es.image(4, 4, 4), trials=1, directory=folder
    )
    for command in next_commands(run, is_whole=True):
        words = shlex.split(command)
        assert str(folder) in {word.split(":")[0] for word in words}, command
