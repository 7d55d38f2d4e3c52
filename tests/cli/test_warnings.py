"""Nothing packaged raises a warning, and no warning of a library reaches a terminal."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

from einsearch.resources import resource_names
from tests.cli.conftest import SPACE, Command

INPUTS = {
    "blocks/attention": "tokens:16x16",
    "blocks/mamba": "tokens:16x16",
    "blocks/mixers": "tokens:16x16",
    "codes": "tokens:16x1",
    "sequence": "tokens:16x4",
    "series": "tokens:16x4",
    "kan": "vector:2",
    "tables": "vector:2",
    "evonorm": "image:16x8x8",
}

GRAMMARS = [name for name in resource_names("grammars", ".ein") if name != "characters"]
"""Those that read what `--input` can name."""

WARNING = """
import warnings
import numpy

def score(derivation):
    warnings.warn("mine \\x1b[31m")
    warn_as_numpy()
    return 0.5

def warn_as_numpy():
    warnings.warn_explicit("theirs", RuntimeWarning, numpy.__file__, 1, module="numpy.linalg")
"""


@pytest.fixture
def as_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under `python -W error`."""
    monkeypatch.setattr(sys, "warnoptions", ["error"])
    warnings.simplefilter("error")


@pytest.mark.usefixtures("as_errors")
@pytest.mark.parametrize("grammar", GRAMMARS)
def test_packaged_grammars_raise_no_warning(cli: Command, grammar: str) -> None:
    assert cli("check", grammar).err == ""
    words = ("sample", grammar, "--input", INPUTS.get(grammar, "image:3x32x32"), "-n", 5)
    status, out, err = cli(*words)
    assert (status, err) == (0, "")
    assert out.count("\n") == 5


@pytest.mark.usefixtures("as_errors")
@pytest.mark.parametrize("searcher", ["bayesian", "optuna"])
def test_a_search_raises_no_warning(
    cli: Command, space: Path, tmp_path: Path, searcher: str
) -> None:
    space.write_text(f"{SPACE}searcher: {searcher}\n")
    status, _, err = cli("search", space, "--run", tmp_path / "run")
    assert status == 0
    assert "Warning" not in err


def test_warnings_of_libraries_are_left_out_and_others_spelt_out(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "warning_objective.py").write_text(WARNING)
    space = tmp_path / "space.yaml"
    space.write_text(
        "version: 1\ngrammar: digits\nexecutor: inline\nbudget: {trials: 1}\n"
        'task: {objective: "warning_objective:score", input: "image:1x8x8"}\n'
    )
    words = ("search", space, "--run")
    _, _, err = cli(*words, tmp_path / "a")
    assert "UserWarning: mine \\x1b[31m" in err
    assert "theirs" not in err
    assert "\x1b" not in err
    monkeypatch.setattr(sys, "warnoptions", ["default"])
    assert "RuntimeWarning: theirs" in cli(*words, tmp_path / "b").err
