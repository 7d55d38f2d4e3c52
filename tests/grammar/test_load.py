"""What a grammar file means: probabilities, scopes, imports, `extend`, `replace`."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

import einsearch as es
from einsearch.errors import GrammarError
from einsearch.grammar import expressions as e
from einsearch.grammar.load import load_grammar_file, load_grammar_text
from einsearch.grammar.model import Grammar
from einsearch.grammar.read import read_architecture, read_file
from einsearch.resources import resource_folder


def probabilities(grammar: Grammar, rule: str) -> list[float]:
    body = grammar.rules[rule].body
    assert isinstance(body, e.Choice)
    return [alternative.probability for alternative in body.alternatives]


def test_alternatives_without_probability_share_what_is_left() -> None:
    grammar = load_grammar_text("x = relu [0.4] | gelu | silu | tanh [1/5]")
    assert probabilities(grammar, "x") == pytest.approx([0.4, 0.2, 0.2, 0.2])


def test_probabilities_everywhere_are_weights() -> None:
    grammar = load_grammar_text("x = relu [8] | gelu [1] | silu [3 + 4]")
    assert probabilities(grammar, "x") == pytest.approx([0.5, 1 / 16, 7 / 16])


def test_extend_scales_the_others() -> None:
    grammar = load_grammar_text("x = relu [3] | gelu [1]\nextend x = silu [0.1] | tanh [0.3]")
    assert probabilities(grammar, "x") == pytest.approx([0.45, 0.15, 0.1, 0.3])


def test_documentation_belongs_to_the_statement_below() -> None:
    text = "## First line.\n## Second.\nx = relu\n# no documentation\n#\ny = gelu\n"
    grammar = load_grammar_text(text)
    assert grammar.rules["x"].documentation == "First line.\nSecond."
    assert grammar.rules["y"].documentation == ""


def test_line_breaks_mean_nothing() -> None:
    text = "start x\nx = relu >> gelu when height >= 8 | { a = relu (p, q) = in out = a }"
    one_line = load_grammar_text(" ".join(text.split("\n")))
    many_lines = load_grammar_text(text.replace(" ", "\n"))
    assert len(one_line.rules) == len(many_lines.rules) == 1


@pytest.mark.parametrize(
    "text",
    [
        "{2, 4} * w",
        "linear({2, 4} * w, axis=-1)",
        "f(-1.0..1.0, log 1e-4..1e-1, (channels + 2) * 3)",
        "x when (height + 2) * 2 >= 8 and not (image or tokens)",
        "(a | b [0.2])",
        "(a, b,)",
        "a where c = d, e = {1 [0.5], 2}",
    ],
)
def test_the_syntax_reads(text: str) -> None:
    assert read_architecture(text)


def test_nesting_may_be_thousands_of_levels_deep() -> None:
    depth = 5000
    text = "x = " + "(relu, " * depth + "relu" + ") >> add" * depth
    assert len(load_grammar_text(text).rules) == 1


@pytest.mark.parametrize("name", ["einspace", "darts", "nasbench201", "evonorm"])
def test_packaged_grammars_load(name: str) -> None:
    folder = resource_folder("grammars")
    grammar = load_grammar_file(folder / f"{name}.ein", folder)
    assert grammar.start is not None


def test_comments_are_kept_with_their_places() -> None:
    source = read_file("# one\nx = relu # two\n#\n## three\ny = gelu")
    assert [(c.at, c.text) for c in source.comments] == [
        ((1, 1), "# one"),
        ((2, 10), "# two"),
        ((3, 1), "#"),
        ((4, 1), "## three"),
    ]


class TestImports:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "base.ein").write_text(
            "block = norm >> activation\nactivation = relu [3] | gelu [1]\nhidden = linear(8)\n"
        )
        return tmp_path

    def load(self, folder: Path, text: str) -> Grammar:
        path = folder / "space.ein"
        path.write_text(text)
        return load_grammar_file(path, None)

    def test_imported_names_keep_their_scope(self, folder: Path) -> None:
        text = 'import "base.ein" (block)\nstart x\nx = block\nactivation = silu | tanh\n'
        grammar = self.load(folder, text)
        assert probabilities(grammar, "activation.2") == [0.75, 0.25]
        assert probabilities(grammar, "activation") == [0.5, 0.5]

    def test_replace_reaches_into_what_is_imported(self, folder: Path) -> None:
        text = 'import "base.ein" (block)\nreplace norm = rms_norm\nstart x\nx = block\n'
        body = self.load(folder, text).rules["block"].body
        assert isinstance(body, e.Series)
        assert isinstance(body.items[0], e.RuleCall)
        assert body.items[0].rule == "norm"

    def test_a_replacement_may_use_what_it_replaces(self, folder: Path) -> None:
        text = 'import "base.ein" (block)\nreplace norm = norm >> tanh\nstart x\nx = block\n'
        body = self.load(folder, text).rules["norm"].body
        assert isinstance(body, e.Series)
        assert isinstance(body.items[0], e.PrimitiveCall)

    def test_extend_reaches_into_what_is_imported(self, folder: Path) -> None:
        text = 'import "base.ein" (block, activation)\nextend activation = silu [0.2]\nstart x\n'
        grammar = self.load(folder, text + "x = block\n")
        body = grammar.rules["block"].body
        assert isinstance(body, e.Series)
        assert isinstance(body.items[1], e.RuleCall)
        assert probabilities(grammar, body.items[1].rule) == pytest.approx([0.6, 0.2, 0.2])

    def test_a_circle_is_named(self, folder: Path) -> None:
        (folder / "a.ein").write_text('import "b.ein" (y)\nx = y\n')
        (folder / "b.ein").write_text('import "a.ein" (x)\ny = x\n')
        with pytest.raises(GrammarError, match=r"in a circle: a\.ein -> b\.ein -> a\.ein"):
            load_grammar_file(folder / "a.ein", None)

    def test_a_name_that_is_not_there(self, folder: Path) -> None:
        with pytest.raises(GrammarError, match=r"defines no rule blok[\s\S]*did you mean block\?"):
            self.load(folder, 'import "base.ein" (blok)\n')

    def test_packaged_files_are_found(self, folder: Path) -> None:
        path = folder / "space.ein"
        path.write_text('import "evonorm.ein" (norm_activation)\nstart x\nx = norm_activation\n')
        grammar = load_grammar_file(path, resource_folder("grammars"))
        assert "norm_activation" in grammar.rules


def test_a_seed_is_its_expression() -> None:
    loaded = load_grammar_text("start x\nx = relu >> gelu\nseed s = relu\n    >> gelu\n", "t.ein")
    seed = loaded.seeds["s"]
    assert (seed, seed.text, seed.name, seed.at[0]) == ("relu >> gelu", "relu >> gelu", "s", 3)
    assert es.architecture(seed, es.image(3, 8, 8), loaded).text == "relu >> gelu"
    copied = pickle.loads(pickle.dumps(seed))
    assert (copied, copied.name) == (seed, "s")
