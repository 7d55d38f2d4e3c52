"""`primitives NAME`: all of one primitive, for every primitive."""

from __future__ import annotations

import json
import shlex

import pytest

from einsearch.cli.primitives import examples_of
from einsearch.primitives.base import all_primitives, get_primitive
from tests.cli.conftest import Command


@pytest.mark.parametrize("name", sorted(all_primitives()))
def test_every_primitive_has_a_page_with_an_example_that_works(cli: Command, name: str) -> None:
    primitive = get_primitive(name)
    status, out, err = cli("primitives", name)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == primitive.signature()
    assert any(line.startswith("Takes ") for line in lines)
    for parameter in primitive.parameters:
        wanted = "required" if parameter.is_required else ""
        assert any(line.split()[:1] == [parameter.name] and wanted in line for line in lines)
    assert any(name in line for line in lines if line.startswith("Example: "))
    words = shlex.split(lines[-1].removeprefix("Try: einsearch "))
    assert cli(*words).status == 0


@pytest.mark.parametrize("name", sorted(all_primitives()))
def test_examples_cost_what_the_network_costs(cli: Command, name: str) -> None:
    for example in examples_of(get_primitive(name)):
        found = json.loads(cli("show", example.text, "--input", example.input, "--json").out)
        assert example.row[:2] == (found["input"], found["output"])


def test_padding_and_stride_are_told(cli: Command) -> None:
    out = cli("primitives", "conv2d").out
    assert "a kernel of 3 makes 8 of 8, the edges are padded. A stride of 2 makes 4 of 8, 4" in out
    assert "padded" not in cli("primitives", "linear").out


def test_layouts_are_those_that_it_takes(cli: Command) -> None:
    assert "\nimage:16x8x8  image:16x8x8  2.32k " in cli("primitives", "conv2d").out
    assert "\ntokens:16x8 " not in cli("primitives", "conv2d").out
    assert "\ntokens:16x8 " in cli("primitives", "attention").out


def test_an_unknown_primitive_is_told_with_the_nearest(cli: Command) -> None:
    status, _, err = cli("primitives", "conv2")
    assert (status, err) == (2, "error: no primitive is named conv2; did you mean conv2d?\n")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_list_keeps_to_the_width(
    cli: Command, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for command in ("primitives", "searchers"):
        assert max(map(len, cli(command).out.splitlines())) <= columns
