"""Packaged grammars with words and characters exchanged: each is read or refused with its place."""

from __future__ import annotations

import re
from functools import cache
from random import Random

import pytest

from einsearch.derivation.check import check
from einsearch.derivation.counts import count
from einsearch.errors import GrammarError
from einsearch.grammar.format import format_text
from einsearch.grammar.load import load_grammar_text
from einsearch.grammar.read import read_file
from einsearch.resources import resource_folder, resource_names
from einsearch.specs import image

WORD = re.compile(r'"[^"\n]*"|#[^\n]*\n?|\w+|\s+|>>|\.\.|[<>=!]=|.')
ODD = (
    *("(", ")", "{", "}", "[", "]", ",", "|", ">>", "..", "=", "==", "<", "+", "-", "*", "/"),
    *("when", "where", "not", "and", "or", "log", "seed", "extend", "replace", "start", "import"),
    *("in", "out", "any", "all", "unused", "each", "repeat", "chain", "tied", "clone", "true"),
    *("0", "1", "-1", "3.5", ".5", "1e400", "1e-400", "9" * 50, '"a\0b.ein"', '"x.txt"'),
    *("channels", "depth", "branches", "image", "relu", "x", "\0", "\ufeff", "\x1b[31m", "é", "٣"),
)


@cache
def texts() -> list[str]:
    folder = resource_folder("grammars")
    names = resource_names("grammars", ".ein")
    return [(folder / f"{name}.ein").read_text(encoding="utf-8") for name in names]


def mutated(rng: Random) -> str:
    """A packaged grammar with a few words or characters left out, doubled, moved or exchanged."""
    text = rng.choice(texts())
    parts = list(text) if rng.random() < 0.3 else WORD.findall(text)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        place = rng.randrange(len(parts))
        kind = rng.randrange(6)
        if kind == 0:
            del parts[place]
        elif kind == 1:
            parts.insert(place, rng.choice(ODD))
        elif kind == 2:
            parts[place] = rng.choice(ODD)
        elif kind == 3:
            parts.insert(rng.randrange(len(parts)), parts[place])
        elif kind == 4:
            other = rng.randrange(len(parts))
            parts[place], parts[other] = parts[other], parts[place]
        else:
            start = rng.randrange(len(parts))
            parts[place:place] = parts[start : start + rng.randrange(1, 12)]
        parts = parts or [" "]
    return "".join(parts)


def examine(text: str, *, thoroughly: bool) -> None:
    """Reads a grammar; a refusal has its place, and what is read goes through every check."""
    refusal: GrammarError | None = None
    try:
        grammar = load_grammar_text(text, "fuzzed.ein", None, resource_folder("grammars"))
    except GrammarError as error:
        refusal = error
    if refusal is not None:
        assert refusal.location is not None, refusal
        assert min(refusal.location.line, refusal.location.column) >= 1
        return
    formatted = format_text(text)
    assert format_text(formatted) == formatted
    assert len(read_file(formatted).statements) == len(read_file(text).statements)
    if not thoroughly:
        return
    for spec in (None, image(3, 8, 8)):
        for problem in check(grammar, spec):
            assert problem.line >= 1
    if grammar.start is not None:
        count(grammar)


@pytest.mark.parametrize("seed", range(8))
def test_a_fuzzed_grammar_is_read_or_refused(seed: int) -> None:
    rng = Random(seed)
    for _ in range(15):
        examine(mutated(rng), thoroughly=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0",
        "start",
        "start x",
        "x = " + "(" * 500,
        "x = {" + " a = relu" * 50,
        "start x\nx = relu\nseed s = x\nseed s2 = s",
        "start x\nx = f(f)\nf(a) = a",
        "start x\nx = f(x)\nf(a) = a >> a",
        "start x\nx = c where c = c",
        "extend x = x [0.5]",
        "replace x = x",
        "start x\nx = x.2",
        "start x\nx = experts(x, 2, 1)",
        "start x\nx = clone(2) >> ((x, x), relu) >> add | relu",
    ],
)
def test_odd_grammars(text: str) -> None:
    examine(text, thoroughly=True)
