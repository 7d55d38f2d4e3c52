"""A driver killed at any moment loses nothing, and goes on as if it had not been."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from einsearch.errors import RunError
from einsearch.study.folder import RunFolder
from einsearch.study.opening import read_record
from einsearch.trial import Trial
from tests.study import driver


def essence(trials: list[Trial]) -> list[Any]:
    return [(t.number, t.text, t.state, t.values, t.reason, t.parents, t.seed) for t in trials]


def trials_of(path: Path) -> list[Trial]:
    return read_record(RunFolder(path)).trials


def run_until_killed(path: Path, moment: int, pruner: str | None = None) -> None:
    """The search in a process of its own, which dies by SIGKILL at that moment."""
    process = os.fork()
    if process == 0:
        driver.run_until(path, moment, pruner)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGKILL


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The trials of the search that nothing interrupts."""
    path = tmp_path_factory.mktemp("whole") / "run"
    driver.run(path)
    return essence(trials_of(path))


@pytest.mark.parametrize(
    "moment", [1, 3, 5, 6, 9, 12, 15, 17, 22, 26, 31, 35, 38, 44, 53, 61, 72, 85, 99, 107]
)
def test_killed_at_any_moment_the_search_is_the_uninterrupted_one(
    tmp_path: Path, whole: list[Any], moment: int
) -> None:
    path = tmp_path / "run"
    run_until_killed(path, moment)
    told = driver.told(path)
    if told:
        kept = [t for t in trials_of(path) if t.state.is_finished]
        assert [t.number for t in kept][: len(told)] == told
        assert essence(kept) == whole[: len(kept)]
    driver.run(path)
    assert essence(trials_of(path)) == whole
    assert len(set(driver.told(path))) == len(driver.told(path))


def test_killed_again_and_again_it_gets_there(tmp_path: Path, whole: list[Any]) -> None:
    path = tmp_path / "run"
    lengths = []
    for moment in (24, 20, 25, 11, 16):
        run_until_killed(path, moment)
        lengths.append(len(trials_of(path)))
    assert lengths == sorted(set(lengths))
    driver.run(path)
    assert essence(trials_of(path)) == whole


@pytest.fixture(scope="module", params=["asha", "successive-halving", "median"])
def pruned(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[Trial]]:
    """Name of a pruner, and the trials of the search with it that nothing interrupts."""
    path = tmp_path_factory.mktemp("pruned") / "run"
    driver.run(path, request.param)
    return request.param, trials_of(path)


@pytest.mark.parametrize("moments", [(2, 31, 40), (7, 55), (18, 24, 70), (90, 13), (44, 61)])
def test_killed_amid_pauses_and_promotions_it_gets_there_all_the_same(
    tmp_path: Path, pruned: tuple[str, list[Trial]], moments: tuple[int, ...]
) -> None:
    pruner, wanted = pruned
    path = tmp_path / "run"
    for moment in moments:
        run_until_killed(path, moment, pruner)
    driver.run(path, pruner)
    found = trials_of(path)
    assert essence(found) == essence(wanted)
    for trial, expected in zip(found, wanted, strict=True):
        assert (trial.budget, trial.metrics) == (expected.budget, expected.metrics)
    assert not list((path / "checkpoints").glob("*"))


def test_a_full_disk_stops_the_search_with_one_message_and_loses_nothing(
    tmp_path: Path, whole: list[Any]
) -> None:
    path = tmp_path / "run"
    RunFolder.create(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, hard))
    try:
        with pytest.raises(RunError, match=r"cannot write the record .*journal\.log: File too"):
            driver.run(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    kept = [t for t in trials_of(path) if t.state.is_finished]
    assert kept
    assert essence(kept) == whole[: len(kept)]
    driver.run(path)
    assert essence(trials_of(path)) == whole


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A run folder that this process, for the time, has no right to write to.

    Not below `tmp_path`, whose parents only root may enter and other test processes use.
    """
    with tempfile.TemporaryDirectory() as parent:
        path = Path(parent) / "run"
        driver.run(path)
        Path(parent).chmod(0o755)
        path.chmod(0o555)
        with without_rights():
            yield path
        path.chmod(0o755)


@contextmanager
def without_rights() -> Iterator[None]:
    """Root may write everywhere, so it is somebody else meanwhile."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_a_read_only_folder_can_be_read_and_refuses_a_driver(
    read_only: Path, whole: list[Any]
) -> None:
    assert essence(trials_of(read_only)) == whole
    with pytest.raises(RunError, match=r"cannot write in the run folder .*Permission denied"):
        driver.run(read_only)
    with pytest.raises(RunError, match=r"cannot write in the run folder .*Permission denied"):
        RunFolder.create(read_only / "inside")
    assert essence(trials_of(read_only)) == whole


def test_a_folder_that_becomes_read_only_ends_the_search_and_loses_nothing(
    whole: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = driver.Log.on_trial

    def tell_and_lock(log: driver.Log, trial: Trial) -> None:
        tell(log, trial)
        if trial.number == 5:
            path.chmod(0o555)

    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o777)
        path = Path(parent) / "run"
        with without_rights(), monkeypatch.context() as patch:
            patch.setattr(driver.Log, "on_trial", tell_and_lock)
            with pytest.raises(RunError, match=r"cannot write .*Permission denied"):
                driver.run(path)
            kept = [t for t in trials_of(path) if t.state.is_finished]
            assert essence(kept) == whole[: len(kept)]
            assert driver.told(path) == [t.number for t in kept] == list(range(6))
        path.chmod(0o777)
        driver.run(path)
        assert essence(trials_of(path)) == whole
