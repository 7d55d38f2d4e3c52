"""Written grammars load and mean the same as what they were written from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einsearch.derivation.limits import Limits
from einsearch.errors import GrammarError
from einsearch.grammar.load import load_grammar_text
from einsearch.grammar.model import Grammar
from einsearch.grammar.write import unique_names, write_grammar
from einsearch.resources import resource_folder
from einsearch.study.searchspace import seed_derivations
from tests.derivation.spaces import IMAGE, WITH_EVERYTHING, draw, grammar, packaged

GUARDS = """
start x
require input, nonlinearity
## Two lines
## of documentation.
x = (relu | tanh [0.9] when image) >> a(3, true) >> (a(2, false), identity) >> add
a(n, full) = conv2d(n, 1) [0.2] when full and not (channels < 3 or channels * 2 > 9)
           | conv2d(2 * (n + 1), {1, 3}) [0.3] when depth == 0 or full or height - 1 > 3
           | dropout(log 0.001..0.1) >> linear({2 * n, 4}, axis=last) [0.5]
"""
SPACES = {
    "everything": grammar(WITH_EVERYTHING),
    "guards": grammar(GUARDS),
    **{name: packaged(name) for name in ("einspace", "nasbench201", "digits", "darts", "evonorm")},
}


def written(rules: Grammar) -> Grammar:
    return load_grammar_text(write_grammar(rules), "written.ein")


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=5)
@given(seed=st.integers(0, 2**32))
def test_equal_seeds_draw_equal_networks(name: str, seed: int) -> None:
    limits = Limits(nodes=60 if name == "einspace" else 600)
    one = draw(SPACES[name], seed, limits=limits)
    other = draw(written(SPACES[name]), seed, limits=limits)
    assert one.text == other.text
    assert one.values == other.values
    assert one.log_probability == pytest.approx(other.log_probability, rel=1e-4)


def test_seeds_stay_what_they_were() -> None:
    one, other = SPACES["digits"], written(SPACES["digits"])
    assert list(other.seeds) == list(one.seeds)
    for seed in one.seeds:
        [before] = seed_derivations(one, IMAGE, [seed], Limits(nodes=None, depth=None), ())
        [after] = seed_derivations(other, IMAGE, [seed], Limits(nodes=None, depth=None), ())
        assert after.text == before.text


def test_requirements_and_documentation_stay() -> None:
    again = written(SPACES["guards"])
    assert again.require == ("input", "nonlinearity")
    assert again.start_rule.documentation == SPACES["guards"].start_rule.documentation


def test_imports_replacements_and_extensions_are_written_out() -> None:
    text = (
        'start x\nimport "einspace.ein" (module)\nx = module >> norm\nreplace norm = rms_norm\n'
        "extend module = tanh [0.2]"
    )
    rules = load_grammar_text(text, "test.ein", None, resource_folder("grammars"))
    text = write_grammar(rules)
    for word in ("import ", "extend ", "replace "):
        assert word not in text
    again = load_grammar_text(text, "written.ein")
    limits = Limits(nodes=30)
    for seed in range(20):
        one, other = draw(rules, seed, limits=limits), draw(again, seed, limits=limits)
        assert one.text == other.text


def test_names_are_free() -> None:
    rules = grammar(
        "start x\nx = f(2) >> { t = in >> relu  out = (t, in) >> add }\nf(c) = linear(c)"
    )
    wanted = {1: "relu", 2: "c", 3: "t", 4: "where", 5: "x", 6: "x", 7: "image", 8: "z"}
    found = unique_names(rules, wanted, taken=["z"])
    assert list(found.values()) == [
        *("relu_2", "c_2", "t_2", "where_2", "x", "x_2", "image_2", "z_2")
    ]


def test_a_file_without_start_cannot_be_written() -> None:
    with pytest.raises(GrammarError, match="has no start rule"):
        write_grammar(load_grammar_text("x = relu", "blocks.ein"))
