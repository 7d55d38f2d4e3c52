"""`einsearch draw`: pictures and pages of rules."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from tests.cli.conftest import Command


def test_a_picture_on_stdout(cli: Command) -> None:
    status, out, err = cli("draw", "evonorm")
    assert (status, err) == (0, "")
    assert ElementTree.fromstring(out).tag.endswith("svg")
    assert 'id="rule-norm_activation"' in out


def test_the_name_of_the_file_says_which_format(cli: Command, tmp_path: Path) -> None:
    assert cli("draw", "digits", "-o", tmp_path / "rules.html").status == 0
    assert cli("draw", "digits", "-o", tmp_path / "rules.svg").status == 0
    assert cli("draw", "digits", "-f", "html", "-o", tmp_path / "rules").status == 0
    assert (tmp_path / "rules.svg").read_text().startswith("<svg")
    page = (tmp_path / "rules.html").read_text()
    assert page.startswith("<!doctype html>")
    assert (tmp_path / "rules").read_text() == page


def test_a_name_that_asks_for_another_kind_of_picture(cli: Command, tmp_path: Path) -> None:
    status, out, err = cli("draw", "digits", "-o", tmp_path / "rules.png")
    assert (status, out) == (2, "")
    assert "rules.png ends in neither .svg nor .html, which can be made" in err
    assert not (tmp_path / "rules.png").exists()
    assert cli("draw", "digits", "-f", "svg", "-o", tmp_path / "rules.png").status == 0


def test_one_rule_or_all(cli: Command) -> None:
    out = cli("draw", "einspace", "--rule", "join", "-r", "fork", "-f", "html").out
    assert out.count("<section") == 2
    assert 'id="rule-stage"' not in cli("draw", "einspace").out
    assert 'id="rule-stage"' in cli("draw", "einspace", "--all").out


def test_a_rule_that_is_not_there(cli: Command) -> None:
    status, out, err = cli("draw", "einspace", "--rule", "modul")
    assert (status, out) == (2, "")
    assert err == "error: --rule: einspace.ein has no rule modul; did you mean module?\n"
