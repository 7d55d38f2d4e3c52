"""Factories pack, large arrays beside the pickle, and unpack to the same."""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import numpy as np
import pytest

from einsearch.errors import EinsearchError
from einsearch.study.executor import Job, Work
from einsearch.study.local import LocalExecutor
from einsearch.study.objective import objective_work
from einsearch.study.packing import LARGE, pack


def build_sum(values: Any) -> Work:
    values += 1  # would raise on memory that is only lent
    return lambda job, report: float(values.sum())


def test_large_arrays_travel_beside_the_pickle() -> None:
    large, small = np.arange(LARGE, dtype=np.float64), np.arange(9)
    packed = pack(partial(max, large, small))
    assert len(packed.content) < 2_000
    assert [len(array) for array in packed.arrays] == [large.nbytes]
    found = packed.unpack()
    assert isinstance(found, partial)
    assert np.array_equal(found.args[0], large)
    assert np.array_equal(found.args[1], small)
    other = packed.with_arrays([np.zeros(large.nbytes, np.uint8)]).unpack()
    assert isinstance(other, partial)
    assert not other.args[0].any()


def test_arrays_arrive_writable_in_a_process() -> None:
    values = np.ones(2 * LARGE)
    executor = LocalExecutor(pack(partial(build_sum, values)), 1)
    try:
        executor.submit(Job(0, ""))
        end = executor.next_finished()
    finally:
        executor.close()
    assert getattr(end, "result", None) == 4.0 * LARGE
    assert values[0] == 1


def run_packed(objective: Any, **options: Any) -> Any:
    """What comes of a job of packed work in another process."""
    executor = LocalExecutor(pack(partial(objective_work, objective, None, "score"), **options), 1)
    try:
        executor.submit(Job(3, "", payload={"derivation": "abc"}))
        return executor.next_finished()
    finally:
        executor.close()


def module_of(source: str, name: str, file: Path) -> ModuleType:
    """A module that no path leads to."""
    file.write_text(source)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_lambdas_and_closures_travel_by_value() -> None:
    scale = 2.0
    for objective in (lambda text: scale * len(text), partial(lambda by, text: by, 6.0)):
        assert run_packed(objective).result.values == {"score": 6.0}


@pytest.mark.parametrize("name", ["einsearch_lost_module", "zipapp"])
@pytest.mark.parametrize("travels", [False, True])
def test_modules_that_workers_cannot_import_travel_by_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, travels: bool
) -> None:
    """One that no path leads to, and one whose name leads to another."""
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    source = "BY = 2.0\ndef twice(text):\n    return BY * len(text)\n"
    module = module_of(source, name, tmp_path / f"{name}.py")
    assert run_packed(module.twice, travels=travels).result.values == {"score": 6.0}
    assert not cloudpickle.list_registry_pickle_by_value()


def test_modules_on_the_path_travel_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "einsearch_on_path.py").write_text(
        "import threading\nLOCK = threading.Lock()\n"
        "def size(text):\n    with LOCK:\n        return len(text)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("einsearch_on_path")
    monkeypatch.setitem(sys.modules, "einsearch_on_path", module)
    assert run_packed(module.size).result.values == {"score": 3.0}
    # To other machines by value, or else by name: those may have the file.
    assert run_packed(module.size, travels=True).result.values == {"score": 3.0}


def test_what_travels_by_value_still_tells_where_it_failed() -> None:
    def broken(text: str) -> float:
        return 1 / (len(text) - 3)

    trace = run_packed(broken).result.traceback
    assert f'File "{__file__}"' in trace
    assert "return 1 / (len(text) - 3)" in trace


SCRIPT = """
import threading
import einsearch as es

{lock}
GRAMMAR = es.parse_grammar("start network\\nnetwork = linear(2..9) >> (relu | tanh)\\n")

def objective(derivation):
    {use}
    return 1.0 * derivation.graph().parameters

if __name__ == "__main__":
    how = {{"searcher": "random", "trials": 2, "workers": 1}}
    run = es.search(GRAMMAR, {objective}, input=es.vector(4), **how)
    print([trial.state.name for trial in run.trials if trial.values])
"""


@pytest.mark.parametrize("way", ["script", "pipe", "with a lock"])
def test_scripts_search_with_workers(tmp_path: Path, way: str) -> None:
    """From a file, from standard input; and one that holds something that does not pickle."""
    has_lock = way == "with a lock"
    text = SCRIPT.format(
        lock="LOCK = threading.Lock()" if has_lock else "",
        use="LOCK.acquire(); LOCK.release()" if has_lock else "pass",
        objective="objective" if has_lock else "lambda derivation: objective(derivation)",
    )
    (tmp_path / "script.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-" if way == "pipe" else "script.py"],
        input=text if way == "pipe" else None,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['COMPLETE', 'COMPLETE']\n"


def test_what_does_not_pickle_is_refused() -> None:
    with pytest.raises(EinsearchError, match="cannot be sent to worker processes"):
        pack(partial(max, threading.Lock()))
    assert pack(pickle.dumps).unpack() is pickle.dumps
