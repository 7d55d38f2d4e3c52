"""What is read of files: encodings, what is no file, bounds on size, numbers and nesting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from einsearch.errors import GrammarError, ParseError
from einsearch.grammar import expressions as e
from einsearch.grammar.format import format_text
from einsearch.grammar.load import load_grammar_file, load_grammar_text
from einsearch.grammar.read import read_architecture
from einsearch.grammar.source import MOST_BYTES, MOST_OF_A_NETWORK, MOST_RULES, MOST_WORDS

SOUND = "start x\nx = relu | gelu\n"


def refusal(text: str) -> str:
    with pytest.raises(GrammarError) as caught:
        load_grammar_text(text, "space.ein")
    return str(caught.value)


def probabilities(text: str) -> list[float]:
    body = load_grammar_text(f"start x\nx = {text}\n").rules["x"].body
    assert isinstance(body, e.Choice)
    return [alternative.probability for alternative in body.alternatives]


class TestFiles:
    def test_a_byte_order_mark_is_left_out(self, tmp_path: Path) -> None:
        (tmp_path / "a.ein").write_bytes(b'\xef\xbb\xbfimport "b.ein" (y)\nstart x\nx = y')
        (tmp_path / "b.ein").write_bytes(b"\xef\xbb\xbf## Says something.\ny = relu")
        grammar = load_grammar_file(tmp_path / "a.ein")
        assert grammar.rules["y"].documentation == "Says something."
        assert grammar.text.startswith("import")
        assert load_grammar_text("\ufeff" + SOUND).start == "x"
        assert format_text("\ufeff" + SOUND) == SOUND

    def test_other_encodings_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.ein").write_text(SOUND, encoding="utf-16")
        with pytest.raises(GrammarError, match="UTF-16; save it as UTF-8"):
            load_grammar_file(tmp_path / "a.ein")
        (tmp_path / "a.ein").write_bytes(b"start x\nx = relu # \xe9\n")
        with pytest.raises(GrammarError, match="not UTF-8 text: line 2 has other bytes"):
            load_grammar_file(tmp_path / "a.ein")

    def test_what_is_no_regular_file_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.ein")
        (tmp_path / "folder.ein").mkdir()
        with pytest.raises(GrammarError, match="it is no regular file"):
            load_grammar_file(tmp_path / "pipe.ein")
        with pytest.raises(GrammarError, match="it is a folder"):
            load_grammar_file(tmp_path / "folder.ein")
        (tmp_path / "a.ein").write_text('import "pipe.ein" (x)\nstart x\n')
        with pytest.raises(GrammarError, match=r'a\.ein:1:1: cannot read "pipe\.ein": it is no'):
            load_grammar_file(tmp_path / "a.ein")

    def test_a_huge_file_is_not_read(self, tmp_path: Path) -> None:
        with (tmp_path / "a.ein").open("wb") as file:
            file.truncate(MOST_BYTES * 1000)
        with pytest.raises(GrammarError, match="more than 1,048,576 bytes"):
            load_grammar_file(tmp_path / "a.ein")

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("not_a_grammar.txt", 'imports end in .ein, "not_a_grammar.txt" does not'),
            ("/dev/zero", "imports end in .ein"),
            ("a\0b.ein", "its name has a character that no path may have"),
            ("a" * 5000 + ".ein", "File name too long"),
            ("secret.ein", '"secret.ein" leads to a file that does not end in .ein'),
            ("none.ein", 'there is no file "none.ein" to import'),
            ("dir", "imports end in .ein"),
        ],
    )
    def test_an_import_that_is_no_grammar_shows_nothing_of_it(
        self, tmp_path: Path, path: str, reason: str
    ) -> None:
        (tmp_path / "not_a_grammar.txt").write_text("secret: first line\n")
        (tmp_path / "secret.ein").symlink_to(tmp_path / "not_a_grammar.txt")
        (tmp_path / "dir").mkdir()
        (tmp_path / "a.ein").write_text(f'start x\nimport "{path}" (x)\n')
        with pytest.raises(GrammarError) as caught:
            load_grammar_file(tmp_path / "a.ein")
        shown = str(caught.value)
        assert shown.startswith("a.ein:2:1: ")
        assert reason in shown
        assert "secret:" not in shown
        assert len(shown) < 1000

    def test_a_grammar_ends_in_ein(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("secret: first line\n")
        with pytest.raises(GrammarError, match=r"files of grammars end in \.ein") as caught:
            load_grammar_file(tmp_path / "notes.txt")
        assert "secret" not in str(caught.value)


class TestBounds:
    @pytest.mark.parametrize(
        "text",
        [
            "(" * 100_000 + "relu" + ")" * 100_000,
            " | ".join(["relu"] * 100_000),
            "relu\n" + "# note\n" * 100_000,
            "relu >> " * 100_000 + "relu",
        ],
    )
    def test_words_are_bounded(self, text: str) -> None:
        shown = refusal(f"start x\nx = {text}\n")
        assert f"the grammar has more than {MOST_WORDS:,} words, signs and comments" in shown
        assert shown.startswith("space.ein:")
        assert not shown.startswith("space.ein:1:1:")

    @pytest.mark.parametrize("rule", ["relu >> a{}", "a{} | gelu", "linear(x) >> a{} where x = 8"])
    def test_rules_are_bounded_before_any_is_read(self, rule: str) -> None:
        chained = "".join(f"a{n} = {rule.format(n + 1)}\n" for n in range(5000))
        place = 2 + MOST_RULES // (2 if "where" in rule else 1)
        shown = refusal(f"start a0\n{chained}a5000 = relu\n")
        told = f"the grammar has more than {MOST_RULES:,} rules, seeds and bindings"
        assert shown.startswith(f"space.ein:{place}:")
        assert told in shown
        assert told in refusal(f"start a0\n{chained}a5000 = (((\n")
        named = ", ".join("stride=2" for _ in range(MOST_RULES))
        assert told not in refusal(f"start x\nx = conv2d({named})\n")

    def test_rules_of_imports_count_too(self, tmp_path: Path) -> None:
        half = [f"b{n} = relu >> b{n + 1}\n" for n in range(MOST_RULES // 2)]
        (tmp_path / "b.ein").write_text("".join(half) + f"b{len(half)} = relu\n")
        own = "".join(half).replace("b", "a") + f"a{len(half)} = b0\n"
        (tmp_path / "a.ein").write_text(f'import "b.ein" (b0)\nstart a0\n{own}')
        with pytest.raises(
            GrammarError, match=r"b\.ein:\d+:1: the grammar has more than 2,000 rules\n"
        ):
            load_grammar_file(tmp_path / "a.ein")

    def test_words_of_an_architecture_are_bounded(self) -> None:
        whole = "(" * 20_000 + "relu" + ")" * 20_000
        assert read_architecture(whole)[0].at == (1, 20_001)
        place = rf"1:{MOST_OF_A_NETWORK + 4}: the architecture has more than 150,000 words"
        with pytest.raises(ParseError, match=place):
            read_architecture("(" * 100_000 + "relu" + ")" * 100_000)

    def test_words_of_imports_count_too(self, tmp_path: Path) -> None:
        half = " >> ".join(["relu"] * (MOST_WORDS // 4 + 100))
        (tmp_path / "b.ein").write_text(f"y = {half}\n")
        (tmp_path / "a.ein").write_text(f'import "b.ein" (y)\nstart x\nx = {half}\n')
        with pytest.raises(GrammarError, match=r"b\.ein:1:\d+: the grammar and what it imports"):
            load_grammar_file(tmp_path / "a.ein")

    def test_characters_are_bounded_and_spaces_cost_nothing(self) -> None:
        assert load_grammar_text("start x\nx = " + " " * 1_000_000 + "relu\n").start == "x"
        assert "characters" in refusal("start x\nx = " + " " * MOST_BYTES + "relu\n")
        assert "4:2: unexpected '('" in refusal(
            "start n\nn = {\n y = relu(in)\n (a" + " " * 100_000 + "b\n}\n"
        )

    @pytest.mark.parametrize(
        "text",
        [
            f"linear({'+'.join(['1'] * 1000)})",
            f"relu when {'not ' * 1000}channels > 1 | gelu",
            f"relu when {' or '.join(['channels > 1'] * 1000)} | gelu",
            f"relu when {'-' * 1000}channels > 1 | gelu",
            f"linear({'{' * 1000}8{'}' * 1000})",
            f"linear({'{1+' * 1000}8{'}' * 1000})",
            f"relu [{'(1+' * 1000}1{')' * 1000}] | gelu",
        ],
    )
    def test_levels_of_values_and_conditions_are_bounded(self, text: str) -> None:
        shown = refusal(f"start x\nx = {text}\n")
        assert shown.startswith("space.ein:2:")
        assert "more than 100 levels" in shown

    def test_names_of_one_statement_are_bounded(self) -> None:
        names = [f"n{number}" for number in range(201)]
        assert "1:1: f has more than 200 parameters" in refusal(f"f({', '.join(names)}) = relu")
        bound = ", ".join(f"{name} = relu" for name in names)
        assert "1:1: x has more than 200 bindings" in refusal(f"x = n1 where {bound}")
        block = " ".join(f"{name} = relu" for name in names)
        assert "a block has more than 200 statements" in refusal(f"x = {{ {block} out = n1 }}")

    def test_chains_and_numbers_of_imports_are_bounded(self, tmp_path: Path) -> None:
        for number in range(200):
            text = f'import "f{number + 1}.ein" (x)\n'
            (tmp_path / f"f{number}.ein").write_text(text)
        (tmp_path / "f200.ein").write_text("x = relu\n")
        with pytest.raises(GrammarError, match="more than 100 files import each other in a chain"):
            load_grammar_file(tmp_path / "f0.ein")

    def test_files_that_double_with_every_level_are_bounded(self, tmp_path: Path) -> None:
        for number in range(12):
            below = "".join(f'import "{s}{number + 1}.ein" ({s}{number + 1})\n' for s in "lr")
            for side in "lr":
                text = f"replace relu = relu >> gelu\n{side}{number} = l{number + 1}\n"
                (tmp_path / f"{side}{number}.ein").write_text(below + text)
        for side in "lr":
            (tmp_path / f"{side}12.ein").write_text(f"{side}12 = relu\n")
        with pytest.raises(GrammarError, match="more than 300 files are imported"):
            load_grammar_file(tmp_path / "l0.ein")


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (f"linear({'9' * 5000})", "2:12: an integer of 5,000 digits is too large"),
            (f"linear({2**63})", "2:12: 9223372036854775808 is too large"),
            ("relu [1e400] | gelu", "2:11: 1e400 is too large"),
            ("relu [1e-400] | gelu", "2:11: 1e-400 is too small"),
            ("relu [1e308 * 10] | gelu", "2:11: a probability must be a number"),
            ("relu [1 / 0] | gelu", "2:11: a probability must be a number"),
            ("relu [nan] | gelu", "2:11: nan is no value here"),
            ("relu [inf] | gelu", "2:11: inf is no value here"),
            ("relu [0] | gelu [0]", "2:5: every probability of x is 0"),
            ("linear({8 [0], 16 [0]})", "every probability of the domain is 0"),
        ],
    )
    def test_a_number_that_is_none(self, text: str, message: str) -> None:
        assert message in refusal(f"start x\nx = {text}\n")

    def test_a_number_may_begin_with_its_point(self) -> None:
        assert probabilities("relu [.25] | gelu") == [0.25, 0.75]
        assert probabilities("relu [.5e-1] | gelu [.95]") == pytest.approx([0.05, 0.95])
        domain = load_grammar_text("start x\nx = dropout(.1...3) >> dropout(0...5)").rules["x"]
        assert isinstance(domain.body, e.Series)
        ranges = [c.draws[0] for c in domain.body.items if isinstance(c, e.PrimitiveCall)]
        assert [(r.low.value, r.high.value) for r in ranges] == [(0.1, 0.3), (0, 0.5)]  # type: ignore[union-attr]
        assert "[.25]" in format_text("start x\nx = relu [.25] | gelu\n")

    def test_weights_whose_sum_is_too_large_keep_their_proportions(self) -> None:
        assert probabilities("relu [1e308] | gelu [1e308]") == [0.5, 0.5]
        assert probabilities("relu [1e308] | gelu [1e308] | silu [5e307] | tanh [0]") == [
            *(0.4, 0.4, 0.2, 0.0)
        ]
