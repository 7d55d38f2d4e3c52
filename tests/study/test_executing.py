"""Where candidates run, as users say it."""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from einsearch.api import load_grammar, search, vector
from einsearch.errors import EinsearchError
from einsearch.evaluate.machine import Shares
from einsearch.study.executing import executor_maker, executor_section
from einsearch.study.inline import InlineExecutor
from einsearch.study.local import LocalExecutor
from einsearch.study.spacefile import ExecutorSection
from tests.study import work

SHARES = Shares(None, None, 2)


class TestSection:
    @pytest.mark.parametrize(
        ("executor", "workers", "name", "processes"),
        [
            (None, None, "inline", 1),
            (None, 3, "local", 3),
            ("local", 2, "local", 2),
            ("inline", None, "inline", 1),
            ("ray", None, "ray", None),
            ({"name": "ray", "gpus": 0.25}, 8, "ray", 8),
            ({"workers": 4}, None, "local", 4),
        ],
    )
    def test_what_is_left_out_is_filled_in(
        self,
        executor: str | Mapping[str, Any] | None,
        workers: int | None,
        name: str,
        processes: int | None,
    ) -> None:
        section = executor_section(executor, workers)
        assert (section.name, section.processes) == (name, processes)

    @pytest.mark.parametrize(
        ("executor", "message"),
        [
            ("cloud", r"^executor\.name: .*'local', 'ray' or 'inline'; found 'cloud'"),
            ({"name": "ray", "gpu": 1}, r"^executor\.gpu: .*not permitted; found 1"),
            ({"name": "local", "gpus": 1.0}, r"gpus is of the executor ray, and this is local"),
            ({"address": "auto"}, r"address is of the executor ray, and this is inline"),
            ({"name": "ray", "cpus": -1.0}, r"^executor\.cpus: .* greater than or equal to 0"),
        ],
    )
    def test_mistakes_are_explained(self, executor: Any, message: str) -> None:
        with pytest.raises(EinsearchError, match=message):
            executor_section(executor, None)


def test_makers_start_what_was_asked_for() -> None:
    inline = executor_maker(ExecutorSection(name="inline"), work.build, SHARES)(None)
    assert isinstance(inline, InlineExecutor)
    local = executor_maker(ExecutorSection(workers=2), work.build, SHARES)(None)
    try:
        assert isinstance(local, LocalExecutor)
        assert local.capacity == 2
    finally:
        local.close()


def test_without_ray_everything_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "einsearch.study.ray.executor", raising=False)
    importing = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "ray" or name.startswith("ray."):
            raise ModuleNotFoundError("No module named 'ray'", name="ray")
        return importing(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(EinsearchError, match=r'not installed: pip install -e "\.\[ray\]"'):
        executor_maker(ExecutorSection(name="ray"), work.build, SHARES)(None)


def test_a_search_that_cannot_begin_leaves_no_folder(tmp_path: Path) -> None:
    grammar = load_grammar("einspace")
    with pytest.raises(EinsearchError, match="cannot be sent to worker processes"):
        search(
            grammar,
            partial(max, threading.Lock()),
            input=vector(4),
            trials=1,
            workers=1,
            directory=tmp_path / "run",
        )
    assert list(tmp_path.iterdir()) == []
