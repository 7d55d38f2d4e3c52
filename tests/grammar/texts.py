"""Grammar files drawn at random, valid ones, with spaces and comments at odd places."""

from __future__ import annotations

from functools import cache
from random import Random

from hypothesis import strategies as st

Words = list[str]
"""Tokens of a text, in order."""

RULES = ("alpha", "beta", "gamma_2")
PRIMITIVES = ("relu", "norm", "add", "identity", "leaky_relu", "neg")
TENSORS = ("t1", "u", "long_name")
GLUE = set("()[]{},|")
"""No space is needed beside these."""


def _listed(opening: str, items: list[Words], closing: str, comma_at_end: bool) -> Words:
    words = [opening]
    for number, item in enumerate(items):
        words += [","] * (number > 0) + item
    return [*words, *[","] * comma_at_end, closing]


@cache
def _values() -> st.SearchStrategy[Words]:
    return _value()


@st.composite
def _value(draw: st.DrawFn) -> Words:
    kind = draw(st.sampled_from(["number", "domain", "range", "arithmetic", "attribute", "minus"]))
    number = draw(st.sampled_from(["1", "2", "16"]))
    if kind == "domain":
        values = draw(st.sampled_from([["8"], ["8", "16"], ["8", "16", "32", "64", "128", "256"]]))
        weighted = draw(st.booleans())
        items = [[value, "[", "1", "/", "3", "]"] if weighted else [value] for value in values]
        return _listed("{", items, "}", draw(st.booleans()))
    if kind == "range":
        return ["1", "..", draw(st.sampled_from(["4", "200"]))]
    if kind == "arithmetic":
        operator = draw(st.sampled_from("+-*/"))
        return ["(", "channels", "+", number, ")", operator, number]
    if kind == "minus":
        return [number, "-", "-", number]
    return ["channels"] if kind == "attribute" else [number]


@st.composite
def _call(draw: st.DrawFn) -> Words:
    kind = draw(st.sampled_from(["name", "linear", "conv2d", "dropout", "permute", "rule"]))
    if kind == "linear":
        return ["linear", *_listed("(", [draw(_values())], ")", draw(st.booleans()))]
    if kind == "conv2d":
        named = [["stride", "=", *draw(_values())], ["bias", "=", "false"]]
        items = [draw(_values()), draw(_values()), *named[: draw(st.integers(0, 2))]]
        return ["conv2d", *_listed("(", items, ")", draw(st.booleans()))]
    if kind == "dropout":
        return ["dropout", "(", *draw(st.sampled_from([["0.1", "..", "0.5"], ["0.5"]])), ")"]
    if kind == "permute":
        return ["permute", "(", draw(st.sampled_from(['"ba"', '"a#b"'])), ")"]
    if kind == "rule":
        return ["sized", "(", *draw(_values()), ",", "b", "=", *draw(_values()), ")"]
    return [draw(st.sampled_from(PRIMITIVES + RULES))]


@cache
def _guards() -> st.SearchStrategy[Words]:
    simple = st.sampled_from(
        [["image"], ["not", "tokens"], ["channels", ">=", "8"], ["height", "*", "2", "==", "16"]]
    )
    return st.recursive(
        simple,
        lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda parts: ["(", *parts[0], ")", parts[1], *parts[2]]
        ),
        max_leaves=4,
    )


@st.composite
def _choice(draw: st.DrawFn, inner: st.SearchStrategy[Words]) -> Words:
    words: Words = []
    for number in range(draw(st.integers(1, 4))):
        weight = draw(st.sampled_from([[], ["[", "0.1", "]"], ["[", "1", "/", "9", "]"]]))
        guard = ["when", *draw(_guards())] if draw(st.integers(0, 3)) == 0 else []
        cells = [weight, guard] if draw(st.booleans()) else [guard, weight]
        words += [*["|"] * (number > 0), *draw(inner), *cells[0], *cells[1]]
    # One without a probability, so that the others leave it something.
    return [*words, "|", "relu"]


@st.composite
def _block(draw: st.DrawFn, inner: st.SearchStrategy[Words]) -> Words:
    words = ["{"]
    known: list[str] = []
    for name in draw(st.permutations(TENSORS))[: draw(st.integers(0, 3))]:
        head = draw(st.sampled_from(["in", "any", *known]))
        if draw(st.integers(0, 4)) == 0:
            # One token of the language: no comment may stand inside.
            words += [f"( {name}_a\n,{name}_b) =", "in", ">>", "clone", "(", "2", ")"]
        else:
            words += [name, "=", head, ">>", "(", *draw(inner), ")"]
            known.append(name)
    return [*words, "out", "=", *draw(inner), "}"]


@cache
def _bodies() -> st.SearchStrategy[Words]:
    return st.one_of(expressions(), _choice(expressions()))


def _combined(inner: st.SearchStrategy[Words]) -> st.SearchStrategy[Words]:
    def series(parts: list[Words]) -> Words:
        return [word for part in parts for word in (">>", *part)][1:]

    lists = st.lists(inner, min_size=2, max_size=5)
    return st.one_of(
        lists.map(series),
        st.tuples(lists, st.booleans()).map(lambda found: _listed("(", found[0], ")", found[1])),
        inner.map(lambda words: ["repeat", "(", "2", "..", "4", ",", *words, ")"]),
        inner.map(lambda words: ["each", "(", *words, ",", "2", ",", ")"]),
        inner.map(lambda words: ["tied", "(", *words, ")"]),
        _choice(inner).map(lambda words: ["(", *words, ")"]),
        _block(inner),
    )


@cache
def expressions() -> st.SearchStrategy[Words]:
    """Expressions that may stand in a rule."""
    return st.recursive(_call(), _combined, max_leaves=8)


@st.composite
def grammars(draw: st.DrawFn) -> Words:
    """The words of a whole grammar; the grammar loads."""
    words = [*draw(st.sampled_from([[], ["language", "1"]])), "start", "alpha"]
    words += draw(st.sampled_from([[], ["require", "input", ",", "parameters"]]))
    words += ["import", '"evonorm.ein"', "(", "node", *draw(st.sampled_from([[], [","]])), ")"]
    words += ["sized", "(", "a", ",", "b", "=", "2", ",", ")", "=", "linear", "(", "a", ")"]
    for rule in RULES:
        body = draw(_bodies())
        words += [rule, "=", *body]
        if draw(st.integers(0, 3)) == 0:
            words += ["where", "d", "=", *draw(_values()), ",", "e", "=", *draw(expressions())]
    if draw(st.booleans()):
        words += ["extend", "alpha", "=", *draw(expressions()), "[", "0.1", "]"]
        words += ["replace", "norm", "=", "rms_norm"]
    return [*words, "seed", "s", "=", *draw(expressions())]


@st.composite
def spaced(draw: st.DrawFn, words: Words) -> str:
    """Words with spaces, line breaks and comments between them."""
    gaps = [" ", " ", " ", "\n", "\n\n\n", "\t ", "  # behind\n", "\n# above\n", "\n\n## told\n"]
    gaps += ["#\n", "\n    # one\n\n  # two\n\n\n  # three #\n"]
    random = Random(draw(st.integers(0, 2**32)))
    odd = draw(st.sampled_from([0.0, 0.05, 0.3]))
    text = draw(st.sampled_from(["", "\n\n", "# first\n", "# first\n\n\n"]))
    previous = ""
    for word in words:
        if previous and random.random() < odd:
            text += random.choice(gaps)
        elif previous and not (previous in GLUE or word in GLUE):
            text += " "
        text += word
        previous = word
    return text + draw(st.sampled_from(["", "\n", "# last", "  # last\n", "\n\n\n# last\n\n"]))
