"""Texts of others, made safe to show."""

from __future__ import annotations

import json
import shlex

import pytest

from einsearch.errors import GrammarError, Location
from einsearch.shown import PLAIN, command, quoted, shown, shown_json, shown_line


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain, naïve ± 3 → 4 界", "plain, naïve ± 3 → 4 界"),
        ("\x1b[31mred\x1b]0;a title\x07", "\\x1b[31mred\\x1b]0;a title\\x07"),
        ("\x9b31m and \x7f", "\\x9b31m and \\x7f"),
        ("over\rwritten\b", "over\\x0dwritten\\x08"),
        ("a\u202eb\u2066c\u200bd\ufeff", "a\\u202eb\\u2066c\\u200bd\\ufeff"),
        ("half \ud800, tag \U000e0041", "half \\ud800, tag \\U000e0041"),
        ("next\u2028line\u2029", "next\\u2028line\\u2029"),
        ("lines\nand\ttabs stay", "lines\nand\ttabs stay"),
    ],
)
def test_what_steers_or_hides_is_spelt_out(text: str, wanted: str) -> None:
    assert shown(text) == wanted
    assert shown(wanted) == wanted


def test_a_line_stays_one() -> None:
    assert shown_line("a\nb\tc") == "a\\x0ab\\x09c"


@pytest.mark.parametrize("text", ["\x7f\x9b[31m", "\u202e", "\U000e0041", "é\u2028", "\ud800"])
def test_json_means_the_same(text: str) -> None:
    written = shown_json(json.dumps({"a": text}, ensure_ascii=False, indent=1))
    assert shown(written) == written
    assert json.loads(written) == {"a": text}


@pytest.mark.parametrize("name", ["my runs/a b", "it's", "$(rm -rf x)", "plain", "a;b"])
def test_a_suggested_command_is_read_back_by_a_shell(name: str) -> None:
    assert shlex.split(command(["einsearch", "trials", name])) == ["einsearch", "trials", name]


def test_a_suggested_word_hides_nothing() -> None:
    assert quoted("a\x1b[2Jb") == "'a\\x1b[2Jb'"


@pytest.mark.parametrize(
    ("encoding", "wanted"),
    [("latin-1", b"| \xd7 > ? ..."), ("ascii", b"| x > ? ..."), ("cp1252", b"| \xd7 > ? \x85")],
)
def test_what_a_stream_lacks_becomes_something_like_it(encoding: str, wanted: bytes) -> None:
    assert "│ \xd7 → 界 …".encode(encoding, PLAIN) == wanted


def test_the_caret_of_an_error_stays_below_its_column() -> None:
    line = "a \x1b[31m = nope"
    told = str(GrammarError("no rule", Location("g.ein", 1, line.index("nope") + 1, line)))
    _, source, caret = told.split("\n")
    assert source == "    a \\x1b[31m = nope"
    assert source.index("nope") == caret.index("^")
