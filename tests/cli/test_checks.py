"""`check` of search-space files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from einsearch.resources import resource_names
from tests.cli.conftest import SPACE, Command

GRAMMAR = "start x\nseed two = linear(4) >> relu\nx = linear({4, 8}) >> relu [3] | x >> x [1]\n"


def write(folder: Path, **changes: str) -> Path:
    """A search space of two files, with some of its lines changed."""
    lines = {
        "version": "1",
        "grammar": "mine.ein",
        "task": "{name: spirals}",
        "seeds": "[two]",
        "limits": "{nodes: 20, activation_memory: 1MB}",
        "budget": "{trials: 9}",
        **changes,
    }
    (folder / "mine.ein").write_text(GRAMMAR)
    (folder / "mine.yaml").write_text("".join(f"{k}: {v}\n" for k, v in lines.items() if v))
    return folder / "mine.yaml"


def test_a_good_file_is_read_and_told(cli: Command, tmp_path: Path) -> None:
    path = write(tmp_path)
    status, out, err = cli("check", path)
    assert (status, err) == (0, "")
    cells = (line.partition("  ") for line in out.splitlines()[:-1])
    facts = {name.strip(): value.strip() for name, _, value in cells}
    assert facts["grammar"] == "mine.ein: 1 rule, 1 seed"
    assert "2 classes" in facts["task"]
    assert facts["input"] == "vector:2"
    assert facts["seed 1"] == ("12 parameters, 16 FLOPs, 32 B of activations: linear(4) >> relu")
    assert facts["limits"] == "nodes 20, depth 40, activation memory 1 MB"
    assert facts["objectives"] == "accuracy (maximize)"
    assert facts["budget"] == "9 trials"
    assert "parameters" in facts["one network"]
    assert out.splitlines()[-1] == f"{path}: a search space, no problems"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grammar": "other.ein"}, "there is no grammar"),
        ({"task": "{name: spirls}"}, "spirals"),
        ({"objectives": "{acuracy: maximize}"}, "accuracy"),
        ({"searcher": "{name: evolution, populaton: 3}"}, "population"),
        ({"seeds": "[three]"}, "two"),
        ({"seeds": "[tanh]"}, "the seed tanh"),
        ({"limits": "{parameters: 3}"}, "the limit is 3"),
        ({"budget": "{trials: -1}"}, "budget.trials"),
        ({"constraint": "{}"}, "constraints"),
    ],
)
def test_what_is_wrong_is_told_with_status_1(
    cli: Command, tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    path = write(tmp_path, **changes)
    status, out, err = cli("check", path)
    assert status == 1
    assert "error: " in out
    assert message in out
    assert "Traceback" not in out + err
    assert out.splitlines()[-1] == f"{path}: a search space, 1 problem"
    found = json.loads(cli("check", path, "--json").out)
    assert len(found["problems"]) == 1
    assert found["problems"][0]["severity"] == "error"


def test_an_error_of_the_grammar_has_its_place(cli: Command, tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "mine.ein").write_text(GRAMMAR + "y = relu >>\n")
    out = cli("check", path).out
    assert "mine.ein:4:" in out


def test_no_objective_is_imported(cli: Command, tmp_path: Path) -> None:
    task = '{objective: "einsearch_has_no_such_module:score", input: "vector:4"}'
    status, out, _ = cli("check", write(tmp_path, task=task))
    assert status == 0
    assert "objective einsearch_has_no_such_module:score" in out


def test_what_is_not_for_search_spaces_is_a_wrong_call(cli: Command, space: Path) -> None:
    assert cli("check", space, "--input", "vector:3").status == 2
    status, _, err = cli("check", space.with_name("missing.yaml"))
    assert status == 2
    assert "there is no search-space file" in err


@pytest.mark.parametrize("name", resource_names("search_spaces", ".yaml"))
def test_packaged_search_spaces_are_in_order(
    cli: Command, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = cli("check", f"{name}.yaml").out
    assert out.splitlines()[-1].endswith(": a search space, no problems"), out


def test_the_space_of_other_tests_is_in_order(cli: Command, space: Path) -> None:
    assert space.read_text() == SPACE
    assert cli("check", space).status == 0
