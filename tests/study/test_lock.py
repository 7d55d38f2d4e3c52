"""One driver a folder; the lock of a dead process does not stand in the way."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from einsearch.errors import RunError
from einsearch.study import lock
from einsearch.study.lock import LOCK_FILE, DriverLock, describe_holder, is_locked

HOLD = """
import sys
from pathlib import Path
from einsearch.study import lock
from einsearch.study.lock import DriverLock
lock = DriverLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock until it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str], kind: signal.Signals) -> None:
    process.send_signal(kind)
    process.communicate()


def test_second_driver_is_told_which_process_holds_the_folder(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        assert is_locked(tmp_path)
        with pytest.raises(RunError, match=f"in use by process {process.pid}; wait until it ends"):
            DriverLock(tmp_path)
    finally:
        end(process, signal.SIGKILL)


def test_the_lock_of_a_killed_process_does_not_stand_in_the_way(tmp_path: Path) -> None:
    end(holder(tmp_path), signal.SIGKILL)
    assert (tmp_path / LOCK_FILE).read_text()
    assert not is_locked(tmp_path)
    with DriverLock(tmp_path) as lock:
        assert lock.after_crash


def test_the_lock_excludes_a_second_driver_of_the_same_process(tmp_path: Path) -> None:
    with DriverLock(tmp_path):
        with pytest.raises(RunError, match=f"in use by process {os.getpid()}"):
            DriverLock(tmp_path)
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)


def test_after_an_orderly_end_the_next_driver_knows(tmp_path: Path) -> None:
    lock = DriverLock(tmp_path)
    assert not lock.after_crash
    lock.close()
    lock.close()
    with DriverLock(tmp_path) as second:
        assert not second.after_crash


def test_a_forked_child_does_not_keep_the_lock_of_a_driver_that_has_gone(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from einsearch.study.lock import DriverLock\n"
        "lock = DriverLock(Path(sys.argv[1]))\n"
        "if os.fork() == 0:\n"
        "    os.write(1, b'child\\n')\n"
        "    sys.stdin.read()\n"
        "    os._exit(0)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "child\n"
    assert process.wait() == -signal.SIGKILL
    with DriverLock(tmp_path) as lock:
        assert lock.after_crash
    process.communicate()


def test_holder_without_a_name_and_on_another_machine(tmp_path: Path) -> None:
    assert describe_holder(tmp_path) == "another process"
    (tmp_path / LOCK_FILE).write_text("12 elsewhere\n")
    assert describe_holder(tmp_path) == "process 12 on elsewhere"


def test_a_folder_that_is_missing_gives_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write in the run folder .*No such folder"):
        DriverLock(tmp_path / "missing")
    assert not is_locked(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()


def test_a_link_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "run" / LOCK_FILE).symlink_to(tmp_path / "thesis.txt")
    with pytest.raises(RunError, match=r"driver\.lock is a link"):
        DriverLock(tmp_path / "run")
    assert not is_locked(tmp_path / "run")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_full_disk_is_one_clear_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(lock, "open_changing", full)
    with pytest.raises(RunError, match=r"cannot write in the run folder .*: No space left on dev"):
        DriverLock(tmp_path)
    assert not is_locked(tmp_path)
    monkeypatch.undo()
    with DriverLock(tmp_path) as second:
        assert not second.after_crash


def test_the_lock_file_says_whose_it_is_while_it_is_held(tmp_path: Path) -> None:
    with DriverLock(tmp_path) as held:
        assert held.path.read_text().split()[0] == str(os.getpid())
    assert held.path.read_text() == ""
