"""The list of searchers, and the options of each as a search-space file takes them."""

from __future__ import annotations

import json

import pytest
import yaml

from einsearch.searchers.registry import (
    DEFAULT_SEARCHER,
    all_searchers,
    check_searcher,
    searcher_options,
)
from tests.cli.conftest import Command


def test_all_of_them_with_a_line_each(cli: Command) -> None:
    status, out, err = cli("searchers")
    assert (status, err) == (0, "")
    lines = out.splitlines()[2:]
    assert [line.split()[0] for line in lines] == list(all_searchers())
    assert [line.split()[0] for line in lines if " (default) " in line] == [DEFAULT_SEARCHER]
    assert all(line.endswith(".") for line in lines)


@pytest.mark.parametrize("name", all_searchers())
def test_one_with_all_it_says(cli: Command, name: str) -> None:
    status, out, _ = cli("searchers", name)
    options = searcher_options(name)
    assert status == 0
    for key in options:
        assert f"    {key}: " in out, "not documented"
        assert f"\n{key} " in out
    if options:
        example = yaml.safe_load(out.splitlines()[-1].split("file: ")[1])["searcher"]
        assert check_searcher(example) == check_searcher(name)


def test_types_and_defaults_as_data(cli: Command) -> None:
    _, out, _ = cli("searchers", "optuna", "--json")
    (described,) = json.loads(out)
    assert described["options"] == [
        {"name": "sampler", "takes": "text", "default": "tpe"},
        {"name": "options", "takes": "keys with values", "default": None},
        {"name": "startup", "takes": "a whole number", "default": 10},
        {"name": "history", "takes": "a whole number", "default": None},
    ]
    _, out, _ = cli("searchers", "--json")
    assert [searcher["name"] for searcher in json.loads(out)] == list(all_searchers())


def test_one_that_is_not_there(cli: Command) -> None:
    status, _, err = cli("searchers", "evolutoin")
    assert status == 2
    assert err == "error: no searcher is named evolutoin: did you mean evolution?\n"
