"""Railroad diagrams of rules: which ones, and what each holds."""

from __future__ import annotations

import railroad

from einsearch.grammar.diagram import DEEPEST, WIDEST, diagrams_of, rules_to_draw
from einsearch.grammar.load import load_grammar_file, load_grammar_text
from einsearch.grammar.model import Grammar


def grammar(text: str) -> Grammar:
    return load_grammar_text(text, "test.ein")


def items_of(text: str, row: int = 0) -> list[railroad.DiagramItem]:
    """Every item in the diagram of the first rule."""
    loaded = grammar(text)
    diagram = diagrams_of(loaded, rules_to_draw(loaded))[0].rows[row].diagram
    found: list[railroad.DiagramItem] = []
    assert diagram is not None
    diagram.walk(found.append)
    return found


def told(text: str, kind: type, row: int = 0) -> list[str]:
    return [item.text for item in items_of(text, row) if type(item) is kind]


def test_alternatives_have_probabilities_and_conditions() -> None:
    text = "start x\nx = relu [0.2] | linear({8, 16}) when height >= 8 and not tokens | y\ny = gelu"
    assert told(text, railroad.Terminal) == ["relu", "linear({8, 16})"]
    assert told(text, railroad.NonTerminal) == ["y"]
    assert told(text, railroad.Comment) == [
        *("[0.2]", "[0.4]", "when height >= 8 and (not tokens)", "[0.4]")
    ]


def test_a_series_keeps_its_order_and_goes_on_in_another_row_where_it_is_long() -> None:
    calls = [f"linear({n})" for n in range(1, 31)]
    found = items_of(f"start x\nx = {' >> '.join(calls)}")
    assert [item.text for item in found if isinstance(item, railroad.Terminal)] == calls
    (stack,) = (item for item in found if isinstance(item, railroad.Stack))
    assert len(stack.items) > 1
    assert all(row.width <= WIDEST for row in stack.items)
    assert not [i for i in items_of("start x\nx = relu >> relu") if isinstance(i, railroad.Stack)]


def test_what_is_no_choice_stands_in_a_frame_that_says_what_it_is() -> None:
    text = """start x
    x = (relu, gelu) >> add >> repeat(2..4, chain(3, b)) >> each(tied(b), {2, 4}) >> add
     >> experts(b, count=4, active={1, 2})
     >> { (p, q) = in >> clone(2) s = any(2, p, q) >> add out = (s, all(unused) >> add) >> add }
    b = relu
    """
    found = items_of(text)
    labels = [item.label.text for item in found if isinstance(item, railroad.Group)]
    assert labels == [
        *("side by side", "repeat 2..4", "chain 3", "each {2, 4}", "tied"),
        *("experts(4, {1, 2})", "named tensors", "side by side"),
    ]
    names = [i.text for i in found if isinstance(i, railroad.Comment) and i.cls == "name"]
    assert names == ["(p, q) =", "s =", "out ="]
    tensors = [i.text for i in found if isinstance(i, railroad.Terminal) and i.cls == "tensor"]
    assert tensors == ["in", "any(2, p, q)", "s", "all(unused)"]


def test_bindings_follow_the_rule() -> None:
    text = "start x\nx = linear(d) >> u where d = {8, 16}, u = relu | gelu"
    loaded = grammar(text)
    (drawn,) = diagrams_of(loaded, rules_to_draw(loaded))
    assert [row.caption for row in drawn.rows] == ["x", "where d = {8, 16}", "where u ="]
    assert drawn.rows[1].diagram is None
    assert told(text, railroad.Terminal, row=2) == ["relu", "gelu"]
    assert [item.text for item in items_of(text) if "local" in getattr(item, "cls", "")] == ["u"]


def test_calls_link_to_what_is_drawn() -> None:
    loaded = grammar("start x\nx = y(2) | z\ny(n) = linear(n)\nz = relu")
    links = {}
    diagrams_of(loaded, rules_to_draw(loaded))[0].rows[0].diagram.walk(
        lambda item: links.update({item.text: item.href}) if hasattr(item, "href") else None
    )
    assert (links["y(2)"], links["z"]) == ("#rule-y", "#rule-z")
    (alone,) = diagrams_of(loaded, [loaded.start_rule])
    found: list[railroad.DiagramItem] = []
    alone.rows[0].diagram.walk(found.append)
    assert {i.href for i in found if isinstance(i, railroad.NonTerminal)} == {None}


def test_the_start_rule_comes_first_then_what_it_leads_to_as_written() -> None:
    text = (
        "only_seeds = relu\nb = relu\nx = c >> b\nstart x\nc = gelu\nseed s = only_seeds >> relu\n"
    )
    loaded = grammar(text)
    assert [rule.name for rule in rules_to_draw(loaded)] == ["x", "b", "c"]
    everything = rules_to_draw(loaded, with_unreached=True)
    assert [rule.name for rule in everything] == ["x", "b", "c", "only_seeds"]
    library = grammar("b = relu\na = b\n")
    assert [rule.name for rule in rules_to_draw(library)] == ["b", "a"]


def test_rules_of_one_name_in_two_files_have_places_of_their_own(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "base.ein").write_text("taken = inner\ninner = relu\n")
    (tmp_path / "top.ein").write_text(
        'start x\nimport "base.ein" (taken)\nx = taken >> inner\ninner = gelu\n'
    )
    loaded = load_grammar_file(tmp_path / "top.ein")
    drawn = diagrams_of(loaded, rules_to_draw(loaded))
    assert sorted(item.rule.name for item in drawn) == ["inner", "inner", "taken", "x"]
    assert len({item.anchor for item in drawn}) == 4


def test_what_is_very_deep_is_written_out() -> None:
    text = "relu"
    for _ in range(DEEPEST + 20):
        text = f"tied({text})"
    found = told(f"start x\nx = {text}", railroad.Terminal)
    assert found[0].endswith("tied(relu" + ")" * found[0].count("("))
    assert 0 < found[0].count("tied") <= 20


def test_settings_of_the_library_are_left_as_they_were() -> None:
    before = (railroad.INTERNAL_ALIGNMENT, railroad.CHAR_WIDTH, railroad.COMMENT_CHAR_WIDTH)
    items_of("start x\nx = relu | gelu")
    after = (railroad.INTERNAL_ALIGNMENT, railroad.CHAR_WIDTH, railroad.COMMENT_CHAR_WIDTH)
    assert after == before
