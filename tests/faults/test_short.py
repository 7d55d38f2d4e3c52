"""Each kind of fault once."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

from einsearch.trial import TrialState
from tests.faults.harness import Driver, check, cluster, evaluating, kill, wait_for
from tests.faults.objectives import read_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.tsv"


def test_lost_processes_workers_and_nodes_cost_nothing(tmp_path: Path, ledger: Path) -> None:
    folder = tmp_path / "run"
    with cluster(2, ledger) as nodes:
        driver = Driver(folder, nodes, trials=60)
        driver.wait_until_told(4)
        kill(evaluating(ledger).process)
        driver.wait_until_told(12)
        kill(evaluating(ledger).supervisor)
        driver.wait_until_told(20)
        kill(nodes.raylets[0])
        nodes.add()
        assert driver.wait() == 0, driver.output
    assert check(folder, ledger, 60).failures == {}
    assert "SIGKILL" in driver.output
    assert "the worker was lost" in driver.output


def test_a_killed_driver_goes_on_where_it_was(tmp_path: Path, ledger: Path) -> None:
    folder = tmp_path / "run"
    with cluster(2, ledger) as nodes:
        driver = Driver(folder, nodes, trials=30)
        driver.wait_until_told(7)
        process = evaluating(ledger).process
        driver.kill()
        wait_for("the end of its workers", lambda: not Path(f"/proc/{process}").exists())
        again = Driver(folder, nodes, trials=30)
        assert again.wait() == 0, again.output
    assert check(folder, ledger, 30).failures == {}


def test_a_lost_head_ends_the_search_which_goes_on_elsewhere(tmp_path: Path, ledger: Path) -> None:
    folder = tmp_path / "run"
    with cluster(1, ledger) as nodes:
        driver = Driver(folder, nodes, trials=1000)
        driver.wait_until_told(5)
        kill(nodes.head)
        assert driver.wait() == 1
        assert "error: the head of the Ray cluster at" in driver.output
        assert "resume the run" in driver.output
        told = driver.told
    with cluster(2, ledger) as nodes:
        again = Driver(folder, nodes, trials=1000)
        again.wait_until_told(5)
        again.process.send_signal(signal.SIGINT)
        assert again.wait() == 0, again.output
    numbers = Counter(
        int(line.split(" ")[0])
        for log in (driver.output, again.output)
        for line in log.splitlines()
        if line.split(" ")[0].isdigit()
    )
    assert set(range(told)) <= set(numbers)
    assert set(numbers.values()) == {1}


def test_poison_takes_down_nothing_but_its_process(tmp_path: Path, ledger: Path) -> None:
    folder = tmp_path / "run"
    with cluster(2, ledger) as nodes:
        driver = Driver(folder, nodes, trials=24, objective="poisonous")
        assert driver.wait() == 0, driver.output
    outcome = check(folder, Path("none"), 24)
    failed = [trial for trial in outcome.trials if trial.state is TrialState.FAILED]
    assert failed
    assert {trial.reason for trial in failed} == {"died: the process was ended by SIGSEGV"}
    begun = Counter(entry.text for entry in read_ledger(ledger))
    assert {begun[trial.text] for trial in failed} == {1}  # no second attempt
