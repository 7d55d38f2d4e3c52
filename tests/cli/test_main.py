"""The program: what it lists, how it fails, what it does not load."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from einsearch.cli.main import app, main
from einsearch.errors import ShapeError
from einsearch.version import __version__
from tests.cli.conftest import Command

COMMANDS = [
    "analyse",
    "best",
    "check",
    "draw",
    "explain",
    "export",
    "format",
    "learned",
    "plan",
    "primitives",
    "report",
    "resume",
    "sample",
    "search",
    "searchers",
    "show",
    "train",
    "trials",
    "why",
]


def test_help_lists_every_command_and_no_other(cli: Command) -> None:
    status, out, _ = cli("--help")
    assert status == 0
    assert sorted(c.callback.__name__ for c in app.registered_commands) == COMMANDS
    assert all(f" {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(cli: Command, name: str) -> None:
    status, out, _ = cli(name, "--help")
    assert status == 0
    assert f"Example: einsearch {name} " in " ".join(out.split())


def test_version(cli: Command) -> None:
    assert cli("--version").out == f"einsearch {__version__}\n"


@pytest.mark.parametrize("words", [["nothing"], ["check"], ["check", "einspace", "--nothing"]])
def test_a_wrong_call_has_status_2(cli: Command, words: list[str]) -> None:
    status, out, err = cli(*words)
    assert status == 2
    assert not out
    assert err


def test_an_error_is_one_message_without_a_traceback(cli: Command) -> None:
    status, out, err = cli("show", "linear(3")
    assert (status, out) == (1, "")
    assert err.startswith("error: <text>:1:9: the text ends too early")
    assert "Traceback" not in err


@pytest.mark.parametrize("place", [0, 1, 3])
def test_traceback_raises_wherever_it_stands(place: int) -> None:
    words = ["show", "linear(3, axis=7)", "--input=vector:4"]
    words.insert(place, "--traceback")
    with pytest.raises(ShapeError, match="no axis 7"):
        main(words)


HEAVY = {"torch", "optuna", "ray", "networkx", "lark", "pydantic", "numpy", "sklearn", "scipy"}


@pytest.mark.parametrize(
    "code",
    ["import einsearch", "import einsearch.cli.main", "from einsearch.cli.main import main"],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code: str) -> None:
    code += "; import sys, json; print(json.dumps([m.partition('.')[0] for m in sys.modules]))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert not HEAVY.intersection(json.loads(loaded.stdout))


INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "einsearch.cli.main":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from einsearch.__main__ import main
main()
"""


def test_ctrl_c_while_it_loads_says_nothing() -> None:
    ended = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, b"", b"")


def test_ctrl_c_is_heard_once_it_is_loaded() -> None:
    code = "import signal, sys; sys.argv = ['einsearch', '--version']\n"
    code += "from einsearch.__main__ import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
    code += "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert ended.stdout.endswith("True\n")
