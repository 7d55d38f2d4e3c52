"""`einsearch why`: a derivation as a tree, or what stands in its way."""

from __future__ import annotations

import json

from tests.cli.conftest import Command


def test_a_derivation_is_shown_with_its_alternatives(cli: Command) -> None:
    status, out, _ = cli("why", "einspace", "resnet18", "--input", "image:3x32x32")
    assert status == 0
    first = out.splitlines()[0].split()
    assert first[:3] == ["network", "=", "sequential"]
    assert first[3:] == ["0.333", "einspace.ein:7", "image:3x32x32", "->", "image:512x2x2"]


def test_what_cannot_be_derived_is_named_with_what_came_nearest(cli: Command) -> None:
    text = "conv2d(16, 3) >> norm >> tanh"
    status, out, _ = cli("why", "digits", text, "--input", "image:1x8x8")
    assert status == 1
    assert "fragment  tanh" in out
    assert "nearest   activation = relu" in out


def test_json(cli: Command) -> None:
    text = "conv2d(16, 3) >> norm >> tanh"
    status, out, _ = cli("why", "digits", text, "--input", "image:1x8x8", "--json")
    assert status == 1
    assert "tanh" in json.dumps(json.loads(out))


def test_a_text_that_cannot_be_read_is_a_wrong_call(cli: Command) -> None:
    status, _, err = cli("why", "digits", "conv2d(16, >> norm", "--input", "image:1x8x8")
    assert status == 2
    assert "error: " in err
