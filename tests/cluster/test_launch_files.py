"""The files that start clusters, checked as far as that goes without a cluster: against Ray's own
schema, the options that its commands and ours take, and one another."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import cli as ray_cli

from einsearch.cli.main import app

FOLDER = Path(__file__).parents[2] / "cluster"
LAUNCHER = ["local.yaml", "aws.yaml", "gcp.yaml"]
KUBERAY = ["kuberay-cluster.yaml", "kuberay-job.yaml"]
VERSION = "2.60.0"


def load(name: str) -> Any:
    return next(yaml.safe_load_all((FOLDER / name).read_text()))


def options_of(command: Any, *path: str) -> set[str]:
    """The options of a command of a command-line program."""
    for name in path:
        command = command.commands[name]
    return {option for parameter in command.params for option in parameter.opts}


RAY_START = options_of(ray_cli, "start")
EINSEARCH = typer.main.get_command(app)


def check_ours(words: list[str]) -> None:
    """A call of einsearch names a command and options that there are."""
    known = options_of(EINSEARCH, words[1])
    assert {word for word in words[2:] if word.startswith("--")} <= known


@pytest.mark.parametrize("name", LAUNCHER)
class TestLauncher:
    def test_ray_accepts_it(self, name: str) -> None:
        config = prepare_config(load(name))
        validate_config(config)
        assert config["cluster_name"] == "einsearch"

    def test_every_ray_start_has_the_token_and_known_options(self, name: str) -> None:
        config = load(name)
        starts = [
            line
            for key in ("head_start_ray_commands", "worker_start_ray_commands")
            for line in config[key]
            if "ray start" in line
        ]
        assert len(starts) == 2
        for line in starts:
            assert line.startswith("RAY_AUTH_MODE=token ")
            options = {word.split("=")[0] for word in shlex.split(line) if word[:2] == "--"}
            assert options <= RAY_START
        assert "--dashboard-host=127.0.0.1" in starts[0]
        assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"

    def test_head_nodes_of_clouds_train_nothing(self, name: str) -> None:
        config = load(name)
        if config["provider"]["type"] == "local":
            return
        head = config["available_node_types"][config["head_node_type"]]
        assert head["resources"] == {"CPU": 0}
        workers = [t for key, t in config["available_node_types"].items() if key != "head"]
        assert all(t["max_workers"] <= config["max_workers"] for t in workers)


@pytest.mark.parametrize("name", KUBERAY)
class TestKubernetes:
    def spec(self, name: str) -> Any:
        spec = load(name)["spec"]
        return spec.get("rayClusterSpec", spec)

    def test_it_asks_for_the_token(self, name: str) -> None:
        assert load(name)["apiVersion"] == "ray.io/v1"
        assert self.spec(name)["authOptions"] == {"mode": "token"}
        assert self.spec(name)["headGroupSpec"]["serviceType"] == "ClusterIP"

    def test_options_of_ray_start_are_there(self, name: str) -> None:
        groups = [self.spec(name)["headGroupSpec"], *self.spec(name)["workerGroupSpecs"]]
        for group in groups:
            for option, value in group["rayStartParams"].items():
                assert f"--{option}" in RAY_START
                assert isinstance(value, str)
            for container in group["template"]["spec"]["containers"]:
                assert container["resources"]["limits"] == container["resources"]["requests"]

    def test_mounted_volumes_are_there(self, name: str) -> None:
        pod = self.spec(name)["headGroupSpec"]["template"]["spec"]
        mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_the_claim_of_the_runs_is_made() -> None:
    _, claim = yaml.safe_load_all((FOLDER / "kuberay-cluster.yaml").read_text())
    assert claim["kind"] == "PersistentVolumeClaim"
    for name in KUBERAY:
        assert claim["metadata"]["name"] in (FOLDER / name).read_text()


def test_the_job_searches_and_resumes() -> None:
    entry = load("kuberay-job.yaml")["spec"]["entrypoint"]
    shell, option, script = shlex.split(entry)
    assert (shell, option) == ("bash", "-c")
    subprocess.run(["bash", "-n", "-c", script], check=True)
    calls = re.findall(r"einsearch [^;]+", script)
    assert [call.split()[1] for call in calls] == ["resume", "search"]
    for call in calls:
        check_ours(call.split())


class TestSlurm:
    text = (FOLDER / "slurm.sh").read_text()

    def test_it_is_a_script(self) -> None:
        subprocess.run(["bash", "-n", str(FOLDER / "slurm.sh")], check=True)
        done = subprocess.run(
            ["bash", str(FOLDER / "slurm.sh")], capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        assert "usage: sbatch cluster/slurm.sh SPACE RUN" in done.stderr

    def test_its_calls_are_understood(self) -> None:
        joined = self.text.replace("\\\n", " ")
        call = re.search(r"ray symmetric-run (.*) -- ", joined)
        assert call is not None
        options = {word.split("=")[0] for word in call[1].split() if word.startswith("--")}
        assert options <= RAY_START | options_of(ray_cli, "symmetric-run")
        for words in re.findall(r"\((einsearch .*) \"\$@\"\)", joined):
            check_ours(words.split())

    def test_all_its_processes_have_one_token(self) -> None:
        before, start, _ = self.text.partition("srun")
        assert start
        assert "export RAY_AUTH_MODE=token" in before
        assert "export RAY_AUTH_TOKEN" in before


def test_files_agree_on_the_version() -> None:
    assert isinstance(ray_cli, click.Group)
    found = {
        path.name: set(re.findall(r"\b2\.\d\d\.\d+\b", path.read_text()))
        for path in sorted(FOLDER.iterdir())
    }
    assert {name for name, versions in found.items() if versions} >= {
        "Dockerfile",
        "README.md",
        *LAUNCHER,
        *KUBERAY,
    }
    assert set().union(*found.values()) == {VERSION}


def test_the_guide_names_every_file_and_true_commands() -> None:
    guide = (FOLDER / "README.md").read_text()
    for path in set(FOLDER.iterdir()) - {FOLDER / "README.md"}:
        assert path.name in guide
    calls = re.findall(r"einsearch ((?:search|resume|best) [^`\"|\n]+)", guide)
    assert calls
    for call in calls:
        check_ours(["einsearch", *call.split()])
