"""Searches submitted to a cluster that is there: `make test-faults`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.test_submit import BIN, free_port, space_file, submit


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of the cluster and of whoever talks to it: the same token."""
    home = tmp_path_factory.mktemp("home")
    return {
        **os.environ,
        "HOME": str(home),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "0123456789abcdef" * 2,
    }


@pytest.fixture(scope="module")
def dashboard(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a small cluster's dashboard."""
    port = free_port()
    head = [str(BIN / "ray"), "start", "--head", "--block", f"--port={free_port()}"]
    head += [f"--dashboard-port={port}", "--num-cpus=2", "--disable-usage-stats"]
    log = tmp_path_factory.mktemp("cluster") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            head, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    end = time.monotonic() + 90
    while "blocking" not in log.read_text() and "--block" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(timeout=60)


def test_a_submitted_search_is_followed_to_its_end(
    tmp_path: Path, dashboard: str, environment: dict[str, str]
) -> None:
    (tmp_path / "my_scores.py").write_text(
        "def score(derivation):\n    return float(len(derivation.text))\n"
    )
    space_file(tmp_path, '{objective: "my_scores:score", input: "vector:3"}')
    environment = {**environment, "PYTHONPATH": str(tmp_path)}
    output, _ = submit(tmp_path, dashboard, environment, "--run", "first").communicate(timeout=180)
    assert "Submitted as raysubmit_" in output
    assert re.search(r"\[3/3\] trial", output)
    assert re.search(r"^ +2 .* linear\(\d\) >> ", output, re.MULTILINE)
    assert (Path(environment["HOME"]) / "einsearch-runs" / "first" / "space.yaml").is_file()


def test_ctrl_c_leaves_the_search_running_or_stops_it(
    tmp_path: Path, dashboard: str, environment: dict[str, str]
) -> None:
    (tmp_path / "slow_scores.py").write_text(
        "import time\ndef score(derivation):\n    time.sleep(600)\n"
    )
    space_file(tmp_path, '{objective: "slow_scores:score", input: "vector:3"}')
    environment = {**environment, "PYTHONPATH": str(tmp_path)}
    for wish, expected in (("detach", "The search goes on."), ("stop", "was told to stop")):
        process = submit(tmp_path, dashboard, environment, "--on-interrupt", wish)
        assert process.stdout is not None
        heard: list[str] = []
        while "Searching" not in (line := process.stdout.readline()):
            assert line, heard
            heard.append(line)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        assert expected in rest
        assert "Traceback" not in rest
        if wish == "detach":
            number = re.search(r"raysubmit_\w+", rest)
            assert number is not None
            stop = [str(BIN / "ray"), "job", "stop", "--address", dashboard, number[0]]
            subprocess.run(stop, env=environment, check=True, capture_output=True)
