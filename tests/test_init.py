"""The lazy top level of the package."""

from __future__ import annotations

import subprocess
import sys

import pytest

import einsearch
from einsearch import api


def test_every_name_of_the_interface_is_there() -> None:
    for name in api.__all__:
        assert getattr(einsearch, name) is getattr(api, name)
    assert set(api.__all__) <= set(dir(einsearch))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'serch'"):
        einsearch.serch  # noqa: B018


def test_names_of_the_facade_that_are_not_public_stay_there() -> None:
    assert not hasattr(einsearch, "np")


def test_importing_loads_the_facade_when_it_is_asked() -> None:
    code = (
        "import sys, einsearch as es; assert 'einsearch.api' not in sys.modules; "
        "es.image(3, 8, 8); assert 'einsearch.api' in sys.modules; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_runs_as_the_command_line() -> None:
    command = [sys.executable, "-m", "einsearch", "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout == f"einsearch {einsearch.__version__}\n"
