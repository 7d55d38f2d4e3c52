"""Text, decisions and derivation: each gives the others back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.derivation.limits import Limits
from einsearch.derivation.parse import derive_rule, parse
from einsearch.derivation.replay import architecture, replay
from einsearch.derivation.target import Freedom, same_architecture
from einsearch.errors import ParseError, ShapeError
from einsearch.grammar.model import Grammar
from einsearch.graph.canonical import canonical_hash
from einsearch.resources import resource_folder
from einsearch.specs import TensorSpec, image, tokens, vector
from tests.derivation.spaces import IMAGE, WITH_EVERYTHING, draw, grammar, packaged

INPUTS = {
    "characters": tokens(16, 1),
    "codes": tokens(16, 1),
    "darts": image(3, 16, 16),
    "digits": image(1, 8, 8),
    "einspace": image(3, 16, 16),
    "evonorm": image(32, 8, 8),
    "images": image(3, 16, 16),
    "kan": vector(8),
    "nasbench201": image(3, 16, 16),
    "sequence": tokens(16, 8),
    "series": tokens(16, 8),
    "tables": vector(8),
    "vision": image(3, 16, 16),
    "vision_mamba": image(3, 16, 16),
}
SPACES = {name: (packaged(name), spec) for name, spec in INPUTS.items()}
SPACES["everything"] = (grammar(WITH_EVERYTHING), IMAGE)


@pytest.fixture(params=SPACES)
def space(request: pytest.FixtureRequest) -> tuple[Grammar, TensorSpec]:
    return SPACES[request.param]


def test_text_reads_back(space: tuple[Grammar, TensorSpec]) -> None:
    rules, spec = space
    for seed in range(12):
        found = draw(rules, seed, spec)
        read = architecture(found.text, spec)
        assert read.text == found.text
        assert same_architecture(read, found)
        assert canonical_hash(read.program) == canonical_hash(found.program)


def test_every_packaged_grammar_is_among_them() -> None:
    assert {path.stem for path in resource_folder("grammars").glob("*.ein")} == set(INPUTS)


def test_text_is_derived_again(space: tuple[Grammar, TensorSpec]) -> None:
    rules, spec = space
    for seed in range(24):
        found = draw(rules, seed, spec, Limits(nodes=300))
        derived = parse(rules, found.text, spec)
        assert same_architecture(derived, found)
        if derived.text == found.text:
            assert derived.log_probability >= found.log_probability - 1e-9
        else:  # as (relu, relu), which a grammar may rather derive as copies
            assert derived.log_probability > found.log_probability


def test_decisions_replay_through_json(space: tuple[Grammar, TensorSpec]) -> None:
    rules, spec = space
    for seed in range(12):
        found = draw(rules, seed, spec)
        again = replay(rules, spec, json.loads(json.dumps(found.decisions)))
        assert again.decisions == found.decisions
        assert again.text == found.text
        assert again.log_probability == found.log_probability


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_addresses_are_unique(seed: int) -> None:
    found = draw(SPACES["everything"][0], seed)
    addresses = [decision.address for decision in found.decisions]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("einspace", "resnet18"),
        ("einspace", "vit"),
        ("evonorm", "evonorm_s0"),
        ("evonorm", "evonorm_b0"),
    ],
)
def test_seeds_are_derived(name: str, seed: str) -> None:
    rules = SPACES[name][0]
    written = rules.seeds[seed]
    spec = image(3, 64, 64)
    derived = derive_rule(rules, written.rule, rules, spec, written.text)
    read = architecture(written.text, spec, rules)
    assert same_architecture(read, derived, Freedom.UNREAD)
    assert canonical_hash(read.program) == canonical_hash(derived.program)


EQUIVALENT = [
    ("relu", "relu >> identity"),
    ("(relu, gelu) >> add", "clone(2) >> (relu, gelu) >> add"),
    ("each(relu, 2) >> add", "clone(2) >> each(relu) >> add"),
    ("repeat(2, relu >> gelu)", "relu >> gelu >> relu >> gelu"),
    ("linear(8, axis=last)", "linear(8)"),
    ("linear(8)", "linear(features=8, bias=true)"),
    ("relu >> (gelu >> silu)", "relu >> gelu >> silu"),
]


@pytest.mark.parametrize(("written", "meant"), EQUIVALENT)
def test_equivalent_texts_are_derived(written: str, meant: str) -> None:
    text = """
    start m
    m = m >> m | relu | gelu | silu | identity | linear({8, 16}, axis=last)
      | clone(2) >> (m, m) >> add | clone(2) >> each(m) >> add
    """
    rules, spec = grammar(text), tokens(4, 8)
    left, right = parse(rules, written, spec), parse(rules, meant, spec)
    assert canonical_hash(left.program) == canonical_hash(right.program)
    for derived in (left, right):
        assert parse(rules, derived.text, spec).text == derived.text


def test_the_most_probable_derivation_is_given() -> None:
    text = """
    start x
    x = a [0.1] | b [0.6] | relu >> gelu [0.3]
    a = y
    b = y >> gelu
    y = relu >> gelu [0.9] | relu
    """
    rules = grammar(text)
    derived = parse(rules, "relu >> gelu", IMAGE)
    assert derived.decisions[0].value == 2


class TestErrors:
    def test_an_underivable_call_is_named(self) -> None:
        rules = grammar("start x\nx = relu >> (gelu | silu) >> tanh")
        with pytest.raises(ParseError) as caught:
            parse(rules, "relu >> sigmoid >> tanh", IMAGE)
        assert str(caught.value) == (
            "<text>:1:9: test.ein cannot derive this text: sigmoid cannot stand here\n"
            "    relu >> sigmoid >> tanh\n"
            "            ^\n"
            "  expected gelu, silu"
        )

    def test_a_text_that_ends_too_early(self) -> None:
        rules = grammar("start x\nx = relu >> gelu")
        with pytest.raises(ParseError, match="must go on behind its end\n  expected gelu"):
            parse(rules, "relu", IMAGE)

    def test_a_text_that_chooses(self) -> None:
        with pytest.raises(ShapeError, match="every choice of"):
            architecture("relu | gelu", IMAGE)

    def test_a_text_whose_shapes_do_not_fit(self) -> None:
        with pytest.raises(ShapeError, match="conv2d cannot take tokens:4x8: it needs an image"):
            architecture("conv2d(8, 3)", tokens(4, 8))

    def test_a_text_with_a_typing_error(self) -> None:
        with pytest.raises(ParseError, match=r"<text>:1:9: no rule or primitive is named gellu"):
            architecture("relu >> gellu", IMAGE)

    def test_decisions_of_another_grammar(self) -> None:
        found = draw(grammar("start x\nx = relu | gelu | silu"), 5)
        with pytest.raises(ParseError, match=r"decisions do not fit test\.ein"):
            replay(grammar("start x\nx = relu"), IMAGE, found.decisions)


def test_thousands_of_levels() -> None:
    levels = 5000
    rules = grammar("start x\nx = (x, identity) >> add [0.999] | relu")
    limits = Limits(nodes=4 * levels, depth=levels)
    text = "(" * levels + "relu" + ", identity) >> add" * levels
    derived = parse(rules, text, tokens(2, 2))
    assert derived.depth == levels
    assert derived.text == text
    assert architecture(derived.text, tokens(2, 2)).text == text
    assert limits.depth == levels
