"""Imports through several levels of files: scopes, `extend`, `replace`, circles, what fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from einsearch.errors import GrammarError
from einsearch.grammar import expressions as e
from einsearch.grammar.load import load_grammar_file
from einsearch.grammar.model import Grammar, nodes_of
from einsearch.resources import resource_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def load(folder: Path, **files: str) -> Grammar:
    """Writes files, by name with `__` for a slash; loads `a.ein`."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".ein")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load_grammar_file(folder / "a.ein", resource_folder("grammars"))


def alternatives(grammar: Grammar, key: str) -> dict[str, float]:
    """Probability by name of the primitive or rule that an alternative is."""
    body = grammar.rules[key].body
    options = body.alternatives if isinstance(body, e.Choice) else ()
    pairs = [(a.body, a.probability) for a in options] or [(body, 1.0)]
    return {
        node.primitive.name if isinstance(node, e.PrimitiveCall) else node.rule: probability
        for node, probability in pairs
        if isinstance(node, (e.PrimitiveCall, e.RuleCall))
    }


def calls(grammar: Grammar, key: str) -> list[str]:
    """Rules and primitives that a rule uses, in order."""
    body = grammar.rules[key].body
    items = body.items if isinstance(body, e.Series) else (body,)
    return [
        node.primitive.name if isinstance(node, e.PrimitiveCall) else node.rule
        for node in items
        if isinstance(node, (e.PrimitiveCall, e.RuleCall))
    ]


C = "block = norm >> act >> linear(8)\nact = relu [3] | gelu [1]\n"
B = 'import "c.ein" (block, act)\nlayer = block >> act\n'


class TestExtend:
    def test_a_file_extends_a_rule_two_levels_down(self, folder: Path) -> None:
        a = 'import "b.ein" (layer, act)\nextend act = silu [0.2]\nstart x\nx = layer >> act\n'
        grammar = load(folder, a=a, b=B, c=C)
        assert alternatives(grammar, "act") == pytest.approx(
            {"relu": 0.6, "gelu": 0.2, "silu": 0.2}
        )
        assert [key for key in grammar.rules if key.startswith("act")] == ["act"]
        for user in ("block", "layer", "x"):
            assert "act" in calls(grammar, user)

    def test_every_file_enlarges_what_it_imports(self, folder: Path) -> None:
        """0.5 of the rule as b makes it, then 0.2 of the rule as a makes it."""
        b = B + "extend act = silu [0.5]\n"
        a = 'import "b.ein" (layer, act)\nextend act = tanh [0.2]\nstart x\nx = layer\n'
        grammar = load(folder, a=a, b=b, c=C)
        assert alternatives(grammar, "act") == pytest.approx(
            {"relu": 0.3, "gelu": 0.1, "silu": 0.4, "tanh": 0.2}
        )

    def test_statements_of_one_file_share_the_enlarged_rule(self, folder: Path) -> None:
        a = 'import "c.ein" (act)\nextend act = silu [0.5]\nextend act = tanh [0.3]\nstart act\n'
        grammar = load(folder, a=a, c=C)
        assert alternatives(grammar, "act") == pytest.approx(
            {"relu": 0.15, "gelu": 0.05, "silu": 0.5, "tanh": 0.3}
        )

    def test_it_does_not_reach_what_does_not_come_through_the_file(self, folder: Path) -> None:
        """a sees c's rule as it is, and through b as b extends it."""
        b = 'import "c.ein" (block, act)\nextend act = silu [0.5]\n'
        a = 'import "b.ein" (block)\nimport "c.ein" (act)\nstart x\nx = block >> act\n'
        grammar = load(folder, a=a, b=b, c=C)
        own, through = calls(grammar, "x")[1], calls(grammar, calls(grammar, "x")[0])[1]
        assert alternatives(grammar, own) == {"relu": 0.75, "gelu": 0.25}
        assert alternatives(grammar, through) == pytest.approx(
            {"relu": 0.375, "gelu": 0.125, "silu": 0.5}
        )

    def test_alternatives_keep_the_scope_of_the_file_that_adds_them(self, folder: Path) -> None:
        b = 'import "c.ein" (act)\nextend act = extra [0.5]\nextra = silu\n'
        a = 'import "b.ein" (act)\nextend act = extra [0.5]\nextra = tanh\nstart act\n'
        grammar = load(folder, a=a, b=b, c="act = relu\n")
        first, second = [name for name in alternatives(grammar, "act") if name != "relu"]
        assert {calls(grammar, first)[0], calls(grammar, second)[0]} == {"silu", "tanh"}

    def test_nothing_to_extend_in_an_imported_file(self, folder: Path) -> None:
        b = B + "extend akt = silu [0.5]\n"
        with pytest.raises(GrammarError, match=r"b\.ein:3:8: `extend akt`: there is no rule akt"):
            load(folder, a='import "b.ein" (layer)\nstart layer\n', b=b, c=C)

    def test_a_primitive_is_no_rule_to_extend(self, folder: Path) -> None:
        hint = r"relu is a primitive: write `replace relu = relu \[0\.9\] \| \.\.\.`"
        with pytest.raises(GrammarError, match=hint):
            load(folder, a="extend relu = gelu [0.1]\nstart x\nx = relu\n")


class TestReplace:
    def test_it_reaches_two_levels_down(self, folder: Path) -> None:
        a = 'import "b.ein" (layer)\nreplace act = silu\nstart x\nx = layer\n'
        grammar = load(folder, a=a, b=B, c=C)
        used = {calls(grammar, "block")[1], calls(grammar, "layer")[1]}
        assert used == {"act"}
        assert alternatives(grammar, "act") == {"silu": 1.0}

    def test_the_outermost_file_has_the_last_word(self, folder: Path) -> None:
        b = B + "replace norm = layer_norm\nreplace act = tanh\n"
        a = 'import "b.ein" (layer)\nreplace norm = rms_norm\nstart x\nx = layer\n'
        grammar = load(folder, a=a, b=b, c=C)
        norm, act, _ = calls(grammar, "block")
        assert calls(grammar, norm) == ["rms_norm"]
        assert calls(grammar, act) == ["tanh"]

    def test_what_replaces_an_extended_rule_replaces_all_of_it(self, folder: Path) -> None:
        b = B + "extend act = silu [0.5]\n"
        a = 'import "b.ein" (layer, act)\nreplace act = tanh\nstart x\nx = layer >> act\n'
        grammar = load(folder, a=a, b=b, c=C)
        assert {name for rule in ("x", "block", "layer") for name in calls(grammar, rule)} == (
            {"layer", "act", "norm", "linear", "block"}
        )
        assert alternatives(grammar, "act") == {"tanh": 1.0}

    def test_it_may_use_the_rule_that_it_replaces_as_that_was_extended(self, folder: Path) -> None:
        b = B + "extend act = silu [0.5]\n"
        a = 'import "b.ein" (layer, act)\nreplace act = act >> tanh\nstart x\nx = layer >> act\n'
        grammar = load(folder, a=a, b=b, c=C)
        replacement = calls(grammar, "x")[1]
        old, last = calls(grammar, replacement)
        assert last == "tanh"
        assert old != replacement
        assert alternatives(grammar, old) == pytest.approx(
            {"relu": 0.375, "gelu": 0.125, "silu": 0.5}
        )

    def test_each_level_may_wrap_the_one_below(self, folder: Path) -> None:
        b = 'import "c.ein" (act)\nreplace act = act >> tanh\n'
        a = 'import "b.ein" (act)\nreplace act = act >> sigmoid\nstart act\n'
        grammar = load(folder, a=a, b=b, c="act = relu\n")
        assert grammar.start is not None
        middle, outer = calls(grammar, grammar.start)
        inner, wrapped = calls(grammar, middle)
        assert (outer, wrapped, calls(grammar, inner)) == ("sigmoid", "tanh", ["relu"])

    def test_a_replacement_can_be_imported_and_extended(self, folder: Path) -> None:
        b = 'import "c.ein" (block)\nreplace norm = rms_norm [1] | layer_norm [1]\n'
        a = 'import "b.ein" (block, norm)\nextend norm = batch_norm [0.5]\nstart x\nx = block\n'
        grammar = load(folder, a=a, b=b, c=C)
        assert alternatives(grammar, calls(grammar, "block")[0]) == pytest.approx(
            {"rms_norm": 0.25, "layer_norm": 0.25, "batch_norm": 0.5}
        )

    def test_rules_with_parameters(self, folder: Path) -> None:
        c = "block(c) = conv(c, 3) >> relu\nconv(c, k=1) = conv2d(c, k)\n"
        b = 'import "c.ein" (block)\nstage(c) = block(c) >> block(2 * c)\n'
        a = (
            'import "b.ein" (stage)\nreplace conv(c, k=1) = conv2d(c, k, stride=2)\n'
            "start x\nx = stage(8)\n"
        )
        grammar = load(folder, a=a, b=b, c=c)
        strides = {
            argument.value
            for rule in grammar.rules.values()
            for node in nodes_of(rule)
            if isinstance(node, e.PrimitiveCall) and node.primitive.name == "conv2d"
            for name, argument in node.arguments
            if name == "stride" and isinstance(argument, e.Constant)
        }
        assert strides == {2}

    def test_another_number_of_parameters_is_told_where_it_is_called(self, folder: Path) -> None:
        a = 'import "b.ein" (layer)\nreplace act = silu\nreplace block(n) = silu\nstart layer\n'
        with pytest.raises(GrammarError, match=r"b\.ein:2:9: block needs n"):
            load(folder, a=a, b=B, c=C)

    def test_nothing_to_replace_in_an_imported_file(self, folder: Path) -> None:
        b = B + "replace nrm = rms_norm\n"
        with pytest.raises(GrammarError, match=r"b\.ein:3:9: `replace nrm`: there is no rule or"):
            load(folder, a='import "b.ein" (layer)\nstart layer\n', b=b, c=C)


class TestDiamonds:
    B = 'import "d.ein" (leaf)\nleft = leaf >> tanh\n'
    C = 'import "d.ein" (leaf)\nright = leaf >> sigmoid\n'
    D = 'import "e.ein" (seed_op)\nleaf = relu | seed_op\n'
    E = "seed_op = gelu\n"
    A = 'import "b.ein" (left)\nimport "c.ein" (right)\nstart x\nx = left >> right\n'

    def test_what_comes_by_two_ways_is_one_rule(self, folder: Path) -> None:
        grammar = load(folder, a=self.A, b=self.B, c=self.C, d=self.D, e=self.E)
        assert sorted(grammar.rules) == ["leaf", "left", "right", "seed_op", "x"]

    @pytest.mark.parametrize("change", ["extend leaf = silu [0.5]", "replace gelu = silu"])
    def test_a_change_at_the_top_reaches_it_by_both(self, folder: Path, change: str) -> None:
        a = f'{self.A}import "b.ein" (leaf)\n{change}\n'
        grammar = load(folder, a=a, b=self.B, c=self.C, d=self.D, e=self.E)
        assert calls(grammar, "left")[0] == calls(grammar, "right")[0] == "leaf"
        if "extend" in change:
            assert alternatives(grammar, "leaf") == {"relu": 0.25, "seed_op": 0.25, "silu": 0.5}
        else:
            assert calls(grammar, "gelu") == ["silu"]

    def test_a_change_on_one_side_stays_on_that_side(self, folder: Path) -> None:
        b = self.B + "extend leaf = silu [0.5]\n"
        grammar = load(folder, a=self.A, b=b, c=self.C, d=self.D, e=self.E)
        left, right = calls(grammar, "left")[0], calls(grammar, "right")[0]
        assert "silu" in alternatives(grammar, left)
        assert "silu" not in alternatives(grammar, right)

    def test_two_imports_of_one_file(self, folder: Path) -> None:
        c = "act = relu | gelu\nnet = act >> linear(4)\n"
        a = 'import "c.ein" (net)\nimport "c.ein" (act)\nextend act = silu [0.5]\nstart net\n'
        grammar = load(folder, a=a, c=c)
        assert "silu" in alternatives(grammar, calls(grammar, "net")[0])
        assert sorted(grammar.rules) == ["act", "net"]


class TestNames:
    def test_names_mean_what_they_mean_in_their_own_file(self, folder: Path) -> None:
        c = "block(over) = std(over) >> act\nact = relu\ngroup = tanh\n"
        b = 'import "c.ein" (block)\nact = gelu\nmiddle = block(group) >> act\n'
        a = 'import "b.ein" (middle)\nact = silu\ngroup = tanh\nstart x\nx = middle >> act\n'
        grammar = load(folder, a=a, b=b, c=c)
        middle = calls(grammar, "middle")
        assert calls(grammar, middle[1]) == ["gelu"]
        assert calls(grammar, calls(grammar, middle[0])[1]) == ["relu"]
        (call,) = [n for n in nodes_of(grammar.rules["middle"]) if isinstance(n, e.RuleCall)][-1:]
        symbols = [
            a.value
            for node in nodes_of(grammar.rules["middle"])
            if isinstance(node, e.RuleCall)
            for a in node.arguments
            if isinstance(a, e.Constant)
        ]
        assert [str(s) for s in symbols] == ["group"], call

    def test_defaults_are_read_in_the_file_that_has_them(self, folder: Path) -> None:
        c = "f(a=act) = a >> linear(4)\nact = relu\n"
        b = 'import "c.ein" (f)\nact = gelu\ng = f >> act\n'
        grammar = load(folder, a='import "b.ein" (g)\nact = tanh\nstart g\n', b=b, c=c)
        (call,) = [n for n in nodes_of(grammar.rules["f"]) if isinstance(n, e.LocalUse)]
        assert call.name == "a"
        (handed,) = [
            a
            for node in nodes_of(grammar.rules["g"])
            if isinstance(node, e.RuleCall) and node.rule == "f"
            for a in node.arguments
        ]
        assert isinstance(handed, e.RuleCall)
        assert calls(grammar, handed.rule) == ["relu"]

    def test_attributes_of_a_call_through_levels(self, folder: Path) -> None:
        c = "widen(c) = conv2d(c, 1)\n"
        b = 'import "c.ein" (widen)\ndouble = widen(2 * channels)\n'
        grammar = load(folder, a='import "b.ein" (double)\nstart double\n', b=b, c=c)
        attributes = [n for n in nodes_of(grammar.rules["double"]) if isinstance(n, e.Attribute)]
        assert [n.name for n in attributes] == ["channels"]

    def test_names_are_handed_on_only_where_a_file_takes_them(self, folder: Path) -> None:
        with pytest.raises(GrammarError, match=r"a\.ein:1:17: b\.ein defines no rule norms"):
            load(folder, a='import "b.ein" (norms)\nstart norms\n', b=B, c=C)
        b = 'import "c.ein" (block)\nlayer = block\n'
        with pytest.raises(GrammarError, match=r"b\.ein defines no rule act") as raised:
            load(folder, a='import "b.ein" (act)\nstart act\n', b=b, c=C)
        assert "it has layer" in str(raised.value)

    def test_taken_twice(self, folder: Path) -> None:
        a = 'import "b.ein" (act)\nimport "c.ein" (act)\nstart act\n'
        with pytest.raises(GrammarError, match=r"a\.ein:2:17: act is defined twice: here and by"):
            load(folder, a=a, b=B, c=C)


class TestFiles:
    def test_a_circle_is_named_from_the_root_on(self, folder: Path) -> None:
        files = {
            "a": 'import "b.ein" (x)\nstart x\n',
            "b": 'import "sub/c.ein" (x)\n',
            "sub__c": 'import "d.ein" (x)\n',
            "sub__d": 'import "../b.ein" (x)\n',
        }
        circle = r"sub/d\.ein:1:1: the imports go in a circle: a\.ein -> b\.ein -> sub/c\.ein"
        with pytest.raises(GrammarError, match=circle + r" -> sub/d\.ein -> b\.ein"):
            load(folder, **files)

    def test_a_circle_between_files_that_the_root_imports_both(self, folder: Path) -> None:
        a = 'import "b.ein" (x)\nimport "c.ein" (y)\nstart x\n'
        b = 'import "c.ein" (y)\nx = y\n'
        with pytest.raises(GrammarError, match=r"a\.ein -> b\.ein -> c\.ein -> b\.ein"):
            load(folder, a=a, b=b, c='import "b.ein" (x)\ny = x\n')

    def test_a_file_that_imports_itself(self, folder: Path) -> None:
        with pytest.raises(GrammarError, match=r"a\.ein:1:1: .* in a circle: a\.ein -> a\.ein"):
            load(folder, a='import "a.ein" (x)\nstart x\n')

    def test_paths_are_looked_up_beside_the_importing_file(self, folder: Path) -> None:
        """Two files of one name in two folders; messages and sources tell them apart."""
        files = {
            "a": 'import "base.ein" (x)\nimport "sub/b.ein" (y)\nstart z\nz = x >> y\n',
            "base": "x = relu\n",
            "sub__b": 'import "base.ein" (x)\ny = x >> tanh\n',
            "sub__base": "x = gelu\n",
        }
        grammar = load(folder, **files)
        assert calls(grammar, calls(grammar, "y")[0]) == ["gelu"]
        assert list(grammar.sources) == ["a.ein", "base.ein", "sub/b.ein", "sub/base.ein"]
        assert grammar.sources["sub/base.ein"] == "x = gelu\n"
        with pytest.raises(GrammarError, match=r"sub/base\.ein:1:5: .* named gelo"):
            load(folder, sub__base="x = gelo\n")

    def test_packaged_files_through_levels(self, folder: Path) -> None:
        b = 'import "evonorm.ein" (norm_activation)\nlayer = conv2d(8, 3) >> norm_activation\n'
        a = 'import "deep/b.ein" (layer)\nreplace tanh = sigmoid\nstart layer\n'
        grammar = load(folder, a=a, deep__b=b)
        assert list(grammar.sources) == ["a.ein", "deep/b.ein", "evonorm.ein"]
        assert "tanh" in grammar.rules

    def test_a_missing_file_two_levels_down(self, folder: Path) -> None:
        files = {"a": 'import "b.ein" (x)\nstart x\n', "b": 'import "bsae.ein" (x)\n', "base": ""}
        with pytest.raises(
            GrammarError, match=r'b\.ein:1:1: there is no file "bsae\.ein"'
        ) as raised:
            load(folder, **files)
        assert "did you mean base.ein?" in str(raised.value)

    def test_a_file_that_is_not_text(self, folder: Path) -> None:
        (folder / "b.ein").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(
            GrammarError, match=r'a\.ein:1:1: cannot read "b\.ein": it is not UTF-8'
        ):
            load(folder, a='import "b.ein" (x)\nstart x\n')

    def test_a_long_chain_of_files(self, folder: Path) -> None:
        files = {f"f{i}": f'import "f{i + 1}.ein" (x)\n' for i in range(60)}
        files["f60"] = "x = relu | gelu\n"
        a = 'import "f0.ein" (x)\nextend x = silu [0.5]\nstart x\n'
        grammar = load(folder, a=a, **files)
        assert alternatives(grammar, "x") == {"relu": 0.25, "gelu": 0.25, "silu": 0.5}
