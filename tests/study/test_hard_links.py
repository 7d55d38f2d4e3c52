"""A copy of a run folder that shares its files (`cp -al`): no writing to both."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import einsearch as es
from einsearch.errors import RunError
from einsearch.study.launch import resume
from einsearch.study.lock import LOCK_FILE, DriverLock

GRAMMAR = es.parse_grammar("start n\nn = linear(2..60) >> (relu | tanh)\n")


def size(candidate: Any) -> float:
    return float(candidate.graph().parameters)


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("is_torn", [False, True])
def test_a_copy_of_links_is_not_written_through(tmp_path: Path, is_torn: bool) -> None:
    run, copy = tmp_path / "run", tmp_path / "copy"
    es.search(GRAMMAR, size, input=es.vector(8), trials=2, directory=run)
    if is_torn:
        with (run / "journal.log").open("ab") as journal:
            journal.write(b'{"op_code": 4, "wor')
    (run / LOCK_FILE).write_text("4711 another-machine\n")  # as a crash leaves it
    copy.mkdir()
    for name in files_of(run):
        os.link(run / name, copy / name)
    before = files_of(copy)
    assert len(resume(run, objective=size, trials=4).trials) == 4
    assert files_of(copy) == before
    assert len(resume(copy, objective=size, trials=3).trials) == 3


def test_a_lock_that_is_held_is_held_by_all_its_names(tmp_path: Path) -> None:
    for name in ("run", "copy"):
        (tmp_path / name).mkdir()
    with DriverLock(tmp_path / "run"):
        os.link(tmp_path / "run" / LOCK_FILE, tmp_path / "copy" / LOCK_FILE)
        with pytest.raises(RunError, match="is in use"):
            DriverLock(tmp_path / "run")
    with DriverLock(tmp_path / "copy"), DriverLock(tmp_path / "run"):
        pass
