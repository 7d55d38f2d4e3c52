"""Plug-ins that a run uses count in its fingerprint, by the source of their modules."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from einsearch.errors import RunError
from einsearch.primitives import base
from einsearch.searchers import registry
from einsearch.study.launch import resume, search_file
from einsearch.study.pluginsource import plugin_fingerprint
from einsearch.study.run import open_run
from einsearch.study.trained import train_again
from einsearch.tasks import registry as tasks

PLUGIN = """
from einsearch.searchers.random import RandomSearcher
from einsearch.searchers.registry import register_searcher
from einsearch.tasks.generated import spirals
from einsearch.tasks.registry import register_task

CHANGED = {changed}

@register_searcher
class Mine(RandomSearcher):
    name = "mine"

@register_task("my-spirals")
def mine(*, train: int = 64):
    return spirals(train=train)
"""
SPACE = """
grammar: g.ein
task: {name: my-spirals}
training: {epochs: 1}
searcher: mine
budget: {trials: 1}
executor: inline
final: {top: 0}
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The module of a plug-in, registered for this test alone."""
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry.all_searchers()))
    monkeypatch.setattr(tasks, "_REGISTRY", dict(tasks.all_tasks()))
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "plugin_of_a_test.py"
    path.write_text(PLUGIN.format(changed=1))
    monkeypatch.delitem(sys.modules, "plugin_of_a_test", raising=False)
    importlib.import_module("plugin_of_a_test")
    (tmp_path / "g.ein").write_text("start n\nn = linear(2..60) >> relu\n")
    (tmp_path / "space.yaml").write_text(SPACE)
    return path


def test_a_plug_in_that_has_changed_is_refused_by_name(plugin: Path) -> None:
    folder = plugin.parent / "run"
    search_file(plugin.parent / "space.yaml", directory=folder)
    assert len(resume(folder, trials=2).trials) == 2
    plugin.write_text(PLUGIN.format(changed=22))
    message = "source of the searcher mine has changed; source of the task has changed"
    with pytest.raises(RunError, match=message):
        resume(folder, trials=3)
    run = open_run(folder)
    with pytest.raises(RunError, match="source of the task has changed"):
        train_again(run, run.trials[0])
    assert len(resume(folder, trials=3, accept_changes=True).trials) == 3


def test_primitives_count_where_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    relu = base.get_primitive("relu")

    class Relu(type(relu)):  # type: ignore[misc]
        """Of this module, as that of a plug-in."""

    monkeypatch.setattr(base, "_REGISTRY", {**base.all_primitives(), "relu": Relu()})
    assert set(plugin_fingerprint(["n = linear(3) >> relu"])) == {"source of the primitive relu"}
    assert plugin_fingerprint(["n = linear(3) >> prelu", "gelu"]) == {}
    assert plugin_fingerprint(["linear"], {"name": "random"}) == {}
