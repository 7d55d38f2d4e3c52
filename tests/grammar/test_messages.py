"""The text of every error in a grammar file: place, what was found, what to do."""

from __future__ import annotations

import pytest

from einsearch.errors import GrammarError
from einsearch.grammar.load import load_grammar_text

RULE = "start x\nx = "
# (text of the grammar, line:column, message, hint or a part of it)
MISTAKES = [
    (RULE + "relu >> ", "2:12", "the text ends too early", "expected"),
    (RULE + "relu >>> relu", "2:12", "unexpected '>'", "expected"),
    (RULE + "(relu, gelu >> add", "2:23", "the text ends too early", "expected ), ,"),
    (RULE + "relu ! gelu", "2:10", "unexpected character '!'", ""),
    (RULE + "conv2d(16, 3, stride=)", "2:26", "unexpected ')'", "expected"),
    (RULE + "relu relu", "2:14", "the text ends too early", "expected"),
    (RULE + "relu where", "2:15", "the text ends too early", "expected a name"),
    (RULE + "reluu", "2:5", "no rule or primitive is named reluu", "did you mean relu?"),
    (RULE + "qqq", "2:5", "no rule or primitive is named qqq", "einsearch primitives"),
    (RULE + "channels", "2:5", "channels is a number, but an operation is expected here", ""),
    ("start y\nx = relu", "1:7", "the start rule y is not defined", ""),
    ("start relu\nx = relu", "1:7", "the start rule relu is a primitive", ""),
    ("start f\nf(a) = linear(a)", "1:7", "the start rule f has parameters", "without"),
    ("start x\nstart x\nx = relu", "2:1", "a second start", "keep one"),
    ("x = relu\nx = gelu", "2:1", "rule x is defined twice; first on line 1", ""),
    ("seed s = relu\nseed s = gelu", "2:6", "seed s is defined twice; first on line 1", ""),
    ("relu = gelu", "1:1", "relu is a primitive", "replace relu = ..."),
    ("each = relu", "1:1", "each has a meaning of its own and cannot name a rule", ""),
    ("f(a, a) = linear(a)", "1:1", "f has two parameters named a", ""),
    (RULE + "linear", "2:5", "linear needs features", "linear(features, axis=features, bias=true)"),
    (RULE + "linear(8, 0, true, 4)", "2:5", "linear takes at most 3 arguments, 4 are given", ""),
    (RULE + "linear(64, axes=last)", "2:21", "linear has no argument axes", "did you mean axis?"),
    (RULE + "linear(64, features=32)", "2:25", "linear gets features twice", ""),
    (RULE + "linear(0)", "2:12", "features is 0, expected an integer at least 1", ""),
    (RULE + 'linear("a")', "2:12", 'features is "a", expected an integer', ""),
    (RULE + "linear({16, 0})", "2:12", "features is 0, expected an integer", ""),
    (RULE + "linear(chanels)", "2:12", "chanels is no value here", "did you mean channels?"),
    (RULE + "linear(relu >> gelu)", "2:12", "this is an operation, but a value is expected", ""),
    (RULE + "permute(5)", "2:13", "order is 5, expected a text in quotes", ""),
    (RULE + "mean(bach)", "2:10", "over is bach, expected one of batch", "did you mean batch?"),
    (RULE + "linear(8..2)", "2:12", "the range 8..2 is empty", ""),
    (RULE + "linear(2 * (1.0..2.0))", "2:12", "a range of reals stands as a whole argument", ""),
    (RULE + "dropout(log 0..1)", "2:13", "a log range needs ends above 0", ""),
    (RULE + "linear({8, 8})", "2:12", "the domain has the same value twice", ""),
    (RULE + "linear({8, {16, 32}})", "2:12", "a domain cannot stand inside a domain", ""),
    (
        RULE + "relu [0.7] | gelu [0.5] | silu",
        "2:5",
        "sum to 1.2, more than 1",
        "share what is left",
    ),
    (RULE + "relu [0.5] | gelu [0.5] | silu", "2:5", "leave nothing for the alternatives", ""),
    (RULE + "relu [0] | gelu [0]", "2:5", "every probability of x is 0", ""),
    (RULE + "relu [-1] | gelu", "2:11", "the probability -1 is negative", ""),
    (RULE + "relu when chanels > 3 | gelu", "2:15", "a guard cannot ask for chanels", "channels?"),
    (RULE + "relu when image == 3 | gelu", "2:15", "image is true or false, not a number", ""),
    (RULE + "relu when 3 | gelu", "2:15", "a guard must be a comparison", "when channels >= 8"),
    ("f(a) = linear(a)\n" + RULE + "f", "3:5", "f needs a", "it is written f(a)"),
    ("f(a) = linear(a)\n" + RULE + "f(1, 2)", "3:5", "f takes 1 arguments, 2 are given", "f(a)"),
    ("f(abc) = linear(abc)\n" + RULE + "f(abd=2)", "3:11", "f has no parameter abd", "abc?"),
    ("f(a) = a(3)\n" + RULE + "f(relu)", "1:8", "a is a parameter and takes no arguments", ""),
    (RULE + "3", "2:5", "3 is a value, but an operation is expected here", "write a primitive"),
    (RULE + "{16, 32}", "2:5", "a domain {...} is a value, but an operation is expected", ""),
    (RULE + "{ a = in >> relu }", "2:7", "a block must end with `out = ...`", ""),
    (RULE + "{ a = relu  a = relu  out = a }", "2:17", "the tensor a is named twice", ""),
    (RULE + "{ a = relu  out = b }", "2:23", "no rule or primitive is named b", ""),
    (RULE + "{ a = relu  out = gelu >> a }", "2:31", "a is a tensor and cannot stand after >>", ""),
    (RULE + "{ in = relu  out = in }", "2:7", "`in` is the incoming tensor, not a name", ""),
    (RULE + "in >> relu", "2:5", "`in` has a meaning inside a block { ... } only", ""),
    (RULE + "repeat(0, relu)", "2:12", "repeat needs a whole number of at least 1, got 0", ""),
    (RULE + "repeat(relu)", "2:5", "repeat is written repeat(n, expression)", ""),
    (RULE + "all(used)", "2:5", "all is written all(unused)", ""),
    (RULE + "{ a = relu out = any(3, a) >> add }", "2:22", "any cannot draw 3 of 1 tensors", ""),
    ("require inputs\n" + RULE + "relu", "1:9", "requiring inputs", "did you mean input?"),
    ('import "no.ein" (a)\n' + RULE + "a", "1:1", 'there is no file "no.ein" to import', "beside"),
    ("language 2\n" + RULE + "relu", "1:1", "the file is written in language 2", "language 1"),
    ("extend y = relu [0.1]\n" + RULE + "relu", "1:8", "there is no rule y to extend", ""),
    (RULE + "relu | gelu\nextend x = silu", "3:12", "needs the probability of what it adds", ""),
    (RULE + "relu | gelu\nextend x = silu [1.5]", "3:12", "1.5 in total", "below 1"),
    ("replace foo = relu\n" + RULE + "relu", "1:9", "no rule or primitive foo to replace", ""),
    (RULE + "linear(d) where d = 3, d = 4", "2:32", "d is bound twice in x", ""),
]


@pytest.mark.parametrize(("text", "place", "message", "hint"), MISTAKES)
def test_message(text: str, place: str, message: str, hint: str) -> None:
    with pytest.raises(GrammarError) as caught:
        load_grammar_text(text, "space.ein")
    shown = str(caught.value)
    assert shown.startswith(f"space.ein:{place}: "), shown
    assert message in shown
    assert hint in shown
    line, column = map(int, place.split(":"))
    source = text.splitlines()[line - 1]
    if column <= len(source):
        assert f"    {source}\n    {' ' * (column - 1)}^" in shown


def test_a_grammar_without_start_says_so_when_it_is_drawn_from() -> None:
    grammar = load_grammar_text("x = relu", "blocks.ein")
    with pytest.raises(GrammarError, match=r"blocks\.ein has no start rule"):
        _ = grammar.start_rule
