"""What docs/language.md says beside its examples is so."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import einsearch as es
from einsearch.errors import GrammarError, ParseError, ShapeError
from einsearch.primitives.base import all_primitives
from einsearch.resources import resource_folder
from einsearch.specs import ATTRIBUTES

PACKAGED = resource_folder("grammars")
BLOCKS = sorted((PACKAGED / "blocks").glob("*.ein"))
GUIDE: Final = (Path(__file__).resolve().parents[1] / "docs" / "language.md").read_text()
IMAGE: Final = es.image(3, 16, 16)


def grammar(text: str) -> Any:
    return es.parse_grammar(text)


def chance(rules: str, text: str, spec: es.TensorSpec = IMAGE) -> float:
    """Probability of a text, or 0 where it cannot be derived."""
    try:
        return math.exp(grammar(rules).parse(text, spec).log_probability)
    except ParseError:
        return 0.0


def texts(rules: str, spec: es.TensorSpec = IMAGE, number: int = 40) -> set[str]:
    loaded, rng = grammar(rules), np.random.default_rng(0)
    return {loaded.sample(spec, rng).text for _ in range(number)}


class TestExpressions:
    def test_joins_are_those_that_are_named(self) -> None:
        for join in ("add", "mul", "maximum", "concat(axis=0)"):
            found = es.architecture(f"(relu, relu) >> {join}", IMAGE)
            assert found.output.shape[1:] == (16, 16)
        assert es.architecture("(relu, relu) >> matmul", IMAGE).output.shape == (3, 16, 16)

    def test_the_first_expression_gets_the_first_tensor(self) -> None:
        text = "split(3, axis=0) >> (conv2d(1, 3), conv2d(2, 3), conv2d(3, 3)) >> concat(axis=0)"
        assert es.architecture(text, IMAGE).output.shape == (6, 16, 16)
        with pytest.raises(ShapeError):
            es.architecture("clone(3) >> (relu, relu) >> add", IMAGE)


class TestChoices:
    def test_what_has_no_probability_shares_what_is_left(self) -> None:
        rules = "start x\nx = relu [0.5] | gelu [0.3] | silu | tanh"
        found = [chance(rules, name) for name in ("relu", "gelu", "silu", "tanh")]
        assert found == pytest.approx([0.5, 0.3, 0.1, 0.1])
        rules = "language 1\nstart x\nx = relu [1/3] | gelu [2/3]"
        assert chance(rules, "gelu") == pytest.approx(2 / 3)
        assert chance("start x\nx = relu [8] | gelu [1]", "gelu") == pytest.approx(1 / 9)
        assert chance("start x\nx = norm >> (relu | gelu [0.2])", "norm >> relu") == 0.8

    def test_domains(self) -> None:
        assert chance("start x\nx = conv2d({16 [0.8], 32}, 3)", "conv2d(32, 3)") == pytest.approx(
            0.2
        )
        rules = "start x\nx = conv2d(2..8, 3)"
        assert [chance(rules, f"conv2d({n}, 3)") for n in (1, 2, 8, 9)] == pytest.approx(
            [0, 1 / 7, 1 / 7, 0]
        )
        drawn = texts("start x\nx = dropout(log 1e-4..1e-1)", number=200)
        values = [float(text[8:-1]) for text in drawn]
        powers = Counter(math.floor(math.log10(value)) for value in values)
        assert set(powers) == {-4, -3, -2}
        assert min(powers.values()) > 40
        values = [float(text[8:-1]) for text in texts("start x\nx = dropout(0.1..0.3)")]
        assert all(0.1 <= value <= 0.3 for value in values)

    def test_what_is_ruled_out_goes_to_the_rest_in_proportion(self) -> None:
        rules = "start x\nx = relu [0.6] when height >= 32 | gelu [0.3] | silu [0.1]"
        assert chance(rules, "gelu") == pytest.approx(0.75)
        assert chance(rules, "relu", es.image(3, 32, 32)) == pytest.approx(0.6)

    def test_conditions_know_what_they_are_said_to_know(self) -> None:
        (told,) = re.findall(r"`when` restricts.*?parameters;", GUIDE, re.DOTALL)
        named = set(re.findall(r"`(\w+)`", told)) - {"when"}
        assert named == ATTRIBUTES | {"image", "tokens", "vector", "depth"}
        for name in named:
            asked = f"{name} > 3" if name in ATTRIBUTES | {"depth"} else name
            grammar(f"start x\nx = f(2)\nf(n) = relu when {asked} or n * 2 + 1 == 5 | gelu")

    def test_a_comparison_with_what_is_not_there_is_false(self) -> None:
        rules = "start x\nx = relu when height < 32 | gelu when not height < 32"
        assert texts(rules, es.tokens(4, 8)) == {"gelu"}
        assert texts(rules) == {"relu"}

    def test_divisions_come_out_even(self) -> None:
        assert es.architecture("conv2d(elements / 3, 1)", es.image(3, 2, 2)).output.shape[0] == 4
        with pytest.raises(ShapeError, match="3 / 2 is not an exact number"):
            es.architecture("conv2d(channels / 2, 1)", IMAGE)

    def test_attributes_are_values_too(self) -> None:
        found = es.architecture("conv2d(2 * channels, 3) >> conv2d(channels, 3)", IMAGE)
        assert found.output == es.image(6, 16, 16)
        assert found.text == "conv2d(6, 3) >> conv2d(6, 3)"


class TestCopies:
    @pytest.mark.parametrize(
        ("rule", "alike", "different"),
        [
            ("repeat(2, b)", "repeat(2, relu)", "relu >> gelu"),
            ("each(b, 2) >> add", "each(relu, 2) >> add", "(relu, gelu) >> add"),
            ("clone(2) >> each(b) >> add", "clone(2) >> each(relu) >> add", "(relu, gelu) >> add"),
        ],
    )
    def test_copies_are_derived_once(self, rule: str, alike: str, different: str) -> None:
        rules = f"start x\nx = {rule}\nb = relu | gelu"
        assert chance(rules, alike) == pytest.approx(0.5)
        assert chance(rules, different) == 0

    def test_a_chain_is_derived_anew(self) -> None:
        rules = "start x\nx = chain(2, b)\nb = relu | gelu"
        assert chance(rules, "relu >> gelu") == pytest.approx(0.25)

    def test_tied_copies_share_their_weights(self) -> None:
        free = es.architecture("repeat(3, conv2d(3, 3))", IMAGE).graph().parameters
        assert (
            es.architecture("repeat(3, tied(conv2d(3, 3)))", IMAGE).graph().parameters * 3 == free
        )

    def test_a_value_that_is_handed_over_is_drawn_once(self) -> None:
        rules = "start x\nx = f({8, 16}) >> norm\nf(c) = conv2d(c, 3) >> conv2d(c, 1)"
        assert chance(rules, "conv2d(8, 3) >> conv2d(8, 1) >> norm") == 0.5
        assert chance(rules, "conv2d(8, 3) >> conv2d(16, 1) >> norm") == 0


class TestBlocks:
    def test_two_tensors_are_different_ones(self) -> None:
        rules = "start x\nx = { s = relu t = gelu out = any(2) >> add }"
        found = texts(rules)
        assert len(found) == 3
        assert chance(rules, "{ s = relu t = gelu out = (s, s) >> add }") == 0
        listed = "start x\nx = { s = relu t = gelu out = any(2, s, t) >> add }"
        assert len(texts(listed, number=10)) == 1

    def test_unused_prefers_what_nothing_has_read(self) -> None:
        rules = "start x\nx = { s = relu t = s >> gelu out = any(unused) >> silu }"
        assert chance(rules, "{ s = relu t = s >> gelu out = t >> silu }") == 1
        rules = "start x\nx = { s = relu t = gelu u = s >> silu out = all(unused) >> add }"
        assert chance(rules, "{ s = relu t = gelu u = s >> silu out = (t, u) >> add }") == 1

    def test_bundles_have_names(self) -> None:
        text = "clone(2) >> { (p, q) = in  s = p >> relu  out = (s, q) } >> add"
        assert es.architecture(text, IMAGE).output == IMAGE

    def test_tensors_from_nowhere(self) -> None:
        found = es.architecture(
            "{ v = parameter(init=1) c = constant(0) out = (in, v, c) >> add }", IMAGE
        )
        assert found.graph().parameters == 3


class TestRequirements:
    @pytest.mark.parametrize(
        ("requirement", "good", "bad"),
        [
            ("input", "linear(4)", "zero"),
            ("parameters", "linear(4)", "relu"),
            ("nonlinearity", "relu", "linear(4)"),
            ("gradient", "linear(4)", "linear(4) >> zero"),
        ],
    )
    def test_each(self, requirement: str, good: str, bad: str) -> None:
        rules = f"start x\nrequire {requirement}\nx = {good} | {bad}"
        assert texts(rules, es.vector(8), number=20) == {good}


class TestFiles:
    def test_extend_keeps_proportions(self) -> None:
        rules = "start x\nx = relu [0.2] | gelu [0.8]\nextend x = silu [0.1]"
        found = [chance(rules, name) for name in ("relu", "gelu", "silu")]
        assert found == pytest.approx([0.18, 0.72, 0.1])

    def test_replace_holds_in_what_is_imported(self, tmp_path: Path) -> None:
        (tmp_path / "b.ein").write_text("b = norm >> relu\n")
        path = tmp_path / "a.ein"
        path.write_text('start x\nimport "b.ein" (b)\nreplace norm = layer_norm\nx = b >> norm\n')
        found = es.load_grammar(path).sample(es.tokens(4, 8), seed=0)  # type: ignore[attr-defined]
        assert found.text == "layer_norm >> relu >> layer_norm"

    def test_a_seed_must_be_derivable(self) -> None:
        loaded = grammar("start x\nx = relu\nseed s = gelu")
        assert [str(problem.severity) for problem in loaded.check(IMAGE)] == ["error"]
        assert loaded.check() == []


def test_tensors() -> None:
    for text in re.findall(r"`((?:image|tokens|vector):[\dx]+)`", GUIDE):
        assert str(es.parse_spec(text)) == text
    folded = "im2col(3) >> linear(8) >> col2im"
    assert es.architecture(folded, IMAGE).output == es.image(8, 16, 16)
    with pytest.raises(ShapeError):
        es.architecture('im2col(3) >> permute("ba") >> permute("ba") >> col2im', es.image(3, 4, 8))


def test_errors() -> None:
    (shown,) = re.findall(r"```text\nerror: (.*?)```", GUIDE, re.DOTALL)
    text = "start network\n\n\nnetwork = conv3d(16, 3) >> relu\n"
    with pytest.raises(GrammarError) as caught:
        es.parse_grammar(text)
    assert f"{caught.value}\n".replace("<text>", "mine.ein") == shown


def test_blocks_of_the_guide_are_rules_with_those_parameters() -> None:
    rows = re.findall(r"^\| `([\w/]+\.ein)` \| (.*) \|$", GUIDE, re.MULTILINE)
    assert {file for file, _ in rows} >= {f"blocks/{path.name}" for path in BLOCKS}
    for file, cells in rows:
        rules = es.load_grammar(str(PACKAGED / file)).rules
        for name, parameters in re.findall(r"`(\w+)(?:\(([\w, ]*)\))?`", cells):
            assert list(rules[name].parameters) == [p for p in parameters.split(", ") if p], name


def test_every_primitive_of_the_guide_is_one() -> None:
    called = set(re.findall(r"`(\w+)\([^`]*\)`", GUIDE))
    known = set(all_primitives()) | {"each", "repeat", "chain", "tied", "any", "all", "experts"}
    known |= {rule for path in BLOCKS for rule in es.load_grammar(str(path)).rules}
    assert called <= known, called - known
