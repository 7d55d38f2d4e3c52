"""What an objective hangs on: the functions that it calls, the modules beside its own."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import einsearch as es
from einsearch.errors import RunError
from einsearch.study.launch import resume
from einsearch.study.objectivesource import local_modules, objective_fingerprint

GRAMMAR = es.parse_grammar("start n\nn = linear(2..60) >> (relu | tanh)\n")

FILES = {
    "scoring_of_mine.py": """\
import math
import helpers_of_mine.sizes as sizes
from helpers_of_mine import widths

def half(value):
    return value / 2

def unused(value):
    return value

class Meter:
    def read(self, candidate):
        from late_of_mine import late
        return half(late(sizes.size(candidate)))

def objective(candidate):
    return Meter().read(candidate)
""",
    "helpers_of_mine/__init__.py": "",
    "helpers_of_mine/sizes.py": "from .deep import deep\n\ndef size(c):\n    return deep(c)\n",
    "helpers_of_mine/deep.py": "def deep(c):\n    return float(c.graph().parameters)\n",
    "helpers_of_mine/widths.py": "def width(c):\n    return 1.0\n",
    "late_of_mine.py": "def late(value):\n    return value\n",
    "stranger_of_mine.py": "def stranger():\n    return 0\n",
}

Loader = Callable[[], Any]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loader]:
    """Writes the files; each call imports the objective anew."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def forget() -> None:
        for name in [name for name in sys.modules if "_of_mine" in name]:
            del sys.modules[name]

    def again() -> Any:
        forget()
        importlib.invalidate_caches()
        return importlib.import_module("scoring_of_mine").objective

    yield again
    forget()


def changed(load: Loader, file: Path, old: str, new: str) -> set[str]:
    """Parts of the fingerprint that a change of a file changes."""
    before = objective_fingerprint(load())
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    after = objective_fingerprint(load())
    assert before.keys() == after.keys()
    return {part for part in before if before[part] != after[part]}


@pytest.mark.parametrize(
    ("file", "old", "new", "parts"),
    [
        ("scoring_of_mine.py", "value / 2", "value / 3", {"half, which the objective calls,"}),
        ("scoring_of_mine.py", "half(late", "2 * half(late", {"Meter, which the objective calls,"}),
        ("scoring_of_mine.py", "    return value\n", "    return 7\n", set()),
        (
            "helpers_of_mine/sizes.py",
            "deep(c)",
            "2 * deep(c)",
            {"the module helpers_of_mine.sizes"},
        ),
        ("helpers_of_mine/deep.py", "float(", "-float(", {"the module helpers_of_mine.deep"}),
        ("helpers_of_mine/widths.py", "1.0", "2.0", {"the module helpers_of_mine.widths"}),
        ("late_of_mine.py", "return value", "return 1", {"the module late_of_mine"}),
        ("stranger_of_mine.py", "return 0", "return 1", set()),
    ],
)
def test_what_an_objective_leads_to_counts(
    load: Loader, tmp_path: Path, file: str, old: str, new: str, parts: set[str]
) -> None:
    assert changed(load, tmp_path / file, old, new) == {f"source of {part}" for part in parts}


def test_a_helper_that_changed_is_told_at_resume(load: Loader, tmp_path: Path) -> None:
    run = tmp_path / "run"
    es.search(GRAMMAR, load(), input=es.vector(8), trials=2, directory=run)
    assert len(resume(run, objective=load(), trials=3).trials) == 3
    deep = tmp_path / "helpers_of_mine/deep.py"
    deep.write_text(deep.read_text().replace("float(", "-float("))
    with pytest.raises(RunError, match=r"source of the module helpers_of_mine\.deep has changed"):
        resume(run, objective=load(), trials=4)
    assert len(resume(run, objective=load(), trials=4, accept_changes=True).trials) == 4


def test_the_function_behind_a_partial_one_counts(load: Loader, tmp_path: Path) -> None:
    plain = objective_fingerprint(load())
    wrapped = objective_fingerprint(functools.partial(load(), verbose=True))
    assert wrapped == plain


@pytest.mark.parametrize("objective", [len, max, Path.exists, functools.reduce, object()])
def test_what_is_installed_has_no_source_of_the_users(objective: Any) -> None:
    assert not any("module" in part for part in objective_fingerprint(objective))


def test_a_file_that_is_no_python_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import b\nfrom . import c\nfrom ... import d\n")
    (tmp_path / "b.py").write_bytes(b"\xff\x00(")
    found = local_modules("a", tmp_path / "a.py", tmp_path)
    assert found == {"a": tmp_path / "a.py", "b": tmp_path / "b.py"}
