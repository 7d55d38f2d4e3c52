"""Small grammars that ask for much work: they are worked through, or bounded with a message."""

from __future__ import annotations

import pytest

from einsearch.derivation.analysis import analyse
from einsearch.derivation.check import Severity, check
from einsearch.derivation.counts import count
from einsearch.errors import GrammarError
from einsearch.specs import image
from tests.derivation.spaces import grammar

IMAGE = image(3, 8, 8)


def nested(opening: str, closing: str, levels: int = 600) -> str:
    return opening * levels + "relu" + closing * levels


def macros(arguments: str, wrapped: str, levels: int) -> str:
    rules = [f"f{n}({arguments}) = f{n + 1}({wrapped})" for n in range(levels)]
    return "\n".join([*rules, f"f{levels}({arguments}) = x"])


def errors(text: str) -> list[str]:
    found = check(grammar(text), IMAGE)
    return [p.message for p in found if p.severity is Severity.ERROR]


def rules(text: str, number: int, last: str) -> str:
    """Rules r0, r1, ...: `{}` in the text stands for the next one."""
    written = [f"r{i} = {text.format(f'r{i + 1}')}" for i in range(number)]
    return "\n".join(["start r0", *written, f"r{number} = {last}"])


DRAWN = "{1, 2, 3, 4}"
READS = " ".join(f"a{i} = any >> relu" for i in range(150))
SOUND = {
    "tied": f"start n\nn = {nested('tied(', ')')}",
    "choices": f"start n\nn = {nested('(', '|gelu)')}",
    "a chain of rules": rules("{}", 1000, "relu"),
    "a large circle": rules("{} [0.9] | relu", 300, "r0"),
    "closures without end": "start n\nn = f(relu)\nf(x) = x [0.5] | f((x >> gelu))",
    "arguments without end": "start n\nn = f(0, 0, 0)\nf(a, b, c) = linear(a + b + c) [0.4]"
    " | f(a + 1, b, c) | f(a, b + 1, c) | f(a, b, c + 1) | relu",
    "many values": f"start n\nn = f({', '.join([DRAWN] * 6)})\nf(a, b, c, d, g, h) ="
    " repeat(a + b + c + d + g + h, relu) when a * b * c * d * g * h > 5 | gelu",
    "many sums": f"start n\nn = repeat({'+'.join(['{1, 2}'] * 60)}, relu)",
    "many tensors": f"start n\nn = {{ {READS} out = any(2) >> add }}",
    "many guards": "start n\nn = clone({2, 3}) >> (add when "
    f"{' or '.join(['branches == 2'] * 90)} | mul)",
}


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND)
def test_it_is_checked_and_counted(text: str) -> None:
    assert errors(text) == []
    found = count(grammar(text))
    assert found.unknown or found.total != 0


BOUNDED = {
    "doubling macros": ("start n\nn = f0(relu)\n" + macros("x", "(x >> x)", 24), "nodes=400"),
    "two doubling macros": (
        "start n\nn = f0(relu, gelu)\n" + macros("x, y", "(x >> y), (y >> x)", 24),
        "nodes=400",
    ),
    "repeats": (f"start n\nn = {nested('repeat(2, ', ')', 40)}", "needs over a billion nodes"),
    "chains": (f"start n\nn = {nested('chain(2, ', ')', 40)}", "needs over a billion nodes"),
    "clones": (f"start n\nn = {nested('clone(64) >> each(', ')', 8)} >> add", "over a billion"),
    "blocks": (f"start n\nn = {nested('{ out = ', '}', 500)}", "needs 128 or more levels"),
    "copies": ("start n\nn = f(1000)\nf(k) = chain(k * k, relu)", "at most 1,024 copies"),
    "a product": (
        "start n\nn = f0(2)\n" + "\n".join(f"f{i}(x) = f{i + 1}(x * x)" for i in range(14))
        + "\nf14(x) = linear(x)",
        "is too large",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BOUNDED.values(), ids=BOUNDED)
def test_what_is_too_large_says_its_bound(text: str, message: str) -> None:
    (found,) = errors(text)
    assert message in found
    count(grammar(text))


def test_bindings_that_square_each_other_end() -> None:
    bound = ", ".join(f"a{i} = a{i - 1} * a{i - 1}" for i in range(1, 41))
    found = check(grammar(f"start n\nn = linear(a40) where a0 = 10, {bound}"), IMAGE)
    assert any("found nothing valid" in p.message for p in found)


def test_numbers_of_copies_are_bounded_when_read() -> None:
    with pytest.raises(GrammarError, match="2:11: chain makes at most 1,024 copies"):
        grammar("start n\nn = chain(1000000000, relu)")
    with pytest.raises(GrammarError, match="repeat needs a whole number of at least 1, got true"):
        grammar("start n\nn = repeat(true, relu)")


def test_numbers_of_thousands_of_digits_are_not_written_out() -> None:
    text = f"start n\nn = {nested('chain(2, ', ')', 20).replace('relu', 'relu | gelu')}"
    assert "more than 10^3,900" in count(grammar(text)).unknown
    many = count(grammar(f"start n\nn = {' >> '.join(['(relu | gelu)'] * 1200)}"))
    assert many.total == 2**1200


def test_a_critical_circle_ends() -> None:
    """As many calls as calls end: the slowest that a fixed point can be approached."""
    found = analyse(grammar("start x\nx = relu [0.5] | x >> x"), 1)
    assert found.termination == 1.0
    assert found.drawn_growth == pytest.approx(1.0)


def test_growth_of_a_large_circle() -> None:
    """Beyond 200 rules the growth is found by repeated multiplication."""
    rules = "\n".join(f"r{i} = relu >> r{(i + 1) % 250} [0.5] | relu" for i in range(250))
    found = analyse(grammar(f"start r0\n{rules}"), 1)
    assert found.drawn_growth == pytest.approx(0.5)
    assert found.drawn_nodes == pytest.approx(2.0)
    assert found.termination == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("x = y\ny = y >> relu", "3:1", "the rule y can never end"),
        ("x = y | relu\ny = z >> relu\nz = gelu >> y", "3:1", "again, by way of z"),
        ("x = y\ny = y >> relu | z\nz = z >> relu", "4:1", "the rule z can never end"),
        ("x = f(y)\nf(a) = a >> relu\ny = y", "4:1", "the rule y can never end"),
        ("x = c >> relu where c = x >> relu", "2:1", "the rule x can never end"),
    ],
)
def test_the_rule_that_needs_itself_is_named(text: str, place: str, message: str) -> None:
    found = [p for p in check(grammar(f"start x\n{text}")) if p.severity is Severity.ERROR]
    assert [f"{p.line}:{p.column}" for p in found] == [place]
    assert message in found[0].message
