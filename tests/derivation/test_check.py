"""What `check` finds in grammars that load."""

from __future__ import annotations

import pytest

from einsearch.derivation.check import Problem, Severity, check
from einsearch.specs import image
from tests.derivation.spaces import WITH_EVERYTHING, grammar, packaged


def problems(text: str) -> list[Problem]:
    return check(grammar(text))


def test_a_sound_grammar_has_no_problems() -> None:
    assert check(grammar(WITH_EVERYTHING)) == []
    assert check(packaged("darts")) == []
    assert check(packaged("nasbench201")) == []


@pytest.mark.parametrize(("name", "size"), [("einspace", 64), ("evonorm", 32)])
def test_packaged_seeds_are_derivable(name: str, size: int) -> None:
    found = check(packaged(name), image(3, size, size))
    assert [p for p in found if p.severity is Severity.ERROR] == []


def test_einspace_is_warned_of() -> None:
    (found,) = check(packaged("einspace"))
    assert found.severity is Severity.WARNING
    assert "infinite as built, copies counted (as drawn: 101;" in found.message
    assert "growth 1.32 as built, 0.991 as drawn" in found.message


MISFITS = [
    ("x = clone(3) >> matmul", "2:17", "matmul takes 2 tensors, but 3 arrive"),
    ("x = clone({3, 4}) >> (relu, gelu) >> add", "2:22", "but 3 or 4 arrive"),
    ("x = f({2, 3}) >> relu\nf(n) = clone(n)", "2:18", "relu takes 1 tensor, but 2 or 3 arrive"),
    ("x = split(4, 0) >> each(relu) >> safe_div", "2:34", "safe_div takes 2 tensors, but 4 arrive"),
    ("x = clone(2) >> each(relu, 3) >> add", "2:17", "each(..., n) takes 1 tensor, but 2 arrive"),
    ("x = clone({2, 3}) >> (add | matmul when branches > 2)", "2:29", "2 tensors, but 3 arrive"),
    ("x = clone(4) >> (add | matmul when not branches == 2)", "2:24", "2 tensors, but 4 arrive"),
    ("x = clone(3) >> (add | matmul when image)", "2:24", "2 tensors, but 3 arrive"),
    ("x = clone(2) >> (relu when branches == 2 | add when tokens)", "2:18", "but 2 arrive"),
]


@pytest.mark.parametrize(("text", "place", "message"), MISFITS)
def test_a_join_that_cannot_be_fed(text: str, place: str, message: str) -> None:
    found = problems(f"start x\n{text}")
    (error,) = [p for p in found if p.severity is Severity.ERROR]
    assert f"{error.line}:{error.column}" == place
    assert message in error.message


def test_a_join_that_can_sometimes_be_fed_is_no_error() -> None:
    assert problems("start x\nx = clone({2, 3}) >> (matmul | add)") == []


GUARDED = [
    "x = clone({4, 8}) >> (add | matmul when branches == 2)",
    "x = clone(4) >> (add | matmul when branches < 4 and image)",
    "x = clone(4) >> (add | matmul when not (branches > 2 or tokens))",
    "x = clone(4) >> y(2)\ny(n) = add | matmul when branches == n",
    "x = clone(4) >> y(1)\ny(n) = add | matmul when branches - 1 == n",
]


@pytest.mark.parametrize("text", GUARDED)
def test_a_join_whose_guard_lets_nothing_in_is_no_error(text: str) -> None:
    assert problems(f"start x\n{text}") == []


def test_an_endless_rule() -> None:
    (found, *_) = problems("start x\nx = relu | y\ny = gelu >> y")
    assert str(found) == (
        "test.ein:3:1: error: the rule y can never end: everything it derives needs it again\n"
        "    y = gelu >> y\n"
        "    ^\n"
        "  add an alternative that does not lead back to it"
    )


def test_what_nothing_uses() -> None:
    messages = [p.message for p in problems("start x\nx = relu [1] | gelu [0]\ny = silu")]
    assert messages == [
        "this alternative has probability 0 and is never drawn",
        "nothing uses the rule y",
    ]


def test_a_draw_that_may_not_end() -> None:
    (found,) = problems("start x\nx = relu [0.4] | x >> x")
    assert "ends with probability 0.667 only" in found.message


def test_an_underivable_seed() -> None:
    found = check(grammar("start x\nx = relu >> gelu\nseed s = relu >> silu"), image(1, 4, 4))
    assert [str(p) for p in found] == [
        "test.ein:3:18: error: the seed s cannot be derived on image:1x4x4: `silu`: gelu stands "
        + "there, not silu (nothing in test.ein makes silu)\n"
        + "    seed s = relu >> silu\n"
        + "                     ^\n"
        + "  nearest is x = relu >> gelu"
    ]


def test_a_grammar_without_a_network_on_the_tensor() -> None:
    bad = grammar("start n\nn = (relu, relu >> linear(7)) >> add\n")
    assert check(bad) == []
    (found,) = check(bad, image(3, 8, 8))
    assert found.severity is Severity.ERROR
    assert "every derivation was tried" in found.message
    assert "(image:3x8x8, image:7x8x8)" in found.message
    assert (found.line, found.column) == (2, 1)
    assert check(bad, image(7, 8, 8)) == []


def test_a_binding_that_nothing_reads() -> None:
    text = "start x\nx = linear(8) where lr = log 1e-4..1e-1, c = relu"
    first, second = check(grammar(text))
    assert first.message == "nothing in x reads lr, which `where` binds"
    assert (first.line, first.column) == (2, 26)
    assert first.hint == "it is never drawn"
    assert second.message == "nothing in x reads c, which `where` binds"
    assert check(grammar("start x\nx = linear(d) where c = {8, 16}, d = 2 * c")) == []
    through = check(grammar("start x\nx = relu where c = {8, 16}, d = 2 * c"))
    assert [p.message.split()[4] for p in through] == ["c,", "d,"]


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ("u >> u", "conv2d.kernel of `u` (line 3) is one of {1, 3}"),
        ("v", "`v` (line 4) is one of 2 alternatives"),
        ("w(1, u)", "conv2d.kernel of `u` (line 3) is one of {1, 3}"),
        ("dropout(0.1..0.5)", "dropout.p of `s` (line 6) is one of 0.1..0.5"),
        ("c where c = relu | gelu", "`s` (line 6) is one of 2 alternatives"),
        ("(relu when image | gelu)", "`s` (line 6) is one of 2 alternatives"),
    ],
)
def test_a_seed_that_leaves_a_choice_open(seed: str, message: str) -> None:
    rules = "x = u >> v | dropout(0.1..0.5)\nu = conv2d(16, {1, 3})\nv = relu | gelu"
    space = grammar(f"start x\n{rules}\nw(n, e) = repeat(n, e)\nseed s = {seed}")
    for spec in (None, image(3, 8, 8)):
        (found,) = [p for p in check(space, spec) if "seed" in p.message]
        assert found.severity is Severity.ERROR
        assert found.message == f"the seed s leaves a choice open: {message}"
        assert found.line == 6


def test_a_join_that_cannot_be_fed_is_found_however_long_the_chain_of_rules_is() -> None:
    rules = "\n".join(f"a{n} = a{n + 1}" for n in range(100))
    bad = grammar(f"start x\nx = a0 >> matmul\n{rules}\na100 = clone(3)\n")
    assert "matmul takes 2 tensors, but 3 arrive" in [p.message for p in check(bad)]
    good = grammar(f"start x\nx = a0 >> matmul\n{rules}\na100 = clone(2)\n")
    assert check(good) == []


def test_nothing_is_said_of_a_join_that_one_of_many_rules_feeds() -> None:
    calls = " | ".join(f"a{n}" for n in range(80))
    rules = "\n".join(f"a{n} = " + ("clone(2)" if n == 79 else "clone(3)") for n in range(80))
    assert check(grammar(f"start x\nx = ({calls}) >> matmul\n{rules}\n")) == []
    assert check(grammar(f"start x\nx = ({calls}) >> matmul\n{rules}\n".replace("(2)", "(4)")))
