"""What other packages add: the examples of CONTRIBUTING run; what cannot be loaded is one line."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import einsearch as es
from einsearch.errors import ArgumentError, EinsearchError
from einsearch.exporters import registry as exporters
from einsearch.plugins import RegistrationError, load_plugins
from einsearch.primitives import base as primitives
from einsearch.searchers import registry as searchers
from einsearch.tasks import registry as tasks
from einsearch.tasks.registry import make_task

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = re.findall(
    r"^```python\n(.*?)^```$",
    (ROOT / "CONTRIBUTING.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)


@pytest.fixture(autouse=True)
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    primitives.all_primitives(), searchers.all_searchers(), tasks.all_tasks()
    exporters.all_exporters()
    for module in (primitives, searchers, tasks, exporters):
        monkeypatch.setattr(module, "_REGISTRY", dict(vars(module)["_REGISTRY"]))


def example(name: str) -> dict[str, Any]:
    """Runs the example that defines a name; what it defines."""
    [text] = [text for text in EXAMPLES if re.search(rf"^(class|def) {name}\b", text, re.MULTILINE)]
    defined: dict[str, Any] = {"__name__": f"example_{name}"}
    exec(compile(text, "CONTRIBUTING.md", "exec"), defined)
    return defined


def test_every_example_is_run() -> None:
    assert len(EXAMPLES) == 5


def test_the_example_of_an_elementwise_primitive() -> None:
    example("Cube")
    found = es.architecture("cube >> linear(3) >> cube", "vector:4")
    x = torch.randn(5, 4)
    assert torch.equal(es.architecture("cube", "vector:4").graph().module()(x), x**3)
    assert found.graph().parameters == 15
    assert found.graph().module(seed=0)(x).shape == (5, 3)
    assert "torch.pow" in found.graph().source()
    grammar = es.parse_grammar("start x\nx = cube | tanh\nrequire nonlinearity\n")
    assert not [p for p in grammar.check("vector:4") if p.severity == "error"]
    run = es.search(grammar, lambda d: 1.0, input="vector:4", trials=2, searcher="random")
    assert run.best.text in ("cube", "tanh")


def test_the_example_of_a_primitive_with_weights() -> None:
    example("Project")
    graph = es.architecture("project(6) >> relu >> project(3, bias=false)", "vector:4").graph()
    module = graph.module(seed=0)
    assert sum(p.numel() for p in module.parameters()) == graph.parameters == 6 * 5 + 18
    assert graph.flops == 2 * (24 + 18)
    assert module(torch.randn(5, 4)).shape == (5, 3)
    with pytest.raises(EinsearchError, match="it takes vectors; put flatten before it"):
        es.architecture("project(6)", "image:3x4x4")


def test_the_example_of_a_searcher() -> None:
    example("Climber")
    grammar = es.parse_grammar("start n\nn = linear(2..60) >> (relu | tanh) >> linear(4)\n")

    def size(derivation: Any) -> float:
        return float(derivation.graph().parameters)

    run = es.search(
        grammar, size, input="vector:8", trials=20, searcher={"name": "climber", "fresh": 0.1}
    )
    assert {trial.origin for trial in run.trials} == {"sample", "mutate"}
    assert all(trial.parents for trial in run.trials if trial.origin == "mutate")


def test_the_example_of_a_task() -> None:
    example("circle")
    task = make_task({"name": "circle", "noise": 0.2})
    assert (len(task.train.x), len(task.valid.x), len(task.test().x)) == (512, 256, 256)
    assert task.classes == ("outside", "inside")
    assert abs(float(task.train.x.mean())) < 1e-5


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_example_of_an_exporter(tmp_path: Path) -> None:
    from einsearch.exporters.base import TrainedModel

    example("TorchScript")
    found = es.architecture("linear(3) >> relu", "vector:4")
    model = TrainedModel(found.program, found.output, found.graph().module(seed=0))
    [path] = exporters.get_exporter("torchscript").export(model, tmp_path / "to")
    assert path.name == "model.ts"


class Elementwise(primitives.Primitive):
    """What is common to those below."""

    def infer(self, specs: Any, args: Any) -> Any:
        return specs

    def signal(self, specs: Any, args: Any, incoming: Any) -> Any:
        return incoming


def with_layer(given: Any) -> Any:
    """A registered primitive whose `layer` gives something."""

    class Given(Elementwise):
        name = "given"

        def layer(self, specs: Any, args: Any) -> Any:
            return given

    return primitives.register(Given)


@pytest.mark.parametrize(
    "given", [torch.tanh, torch.nn.Tanh, primitives.Layer.function(torch.tanh)]
)
def test_a_layer_may_be_a_plain_function(given: Any) -> None:
    with_layer(given)
    x = torch.randn(2, 4)
    graph = es.architecture("given >> linear(2)", "vector:4").graph()
    assert torch.equal(es.architecture("given", "vector:4").graph().module()(x), x.tanh())
    assert "anh" in graph.source()


@pytest.mark.parametrize("given", [None, "tanh", torch.nn.Tanh(), 5])
def test_a_layer_that_is_none_is_told(given: Any) -> None:
    with_layer(given)
    with pytest.raises(
        ArgumentError, match=r"layer of the primitive given gives .*: expected Layer"
    ):
        es.architecture("given", "vector:4").graph().module()


def nameless() -> Any:
    return primitives.register(type("Nameless", (Elementwise,), {"layer": None}))


@pytest.mark.parametrize(
    ("register", "message"),
    [
        (nameless, r"the primitive Nameless has the name None: give it one, name = \"mine\""),
        (
            lambda: primitives.register(type("Lacking", (Elementwise,), {"name": "lacking"})),
            r"the primitive lacking \(Lacking\) lacks layer: see einsearch.primitives.base",
        ),
        (lambda: primitives.register(torch.tanh), "is no primitive: expected a class that extends"),
        (lambda: primitives.register(type("A", (), {"name": "a"})), "is no primitive: expected"),
        (lambda: searchers.register_searcher(type("A", (), {"name": "a"})), "is no searcher: exp"),
        (lambda: exporters.register(type("A", (), {"name": "a"})), "is no exporter: expected"),
        (lambda: tasks.register_task(nameless), 'a task needs a name: @register_task\\("mine"\\)'),  # type: ignore[arg-type]
        (lambda: tasks.register_task("a")(5), "the task a is no function: 5"),  # type: ignore[type-var]
    ],
)
def test_what_cannot_be_registered_is_told_at_once(
    register: Callable[[], Any], message: str
) -> None:
    with pytest.raises(RegistrationError, match=message):
        register()


GROUPS = ("primitives", "searchers", "tasks", "exporters")


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """An installed package all of whose plug-ins fail, each in another way, and one that works."""
    failures = {
        "primitives": "1 / 0",
        "searchers": "import no_such_package",
        "tasks": "raise SystemExit('\\x1b[31mred')",
        "exporters": "from einsearch.exporters.registry import register\nregister(5)",
    }
    info = tmp_path / "broken_plugins-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugins\nVersion: 1.2\n")
    entries = [f"[einsearch.{group}]\nbad-{group} = bad_{group}" for group in GROUPS]
    entries[0] += "\ngood = good_primitive"
    (info / "entry_points.txt").write_text("\n".join(entries) + "\n")
    for group, source in failures.items():
        (tmp_path / f"bad_{group}.py").write_text(source + "\n")
    (tmp_path / "good_primitive.py").write_text(
        next(text for text in EXAMPLES if "class Cube" in text)
    )
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    sys.modules.pop("good_primitive", None)


@pytest.mark.parametrize("group", GROUPS)
def test_one_that_cannot_be_loaded_is_one_line(
    package: Path, caplog: pytest.LogCaptureFixture, group: str
) -> None:
    reasons = {
        "primitives": "ZeroDivisionError: division by zero",
        "searchers": "ModuleNotFoundError: No module named 'no_such_package'",
        "tasks": "SystemExit: \\x1b[31mred",
        "exporters": "RegistrationError: 5 is no exporter: expected a class that extends Exporter",
    }
    with caplog.at_level(logging.WARNING, "einsearch"):
        load_plugins(f"einsearch.{group}")
    named = f"bad-{group} = bad_{group} of the package broken-plugins 1.2"
    wanted = f"the plug-in {named} cannot be loaded, and is left out: {reasons[group]}"
    assert caplog.messages == [wanted]
    assert ("cube" in vars(primitives)["_REGISTRY"]) == (group == "primitives")


def test_asking_for_one_that_is_left_out_says_why(package: Path) -> None:
    for group in GROUPS:
        load_plugins(f"einsearch.{group}")
    for ask in (
        lambda: primitives.get_primitive("bad-primitives"),
        lambda: searchers.check_searcher("bad-searchers"),
        lambda: make_task("bad-tasks"),
        lambda: exporters.get_exporter("bad-exporters"),
    ):
        with pytest.raises(
            EinsearchError, match=r"the plug-in bad-.* cannot be loaded, and is left"
        ):
            ask()


def test_commands_work_without_what_cannot_be_loaded(package: Path) -> None:
    """In a process of its own, since plug-ins are loaded once."""
    words = [sys.executable, "-m", "einsearch", "primitives", "cube"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(package)])}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0
    assert "x to the third" in done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert "bad-primitives" in done.stderr
