"""The formatter: a layout for every construct, comments, and that the meaning stays."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.errors import EinsearchError, GrammarError
from einsearch.grammar import format as formatting
from einsearch.grammar.format import format_text
from einsearch.grammar.load import load_grammar_text
from einsearch.grammar.model import Grammar
from einsearch.grammar.read import read_file
from einsearch.primitives.base import Primitive
from einsearch.resources import resource_folder
from tests.grammar.texts import grammars, spaced

PACKAGED = resource_folder("grammars")
FILES = sorted(PACKAGED.rglob("*.ein"))


def load(text: str) -> Grammar:
    return load_grammar_text(text, "space.ein", None, PACKAGED)


def described(item: Any) -> Any:
    """A resolved rule as nested tuples, without places."""
    if isinstance(item, Primitive):
        return item.name
    if isinstance(item, tuple):
        return tuple(map(described, item))
    if is_dataclass(item):
        names = [f.name for f in fields(item) if f.name not in ("at", "guard_at")]
        return (type(item).__name__, *(described(getattr(item, name)) for name in names))
    return (type(item), item)


def meaning(grammar: Grammar) -> Any:
    """All that a grammar says: rules with probabilities, start, requirements, seeds."""
    rules = {key: described(rule) for key, rule in grammar.rules.items()}
    seeds = {name: described(seed.rule) for name, seed in grammar.seeds.items()}
    return grammar.start, rules, dict(grammar.scope), grammar.require, seeds


@given(st.data())
@settings(max_examples=80)
def test_formatting_keeps_the_meaning_and_the_comments_and_twice_changes_nothing(
    data: st.DataObject,
) -> None:
    text = data.draw(grammars().flatmap(spaced))
    formatted = format_text(text)
    assert format_text(formatted) == formatted
    assert meaning(load(formatted)) == meaning(load(text))
    comments = [Counter(c.text for c in read_file(t).comments) for t in (text, formatted)]
    assert comments[0] == comments[1]
    lines = formatted.split("\n")
    assert all(line == line.rstrip() for line in lines)
    assert "\n\n\n" not in formatted
    assert formatted.endswith("\n")


@given(st.data())
@settings(max_examples=30)
def test_the_layout_depends_on_words_comments_and_blank_lines_only(data: st.DataObject) -> None:
    words = data.draw(grammars())
    assert format_text(" ".join(words)) == format_text("\n".join(words))


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_packaged_grammars_are_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_text(text) == text
    code = [line.partition("#")[0] for line in text.splitlines()]
    assert max(map(len, code)) <= 100


# (text, how it is laid out)
LAYOUTS = {
    "words": ("x=linear ( 2*channels,bias = false )", "x = linear(2 * channels, bias=false)"),
    "an empty file": ("\n\n", ""),
    "a file of comments": ("\n# a\n\n\n#b", "# a\n\n#b"),
    "the comma before a bracket goes": ("x = (relu, gelu,) >> add", "x = (relu, gelu) >> add"),
    "probabilities stand below each other": (
        "x = relu [0.25] | linear(8) >> gelu [1/2] | silu",
        """\
        x = relu               [0.25]
          | linear(8) >> gelu  [1/2]
          | silu""",
    ),
    "conditions stand behind probabilities": (
        "x = relu when image [2] | linear(8) when tokens and length>3 | silu [ 1 ]",
        """\
        x = relu       [2]  when image
          | linear(8)       when tokens and length > 3
          | silu       [1]""",
    ),
    "choices without probabilities stay on a line": ("x = relu|gelu", "x = relu | gelu"),
    "choices inside too": (
        "x = relu >> (gelu [0.2]|silu)",
        "x = relu >> (gelu [0.2] | silu)",
    ),
    "a series breaks where its stages begin": (
        "x = conv2d(16, 3) >> norm >> repeat(2, relu >> conv2d(channels, 3)) >> gelu"
        + " >> (conv2d(16, 3), identity) >> add >> norm",
        """\
        x = conv2d(16, 3) >> norm
         >> repeat(2, relu >> conv2d(channels, 3)) >> gelu
         >> (conv2d(16, 3), identity) >> add >> norm""",
    ),
    "branches stand below each other": (
        "x = (conv2d(channels, 3, stride=2) >> norm >> relu >> conv2d(channels, 3) >> norm,"
        + " avg_pool(2, stride=2)) >> add",
        """\
        x = ( conv2d(channels, 3, stride=2) >> norm >> relu >> conv2d(channels, 3) >> norm
            , avg_pool(2, stride=2)
            ) >> add""",
    ),
    "blocks have one tensor a line": (
        "x = { (a, b ,) = in long = a>>relu\n\n\n out = (b, long) >> add }",
        """\
        x = {
            (a, b) = in
            long   = a >> relu

            out    = (b, long) >> add
        }""",
    ),
    "where has a line of its own": (
        "x = a >> a where a = relu|gelu, d = {1,2}",
        """\
        x = a >> a
            where a = relu | gelu, d = {1, 2}""",
    ),
    "neighbours of one line have their = below each other": (
        "a = relu\nlonger(x) = linear(x)\n\nb = gelu",
        "a         = relu\nlonger(x) = linear(x)\n\nb = gelu",
    ),
    "comments behind neighbouring lines too": (
        "a = relu # one\nlonger = gelu  # two",
        "a      = relu  # one\nlonger = gelu  # two",
    ),
    "comments stay with what they tell of": (
        """\
        ## What x is.
        x = relu [0.1] # small
            # often
          | gelu | # at the end
            silu""",
        """\
        ## What x is.
        x = relu  [0.1]  # small
          # often
          | gelu  # at the end
          | silu""",
    ),
    "comments inside of brackets": (
        "x = conv2d(16, # channels\n3) >> { a = relu\n# dangling\n out = a # end\n }",
        """\
        x = conv2d( 16  # channels
                  , 3
                  )
         >> {
                a   = relu
                # dangling
                out = a  # end
            }""",
    ),
    "statements of names": (
        'language 1 start x require input,parameters import "a.ein" (p,q,)',
        'language 1\nstart x\nrequire input, parameters\nimport "a.ein" (p, q)',
    ),
    "guards are broken last": (
        "x = relu | conv2d(channels, 3) >> norm >> conv2d(channels, 3) >> norm >> relu "
        + ">> max_pool(3) when height >= 8 and width >= 8",
        """\
        x = relu
          | conv2d(channels, 3) >> norm >> conv2d(channels, 3) >> norm >> relu >> max_pool(3)
                when height >= 8 and width >= 8""",
    ),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_layout(case: str) -> None:
    text, expected = (_dedented(text) for text in LAYOUTS[case])
    shown = expected.rstrip("\n") + "\n" if expected.strip() else ""
    assert format_text(text) == shown
    assert format_text(shown) == shown


def _dedented(text: str) -> str:
    lines = text.split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines)


def test_documentation_stays_with_its_rule() -> None:
    text = "x = relu ## not of y\ny = gelu\n## of z\n\n\n## nothing\n\nz=tanh\n"
    text += "## a\n  ## b\nw=relu v=relu"
    before, after = load(text), load(format_text(text))
    told = {key: rule.documentation for key, rule in after.rules.items()}
    assert told == {"x": "", "y": "", "z": "", "w": "a\nb", "v": ""}
    assert told == {key: rule.documentation for key, rule in before.rules.items()}


def test_a_text_that_does_not_follow_the_syntax() -> None:
    with pytest.raises(GrammarError) as caught:
        format_text("x = relu >>\ny ! relu", "mine.ein")
    assert str(caught.value).startswith("mine.ein:2:3: unexpected character '!'\n    y ! relu\n")


def test_nesting_may_be_thousands_of_levels_deep() -> None:
    depth = 1500
    formatted = format_text("x = " + "(relu, " * depth + "relu" + ") >> add" * depth)
    assert formatted.count(", ") == depth
    assert len(formatted) < 200 * depth


def test_a_layout_that_would_change_the_meaning_is_not_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(formatting, "_with_aligned_names", lambda statements: [])
    with pytest.raises(EinsearchError, match=r"formatting mine\.ein would change its meaning"):
        format_text("x = relu", "mine.ein")
