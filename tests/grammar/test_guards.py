"""Guards are checked when a grammar is read, and by `check`."""

from __future__ import annotations

import pytest

from einsearch.derivation.check import Severity, check
from einsearch.errors import GrammarError
from einsearch.grammar.format import format_text
from einsearch.grammar.load import load_grammar_text
from einsearch.grammar.write import write_grammar
from einsearch.resources import resource_names
from tests.derivation.spaces import grammar, packaged

RULE = "start x\nx = f(16, fast, true)\nf(c, mode, flag) = relu when "

REFUSED = [
    ("chanels >= 3", "no attribute or parameter named chanels", "did you mean channels?"),
    ("flg", "no attribute or parameter named flg", "did you mean flag?"),
    ("chanels == 3", "no attribute or parameter named chanels", "did you mean channels?"),
    ("c + chanels > 3", "no attribute or parameter named chanels", "did you mean channels?"),
    ("fast == mode + 1", "no attribute or parameter named fast", ""),
    ("channels", "channels is a number, but a guard is true or false", "when channels >= 8"),
    ("not depth", "depth is a number, but a guard is true or false", "when depth >= 8"),
    ("4 / 0 > 1", "a division by zero", ""),
    ("c / (2 - 2) > 1", "a division by zero", ""),
    ("7 / 2 > 1", "7 / 2 is not an exact number", ""),
    ("4611686018427387904 * 4 > c", "4611686018427387904 * 4 is too large", "2^63"),
    ("mode < fast", "< compares numbers alone", "== and !="),
    ("channels == true", "channels is a number, true is true or false", ""),
    ("true > 1", "true is true or false, 1 is a number", ""),
    ("true + 1 > 1", "true is true or false, and cannot be calculated with", ""),
    ("image == 3", "image is true or false, not a number", ""),
    ("1 > 2", "this guard never holds", "leave the alternative out"),
    ("false", "this guard never holds", ""),
    ("image and 1 > 2", "this guard never holds", ""),
    ("not true", "this guard never holds", ""),
]


@pytest.mark.parametrize(("guard", "message", "hint"), REFUSED)
def test_a_guard_that_is_refused(guard: str, message: str, hint: str) -> None:
    with pytest.raises(GrammarError) as caught:
        load_grammar_text(f"{RULE}{guard} | gelu", "space.ein")
    shown = str(caught.value)
    assert shown.startswith("space.ein:3:")
    assert int(shown.split(":")[2]) >= len(RULE.split("\n")[2]) + 1
    assert message in shown
    assert hint in shown


DECIDED = [
    ("channels < 1", "never"),
    ("depth >= 0", "always"),
    ("image and tokens", "never"),
    ("image and length > 3", "never"),
    ("tokens and height >= 8", "never"),
    ("channels > 8 and channels < 4", "never"),
    ("channels > 8 and channels < 9", "never"),
    ("not (channels > 8 and channels < 4)", "always"),
    ("c > 100", "never"),
    ("c * 2 == 32", "always"),
    ("c == fast", "never"),
    ("mode == slow", "never"),
    ("mode != slow", "always"),
    ("mode == fast", "always"),
    ("flag", "always"),
    ("not flag", "never"),
    ("branches == 0 and image", "never"),
    ("true", "always"),
    ("1 < 2", "always"),
    ("image or tokens", ""),
    ("channels >= 1", ""),
    ("not channels >= 1", ""),
    ("height - 1 > 3", ""),
    ("channels / 2 >= 1", ""),
    ("depth > 0", ""),
    ("branches >= 2", ""),
    ("elements > c", ""),
]


@pytest.mark.parametrize(("guard", "truth"), DECIDED)
def test_a_guard_that_decides_nothing_is_told(guard: str, truth: str) -> None:
    found = [p for p in check(grammar(f"{RULE}{guard} | gelu")) if "guard" in p.message]
    assert [p.severity for p in found] == [Severity.WARNING] * bool(truth)
    if truth:
        (problem,) = found
        assert f"this guard {truth} holds" in problem.message
        assert (problem.line, problem.column) == (3, len(RULE.split("\n")[2]) + 1)


def test_all_calls_are_looked_at() -> None:
    text = "start x\nx = f(4) | f({8, 16}) | f(2 * 16)\nf(c) = relu when c GUARD | gelu"
    assert check(grammar(text.replace("GUARD", "> 8"))) == []
    assert "never" in check(grammar(text.replace("GUARD", "> 32")))[0].message
    growing = "start x\nx = f(0)\nf(n) = relu when n > 1000 | f(n + 1)"
    assert all("guard" not in p.message for p in check(grammar(growing)))


def test_parameters_of_a_file_to_import_can_be_anything() -> None:
    assert check(grammar("f(c, flag) = relu when c > 8 and flag | gelu")) == []


def test_a_parameter_that_is_always_a_number_is_no_truth() -> None:
    found = check(grammar("start x\nx = f({8, 16})\nf(c) = relu when c | gelu"))
    error = next(p for p in found if p.severity is Severity.ERROR)
    assert (error.line, error.column) == (3, 18)
    assert "c is a number wherever f is called" in error.message


@pytest.mark.parametrize("name", resource_names("grammars", ".ein"))
def test_packaged_grammars_have_guards_that_decide(name: str) -> None:
    assert [p for p in check(packaged(name)) if "guard" in p.message] == []


def test_guards_stay_through_format_and_writing() -> None:
    text = f"{RULE}mode == fast and c * 2 > 3 and (flag or not image) | gelu\n"
    before = [p.message for p in check(grammar(text))]
    assert [p.message for p in check(grammar(format_text(text)))] == before
    assert [p.message for p in check(grammar(write_grammar(grammar(text))))] == before
