"""Faults at random moments, many of them: `make test-faults`.

Each case has a cluster and a search of its own. A line for each says how long it took until the
search heard of the next trial after the fault, or after it was resumed where the fault ended it.
"""

from __future__ import annotations

import random
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.harness import Driver, Nodes, check, cluster, evaluating, kill

TRIALS = 40
ROUNDS = 3
"""Of each fault."""
Fault = Callable[[Nodes, Driver, Path], None]


def process_killed(nodes: Nodes, driver: Driver, ledger: Path) -> None:
    kill(evaluating(ledger).process)


def process_crashed(nodes: Nodes, driver: Driver, ledger: Path) -> None:
    kill(evaluating(ledger).process, signal.SIGSEGV)


def process_stopped(nodes: Nodes, driver: Driver, ledger: Path) -> None:
    kill(evaluating(ledger).process, signal.SIGSTOP)


def worker_killed(nodes: Nodes, driver: Driver, ledger: Path) -> None:
    kill(evaluating(ledger).supervisor)


def worker_stopped(nodes: Nodes, driver: Driver, ledger: Path) -> None:
    kill(evaluating(ledger).supervisor, signal.SIGSTOP)


def node_lost(nodes: Nodes, driver: Driver, ledger: Path) -> None:
    kill(nodes.raylets[0])


def all_nodes_lost(nodes: Nodes, driver: Driver, ledger: Path) -> None:
    for raylet in nodes.raylets:
        kill(raylet)
    nodes.add()


def driver_killed(nodes: Nodes, driver: Driver, ledger: Path) -> None:
    driver.kill()


def head_lost(nodes: Nodes, driver: Driver, ledger: Path) -> None:
    kill(nodes.head)


SURVIVED: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        process_killed,
        process_crashed,
        process_stopped,
        worker_killed,
        worker_stopped,
        node_lost,
        all_nodes_lost,
    )
}
"""Faults that the search itself outlives."""


def moment(name: str, turn: int) -> int:
    """After how many trials the fault comes."""
    return random.Random(f"{name}-{turn}").randrange(1, TRIALS - 12)


def report(name: str, turn: int, after: int, seconds: float, states: object) -> None:
    print(f"\n{name} {turn}: after {after} trials, {seconds:.1f} s to the next; {states}")


@pytest.mark.parametrize("turn", range(ROUNDS))
@pytest.mark.parametrize("name", SURVIVED)
def test_the_search_outlives(name: str, turn: int, tmp_path: Path) -> None:
    folder, ledger = tmp_path / "run", tmp_path / "ledger.tsv"
    with cluster(2, ledger) as nodes:
        driver = Driver(folder, nodes, TRIALS)
        driver.wait_until_told(moment(name, turn))
        SURVIVED[name](nodes, driver, ledger)
        told, began = driver.told, time.monotonic()
        driver.wait_until_told(told + 1)
        seconds = time.monotonic() - began
        assert driver.wait() == 0, driver.output
    report(name, turn, told, seconds, check(folder, ledger, TRIALS).states)


@pytest.mark.parametrize("turn", range(ROUNDS))
@pytest.mark.parametrize(
    ("fault", "trials"), [(driver_killed, TRIALS), (head_lost, 10 * TRIALS)], ids=["driver", "head"]
)
def test_the_search_goes_on_after(fault: Fault, trials: int, turn: int, tmp_path: Path) -> None:
    """Without its head, a cluster works on until that is noticed: hence the many trials."""
    folder, ledger = tmp_path / "run", tmp_path / "ledger.tsv"
    with cluster(2, ledger) as nodes:
        driver = Driver(folder, nodes, trials)
        driver.wait_until_told(moment(fault.__name__, turn))
        fault(nodes, driver, ledger)
        began = time.monotonic()
        assert driver.wait() != 0
    resume(fault.__name__, turn, folder, ledger, driver.told, began, trials)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_the_search_goes_on_after_its_disk_was_full(turn: int, tmp_path: Path) -> None:
    folder, ledger = tmp_path / "run", tmp_path / "ledger.tsv"
    size = 20_000 + 15_000 * turn

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    with cluster(1, ledger) as nodes:
        driver = Driver(folder, nodes, TRIALS, prepare=limit)
        began = time.monotonic()
        assert driver.wait() == 1
        assert "error: " in driver.output
        assert "Traceback" not in driver.output
    resume("disk_full", turn, folder, ledger, driver.told, began)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_the_search_goes_on_after_a_torn_line(turn: int, tmp_path: Path) -> None:
    folder, ledger = tmp_path / "run", tmp_path / "ledger.tsv"
    with cluster(1, ledger) as nodes:
        driver = Driver(folder, nodes, TRIALS)
        driver.wait_until_told(moment("torn", turn))
        driver.kill()
        began = time.monotonic()
    journal = folder / "journal.log"
    journal.write_bytes(journal.read_bytes() + b'{"op_code": 8, "worker_id": "x\x00\xff')
    resume("torn_line", turn, folder, ledger, driver.told, began)


def resume(
    name: str,
    turn: int,
    folder: Path,
    ledger: Path,
    told: int,
    began: float,
    trials: int = TRIALS,
) -> None:
    """Goes on with a search on another cluster, and checks the whole."""
    with cluster(2, ledger) as nodes:
        again = Driver(folder, nodes, trials)
        again.wait_until_told(1)
        seconds = time.monotonic() - began
        assert again.wait() == 0, again.output
    report(name, turn, told, seconds, check(folder, ledger, trials).states)
