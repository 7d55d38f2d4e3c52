"""A search as a job of a cluster: what travels, what runs there, and how it is seen from here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ray.exceptions import AuthenticationError

from einsearch.errors import EinsearchError, SettingError
from einsearch.grammar.load import load_grammar_text
from einsearch.study.launch import search_grammar
from einsearch.study.ray import jobs
from einsearch.study.spacefile import SpaceFile, load_space_file

BIN = Path(sys.executable).parent
GRAMMAR = "start a\na = linear({4, 8}) >> (relu | gelu | tanh | silu)\n"


def space_file(folder: Path, task: str, trials: int = 3) -> SpaceFile:
    (folder / "mine.ein").write_text(GRAMMAR)
    path = folder / "space.yaml"
    path.write_text(
        f"grammar: mine.ein\ntask: {task}\nrequire: []\nsearcher: random\n"
        f"budget: {{trials: {trials}}}\n"
    )
    return load_space_file(path).changed(executor={"name": "ray", "address": "auto"})


class TestStaging:
    def test_data_travel_with_the_search(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        arrays = {
            f"{part}_{name}": rng.normal(size=(20, 3)) if name == "x" else np.arange(20) % 2
            for part in ("train", "valid")
            for name in ("x", "y")
        }
        np.savez(tmp_path / "numbers.npz", **arrays)  # type: ignore[arg-type]
        file = space_file(tmp_path, "{name: arrays, path: numbers.npz, layout: vector}")
        with jobs._staged(file) as folder:
            assert {path.name for path in folder.iterdir()} == {"space.yaml", "grammar.ein", "data"}
            staged = load_space_file(folder / "space.yaml")
            assert staged.task["path"] == str(folder / "data" / "numbers.npz")
            assert (folder / "grammar.ein").read_text() == GRAMMAR
            assert "path: data/numbers.npz" in (folder / "space.yaml").read_text()
        assert not folder.exists()

    def test_the_module_of_an_objective_travels(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "my_scores.py").write_text("def score(derivation):\n    return 1.0\n")
        monkeypatch.syspath_prepend(tmp_path)
        file = space_file(tmp_path, '{objective: "my_scores:score", input: "vector:3"}')
        with jobs._staged(file) as folder:
            assert (folder / "my_scores.py").is_file()

    def test_what_an_objective_imports_beside_it_travels(self, tmp_path: Path) -> None:
        texts = {
            "own/__init__.py": "",
            "own/scores.py": "from own.parts import one\nimport sizes_beside\nscore = one\n",
            "own/parts.py": "import json\n\ndef one(derivation):\n    return 1.0\n",
            "sizes_beside.py": "SIZE = 3\n",
            "stranger.py": "",
        }
        for name, text in texts.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        file = space_file(tmp_path, '{objective: "own.scores:score", input: "vector:3"}')
        with jobs._staged(file) as folder:
            sources = {str(path.relative_to(folder)) for path in folder.rglob("*.py")}
        assert sources == set(texts) - {"stranger.py"}

    @pytest.mark.parametrize("name", ["builtins:len", "math:sqrt", "statistics:mean", "time:sleep"])
    def test_objectives_that_come_with_python_have_no_file(self, tmp_path: Path, name: str) -> None:
        file = space_file(tmp_path, f'{{objective: "{name}", input: "vector:3"}}')
        with jobs._staged(file) as folder:
            assert {path.name for path in folder.iterdir()} == {"space.yaml", "grammar.ein"}

    def test_networks_of_an_earlier_run_travel_as_texts(self, tmp_path: Path) -> None:
        (tmp_path / "scoring.py").write_text("def score(derivation):\n    return 1.0\n")
        before = space_file(tmp_path, '{objective: "scoring:score", input: "vector:3"}')
        search_grammar(
            load_grammar_text(GRAMMAR),
            lambda derivation: derivation.nodes,
            input="vector:3",
            trials=3,
            directory=tmp_path / "one",
        )
        file = before.changed(seeds=[{"run": str(tmp_path / "one"), "best": 2}])
        with jobs._staged(file) as folder:
            seeds = load_space_file(folder / "space.yaml").seeds
        assert len(seeds) == 2
        assert all(str(seed).startswith("linear(") for seed in seeds)

    def test_mistakes_are_found_here(self, tmp_path: Path) -> None:
        file = space_file(tmp_path, '{objective: "no_such_module:score", input: "vector:3"}')
        with pytest.raises(EinsearchError, match="cannot import the objective"):
            jobs.submit("http://127.0.0.1:1", file, "first")


class TestEntrypoint:
    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        """A home directory, and a command einsearch that notes how it was called."""
        command = tmp_path / "bin" / "einsearch"
        command.parent.mkdir()
        command.write_text(
            '#!/bin/bash\necho "$@" >> "$HOME/calls"\n'
            '[ "$1" = search ] && mkdir -p "$4" && exit 1\nexit 0\n'
        )
        command.chmod(0o755)
        return tmp_path

    def run(self, home: Path, run: str) -> tuple[int, list[str]]:
        path = f"{home / 'bin'}:{os.environ['PATH']}"
        environment = {**os.environ, "HOME": str(home), "PATH": path}
        done = subprocess.run(["sh", "-c", jobs.entrypoint(run)], env=environment, check=False)
        return done.returncode, (home / "calls").read_text().splitlines()

    @pytest.mark.parametrize("run", ["first", "with space; echo x", "{home}/elsewhere"])
    def test_it_searches_then_resumes(self, home: Path, run: str) -> None:
        run = run.format(home=home)
        place = run if run.startswith("/") else f"{home}/einsearch-runs/{run}"
        status, calls = self.run(home, run)
        assert status == 1
        assert calls == [f"search space.yaml --run {place}", f"trials {place}"]
        status, calls = self.run(home, run)
        assert status == 0
        assert calls[2:] == [f"resume {place} --executor ray --address auto", f"trials {place}"]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def submit(
    folder: Path, dashboard: str, environment: dict[str, str], *arguments: str
) -> subprocess.Popen[str]:
    command = [str(BIN / "einsearch"), "search", str(folder / "space.yaml")]
    return subprocess.Popen(
        [*command, "--submit", dashboard, *arguments],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
    )


def test_an_address_where_nobody_listens(tmp_path: Path) -> None:
    space_file(tmp_path, "digits")
    address = f"http://127.0.0.1:{free_port()}"
    process = submit(tmp_path, address, dict(os.environ))
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert f"error: the Ray cluster at {address} does not take jobs" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (AuthenticationError("no token"), "no token"),
        (ConnectionError("refused."), "refused"),
        (KeyError("ray_version"), "its answer is none of Ray's"),
        (TypeError("list indices"), "its answer is none of Ray's"),
    ],
)
def test_a_server_that_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def refuse(address: str) -> None:
        raise error

    monkeypatch.setattr(jobs, "JobSubmissionClient", refuse)
    with pytest.raises(EinsearchError, match=f"does not take jobs: .*{told}") as caught:
        jobs.submit("127.0.0.1:8265", space_file(tmp_path, "digits"), "run")
    assert "http://127.0.0.1:8265 does" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["", "http://", "ftp://x", "ray://127.0.0.1:1", "http://[::1", "http://a:99999", "a b", "a:b"],
)
def test_what_is_no_address_is_refused_at_once(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingError, match="is no address of a dashboard"):
        jobs.submit(address, space_file(tmp_path, "digits"), "run")
