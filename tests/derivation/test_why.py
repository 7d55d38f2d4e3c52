"""`why`: derivations step by step, and the reasons why there is none, by their text."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import pytest

from einsearch.derivation.why import Failure, why
from einsearch.derivation.why_print import as_json
from einsearch.errors import ParseError
from einsearch.grammar.model import Grammar
from einsearch.specs import TensorSpec, image, tokens
from tests.derivation.spaces import IMAGE, WITH_EVERYTHING, draw, grammar, packaged

CONVOLUTIONS = """start net
net = part >> part | relu
part = convolution({16, 32}, 3) [2] | convolution(2 * {8, 12}, k=1) [1]
convolution(c, k) = conv2d(c, k) >> norm >> (relu | gelu)
"""


def failure(rules: str | Grammar, text: str, spec: TensorSpec = IMAGE) -> Failure:
    found = why(grammar(rules) if isinstance(rules, str) else rules, text, spec)
    assert found.derivation is None
    assert found.failure is not None
    return found.failure


class TestDerivation:
    def test_as_a_tree(self) -> None:
        text = "conv2d(16, 3) >> norm >> gelu >> conv2d(24, 1) >> norm >> relu"
        lines = str(why(grammar(CONVOLUTIONS), text, image(3, 8, 8))).splitlines()
        assert [" ".join(line.split()) for line in lines] == [
            "net = part >> part 0.5 test.ein:2 image:3x8x8 -> image:24x8x8",
            "part = convolution({16, 32}, 3) 0.667 test.ein:3 image:3x8x8 -> image:16x8x8",
            "convolution(c=16, k=3) = conv2d(c, k) >> norm >> (relu | gelu) "
            + "test.ein:4 image:3x8x8 -> image:16x8x8",
            "16 from {16, 32} 0.5",
            "conv2d(16, 3) image:3x8x8 -> image:16x8x8",
            "norm image:16x8x8",
            "(relu | gelu) = gelu 0.5 test.ein:4",
            "gelu image:16x8x8",
            "part = convolution(2 * {8, 12}, k=1) 0.333 test.ein:3 image:16x8x8 -> image:24x8x8",
            "convolution(c=24, k=1) = conv2d(c, k) >> norm >> (relu | gelu) "
            + "test.ein:4 image:16x8x8 -> image:24x8x8",
            "12 from {8, 12} 0.5",
            "conv2d(24, 1) image:16x8x8 -> image:24x8x8",
            "norm image:24x8x8",
            "(relu | gelu) = relu 0.5 test.ein:4",
            "relu image:24x8x8",
            "",
            "log-probability -4.9698",
        ]
        assert [len(line) - len(line.lstrip()) for line in lines[:5]] == [0, 2, 4, 6, 6]

    @pytest.mark.parametrize("seed", range(10))
    def test_probabilities_of_the_steps_make_up_that_of_the_derivation(self, seed: int) -> None:
        rules = grammar(WITH_EVERYTHING)
        found = why(rules, draw(rules, seed).text, IMAGE)
        assert found.derivation is not None
        told = [step.probability for step in found.steps if step.probability is not None]
        told += [drawn.probability for step in found.steps for drawn in step.drawn]
        assert sum(map(math.log, told)) == pytest.approx(found.derivation.log_probability)
        assert found.steps[0].outgoing == (found.derivation.output,)

    def test_what_is_derived_once_is_told_once(self) -> None:
        rules = grammar("start x\nx = b >> repeat(2..3, b) >> norm where b = relu | gelu")
        names = [step.name for step in why(rules, "gelu >> gelu >> gelu >> norm", IMAGE).steps]
        assert names == [
            *("x", "b: derived once", "(relu | gelu)", "gelu", "repeat: 2", "b: as above", "norm")
        ]

    def test_of_a_seed(self) -> None:
        found = why(packaged("digits"), "plain", image(1, 8, 8))
        assert found.derivation is not None
        assert found.steps[0].alternative == "stem >> module >> reduction >> module"

    def test_an_alternative_of_another_file_is_found_there(self, tmp_path) -> None:  # type: ignore[no-untyped-def]
        from einsearch.grammar.load import load_grammar_file

        (tmp_path / "base.ein").write_text("part = relu | gelu\n")
        (tmp_path / "top.ein").write_text(
            'start x\nimport "base.ein" (part)\nx = part >> part\n\nextend part = silu [0.1]\n'
        )
        rules = load_grammar_file(tmp_path / "top.ein")
        _, first, _, second, _ = why(rules, "silu >> gelu", IMAGE).steps
        places = [(s.place.file, s.place.line) for s in (first, second) if s.place]
        assert places == [("top.ein", 5), ("base.ein", 1)]
        assert [s.probability for s in (first, second)] == pytest.approx([0.1, 0.45])

    def test_thousands_of_levels(self) -> None:
        rules = grammar("start x\nx = (x, identity) >> add [0.999] | relu")
        text = "(" * 2000 + "relu" + ", identity) >> add" * 2000
        lines = str(why(rules, text, tokens(2, 2))).splitlines()
        assert max(map(len, lines)) < 140
        assert any(line.strip().startswith("(2000) x = relu ") for line in lines)
        found = failure(rules, text.replace("relu", "gelu"), tokens(2, 2))
        assert (found.fragment, found.is_enough) == ("gelu", True)


class Case(NamedTuple):
    """A grammar, a text that it cannot derive, and what is said about that.

    `column` is where the fragment begins in the text, `place` line and column in the grammar.
    """

    rules: str
    text: str
    fragment: str
    reason: str
    nearest: str
    column: int
    place: tuple[int, int]


CASES = {
    "a value that the domain does not have": Case(
        CONVOLUTIONS,
        "conv2d(48, 3) >> norm >> relu >> conv2d(16, 3) >> norm >> relu",
        "conv2d(48, 3)",
        "channels is c, drawn from {16, 32}, which does not have 48",
        "part = convolution({16, 32}, 3)",
        1,
        (3, 8),
    ),
    "a value that arithmetic makes of a domain": Case(
        CONVOLUTIONS,
        "conv2d(16, 3) >> norm >> relu >> conv2d(40, 1) >> norm >> relu",
        "conv2d(40, 1)",
        "channels is c, drawn from {8, 12}, which does not have 20",
        "part = convolution(2 * {8, 12}, k=1)",
        34,
        (3, 39),
    ),
    "a value outside of a range": Case(
        "start x\nx = linear(2..8)",
        "linear(9)",
        "linear(9)",
        "features is drawn from 2..8, which does not have 9",
        "x = linear(2..8)",
        1,
        (2, 1),
    ),
    "a value that is written in the grammar": Case(
        "start x\nx = max_pool(2, stride=2) | relu",
        "max_pool(2, stride=1)",
        "max_pool(2)",
        "stride is 2 there, not 1",
        "x = max_pool(2, stride=2)",
        1,
        (2, 5),
    ),
    "a default value": Case(
        "start x\nx = max_pool(3) >> relu",
        "max_pool(3, stride=2) >> relu",
        "max_pool(3, stride=2)",
        "stride is 1 there, its default, not 2",
        "x = max_pool(3) >> relu",
        1,
        (2, 1),
    ),
    "an attribute": Case(
        "start x\nx = conv2d(8, 3) >> conv2d(2 * channels, 1) >> conv2d(channels, 1)",
        "conv2d(8, 3) >> conv2d(16, 1) >> conv2d(8, 1)",
        "conv2d(8, 1)",
        "channels is the incoming tensor's channels, 16, not 8",
        "x = conv2d(8, 3) >> conv2d(2 * channels, 1) >> conv2d(channels, 1)",
        34,
        (2, 1),
    ),
    "one value used in two places": Case(
        "start x\nx = linear(d) >> linear(d) where d = {8, 16}",
        "linear(8) >> linear(16)",
        "linear(16)",
        "features is d there, which is 8, not 16",
        "x = linear(d) >> linear(d)",
        14,
        (2, 1),
    ),
    "another operation": Case(
        CONVOLUTIONS,
        "conv2d(16, 3) >> norm >> relu >> conv2d(16, 3) >> norm >> tanh",
        "tanh",
        "relu stands there, not tanh (nothing in test.ein makes tanh)",
        "convolution(c, k) = relu",
        59,
        (4, 46),
    ),
    "a missing operation": Case(
        CONVOLUTIONS,
        "conv2d(16, 3) >> norm >> relu >> conv2d(16, 3) >> relu",
        "conv2d(16, 3) >> relu",
        "norm is missing before relu",
        "convolution(c, k) = conv2d(c, k) >> norm >> (relu | gelu)",
        34,
        (4, 1),
    ),
    "a text that ends too early": Case(
        "start x\nx = relu >> f\nf = gelu >> norm",
        "relu >> gelu",
        "gelu",
        "norm is missing before the end of the text",
        "f = gelu >> norm",
        9,
        (3, 1),
    ),
    "an operation too many": Case(
        "start x\nx = relu >> norm",
        "relu >> tanh >> norm",
        "tanh",
        "tanh is one call too many before norm (nothing in test.ein makes tanh)",
        "x = relu >> norm",
        9,
        (2, 1),
    ),
    "a text that goes on": Case(
        "start x\nx = relu >> norm",
        "relu >> norm >> relu",
        "relu",
        "relu is one call too many behind norm",
        "x = relu >> norm",
        17,
        (2, 1),
    ),
    "too many repeats": Case(
        "start x\nx = conv2d(8, 3) >> repeat(2..4, b) >> norm\nb = relu | gelu",
        "conv2d(8, 3) >> repeat(6, gelu) >> norm",
        "repeat(6, gelu)",
        "repeat makes 2..4 copies, not 6",
        "x = conv2d(8, 3) >> repeat(2..4, b) >> norm",
        17,
        (2, 1),
    ),
    "too few copies in a chain": Case(
        "start x\nx = chain(3, b) >> norm\nb = relu | gelu",
        "gelu >> relu >> norm",
        "gelu >> relu",
        "chain makes 3 copies, not 2",
        "x = chain(3, b) >> norm",
        1,
        (2, 1),
    ),
    "a condition on shapes": Case(
        "start x\nx = conv2d(8, 3, stride=2) >> b\n"
        + "b = max_pool(2) [0.3] when height >= 16 and image | relu",
        "conv2d(8, 3, stride=2) >> max_pool(2)",
        "max_pool(2)",
        "its condition does not hold: `when height >= 16 and image`, but height is 8 and the "
        + "tensor is image",
        "b = max_pool(2)",
        27,
        (3, 5),
    ),
    "a condition on a parameter": Case(
        "start x\nx = f(1) >> f(2)\nf(n) = relu | gelu >> norm when n > 1",
        "gelu >> norm >> gelu >> norm",
        "gelu >> norm",
        "its condition does not hold: `when n > 1`, but n is 1",
        "f(n) = gelu >> norm",
        1,
        (3, 15),
    ),
    "a binding with two structures": Case(
        "start x\nx = b >> norm >> b where b = relu | gelu >> tanh",
        "relu >> norm >> gelu >> tanh",
        "gelu >> tanh",
        "b is derived once, so every use of it is the same; the text has `relu` first",
        "x = b >> norm >> b",
        17,
        (2, 1),
    ),
    "copies with two structures": Case(
        "start x\nx = repeat(2, b) >> norm\nb = relu | gelu",
        "relu >> gelu >> norm",
        "gelu",
        "repeat derives its expression once, so all copies are the same; the text has `relu` first",
        "x = repeat(2, b) >> norm",
        9,
        (2, 1),
    ),
    "branches with two structures": Case(
        "start x\nx = each(b, {2, 3}) >> add\nb = relu | gelu",
        "(relu, gelu) >> add",
        "gelu",
        "each derives its expression once, so all copies are the same; the text has `relu` first",
        "x = each(b, {2, 3}) >> add",
        8,
        (2, 1),
    ),
    "a tensor that may not be read": Case(
        "start x\nx = { s = relu t = gelu u = silu v = any(2, s, t) >> add out = v }",
        "{ s = relu t = gelu u = silu v = (s, u) >> add out = v }",
        "(s, u) >> add",
        "add reads another tensor than those that it may: s, t",
        "x = { s = relu t = gelu u = silu v = any(2, s, t) >> add out = v }",
        34,
        (2, 1),
    ),
    "another tensor than the one that is named": Case(
        "start x\nx = { s = relu t = gelu out = (s, t) >> add }",
        "{ s = relu t = gelu out = (in, t) >> add }",
        "(in, t) >> add",
        "add reads another tensor than s",
        "x = { s = relu t = gelu out = (s, t) >> add }",
        27,
        (2, 1),
    ),
    "too many branches": Case(
        "start x\nx = norm >> (relu, relu) >> add | norm",
        "norm >> (relu, relu, relu) >> add",
        "(relu, relu, relu)",
        "there are 2 branches there, not 3",
        "x = norm >> (relu, relu) >> add",
        9,
        (2, 5),
    ),
    "another number of clones": Case(
        "start x\nx = clone({2, 4}) >> each(relu) >> add",
        "clone(3) >> each(relu) >> add",
        "clone(3)",
        "n is drawn from {2, 4}, which does not have 3",
        "x = clone({2, 4}) >> each(relu) >> add",
        1,
        (2, 1),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_only_reason(name: str) -> None:
    case = CASES[name]
    line, column = case.place
    assert str(why(grammar(case.rules), case.text, IMAGE)) == (
        "test.ein cannot derive this on image:3x16x16\n"
        "\n"
        f"  fragment  {case.fragment}    <text>:1:{case.column}\n"
        f"  reason    {case.reason}\n"
        f"  nearest   {case.nearest}    test.ein:{line}:{column}\n"
        "\n"
        "  Nothing else stands in the way."
    )


@pytest.mark.parametrize("name", CASES)
def test_the_fragment_is_pointed_at(name: str) -> None:
    case = CASES[name]
    found = failure(case.rules, case.text)
    assert found.is_certain
    assert found.location is not None
    (head,) = re.findall(r"^(?:\w+|\()", found.fragment)
    assert case.text[found.location.column - 1 :].startswith(head)


class TestFailure:
    def test_as_text(self) -> None:
        found = why(grammar("start x\nx = relu >> (gelu | silu)"), "relu >> tanh", IMAGE)
        assert str(found) == (
            "test.ein cannot derive this on image:3x16x16\n"
            "\n"
            "  fragment  tanh    <text>:1:9\n"
            "  reason    gelu stands there, not tanh (nothing in test.ein makes tanh)\n"
            "  nearest   x = gelu    test.ein:2:14\n"
            "\n"
            "  Nothing else stands in the way."
        )

    def test_as_json(self) -> None:
        found = as_json(why(grammar("start x\nx = relu >> gelu"), "relu >> tanh", IMAGE))
        assert found["derivable"] is False
        assert found["location"] == {"file": "<text>", "line": 1, "column": 9}
        assert found["nearest"]["rule"] == "x"
        assert (found["only_reason"], found["certain"]) == (True, True)

    def test_more_than_one_reason(self) -> None:
        found = failure("start x\nx = relu >> gelu >> norm", "relu >> silu >> tanh")
        assert found.fragment == "silu"
        assert found.reason == (
            "gelu stands there, not silu (nothing in test.ein makes silu); "
            "that is not all that differs"
        )
        assert not found.is_enough

    def test_weights_that_are_shared(self) -> None:
        found = failure("start x\nx = relu >> linear(8) >> linear(8)", "relu >> tied(linear(8))")
        assert found.reason.startswith("linear is missing before the end of the text")
        both = "repeat(2, tied(linear(16))) >> relu"
        found = failure("start x\nx = linear(16) >> linear(16) >> relu", both, tokens(4, 16))
        assert "exactly the same weights are shared" in found.reason

    def test_shapes_that_do_not_fit(self) -> None:
        found = failure("start x\nx = relu", "relu >> matmul >> relu")
        assert (found.fragment, found.reason) == ("matmul", "matmul takes 2 tensors, 1 arrive")
        assert found.location is not None
        assert found.location.column == 9

    def test_a_seed_is_shown_in_its_file(self) -> None:
        rules = "start x\nx = f >> f\nf = relu | gelu\n\nseed s = f1 >> tanh\n\nf1 = relu\n"
        found = failure(rules, "s")
        assert str(found.location) == "test.ein:5:16"
        assert found.location is not None
        assert found.location.source_line == "seed s = f1 >> tanh"

    def test_what_a_macro_makes_is_shown_where_it_is_called(self) -> None:
        rules = "start x\nx = silu >> relu >> norm\nmacro = relu >> tanh\n"
        found = failure(rules, "silu >> macro")
        assert found.location is not None
        assert (found.location.column, found.fragment) == (9, "tanh")

    def test_a_name_like_that_of_a_seed(self) -> None:
        with pytest.raises(
            ParseError, match=r"no rule or primitive is named resnet81[\s\S]*resnet18"
        ):
            why(packaged("einspace"), "resnet81", IMAGE)


@pytest.mark.parametrize("seed", range(8))
def test_one_value_less_in_a_domain_is_the_reason(seed: int) -> None:
    """Texts drawn from a grammar, under the same grammar without one value that they need."""
    rules = """start net
    net = linear(d) >> chain(2..4, block(d)) >> norm where d = {8, 16}
    block(d) = (op >> linear(d), identity) >> add [0.7] | op
    op = linear({4, 12, 20}) >> act [2] | act [1]
    act = relu | gelu | dropout({0.1, 0.2})
    """
    text = draw(grammar(rules), seed, tokens(4, 8)).text
    for value, domain in ((16, "{8, 16}"), (20, "{4, 12, 20}"), (0.2, "{0.1, 0.2}")):
        called = f"dropout({value})" if value == 0.2 else f"linear({value})"
        if called not in text:
            continue
        narrow = domain.replace(f", {value}", "")
        found = failure(rules.replace(domain, narrow), text, tokens(4, 8))
        assert found.fragment == called
        assert found.reason.endswith(f"drawn from {narrow}, which does not have {value}")
        assert found.is_enough
