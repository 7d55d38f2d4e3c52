"""Small random grammars, and all their derivations written out: an oracle without any search.

A grammar is a tree of tuples of this file's own. `write` gives its text, `Derivations` lists every
derivation as a tree without choices, `run` works out tensors and costs of one, or says that it is
not valid. Nothing of `einsearch.derivation` is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from hypothesis import strategies as st

from einsearch.primitives.base import cost, find_primitive, infer_or_reason
from einsearch.specs import Bundle, TensorSpec

Tree = tuple[Any, ...]
"""(kind, ...): see `write`, which has one line for each kind."""


@dataclass(frozen=True)
class Space:
    """Rules by name, the first of which is the start; bindings of `where` by rule."""

    rules: Mapping[str, Tree]
    bindings: Mapping[str, Mapping[str, Tree]]

    @property
    def text(self) -> str:
        lines = [f"start {next(iter(self.rules))}"]
        for name, body in self.rules.items():
            bound = ", ".join(f"{n} = {write(b)}" for n, b in self.bindings.get(name, {}).items())
            lines.append(f"{name} = {write(body)}" + (f" where {bound}" if bound else ""))
        return "\n".join(lines)


class Invalid(Exception):
    """A derivation that cannot stand."""


# --- text ----------------------------------------------------------------------------------------


def write(tree: Tree) -> str:
    match tree:
        case ("call", name, args):
            shown = ", ".join(f"{n}={_value(v)}" for n, v in args)
            return f"{name}({shown})" if shown else name
        case ("rule" | "use", name):
            return name
        case ("series", *items):
            return "(" + " >> ".join(map(write, items)) + ")"
        case ("parallel", join, *items):
            return "((" + ", ".join(map(write, items)) + f") >> {write(join)})"
        case ("choice", *alternatives):
            return "(" + " | ".join(map(write, alternatives)) + ")"
        case ("when", guard, body):
            return f"{write(body)} when {guard[0]} {guard[1]} {guard[2]}"
        case ("each", count, body, join):
            return f"(each({write(body)}, {count}) >> {write(join)})"
        case ("repeat" | "chain" as kind, count, body):
            return f"{kind}({_value(count)}, {write(body)})"
        case ("tied", body):
            return f"tied({write(body)})"
        case ("block", *statements):
            lines = [f"{name} = {source} >> {write(body)}" for name, source, body in statements]
            return "{ " + "  ".join(lines) + " }"
    raise AssertionError(tree)


def _value(value: Any) -> str:
    return "{" + ", ".join(map(str, value)) + "}" if isinstance(value, tuple) else str(value)


# --- derivations ---------------------------------------------------------------------------------


class TooMany(Exception):
    """More derivations than a test can look at."""


class Derivations:
    """Every derivation of a space, as trees in which nothing is left to decide.

    Args:
        space: the grammar.
        most: of all trees that are built on the way.
    """

    def __init__(self, space: Space, most: int) -> None:
        self._space = space
        self._left = most

    def all(self) -> list[Tree]:
        """Raises TooMany."""
        return self._of(("rule", next(iter(self._space.rules))))

    def _of(self, tree: Tree) -> list[Tree]:
        found = []
        for part in self._each(tree):
            self._left -= 1
            if self._left < 0:
                raise TooMany
            found.append(part)
        return found

    def _each(self, tree: Tree) -> Iterator[Tree]:
        match tree:
            case ("call", name, args):
                options = [v if isinstance(v, tuple) else (v,) for _, v in args]
                for values in product(*options):
                    yield (
                        "call",
                        name,
                        tuple((n, v) for (n, _), v in zip(args, values, strict=True)),
                    )
            case ("rule", name):
                yield from self._rule(name)
            case ("use", _):
                yield tree
            case ("series" | "parallel" as kind, *items):
                for parts in product(*map(self._of, items)):
                    yield kind, *parts
            case ("choice", *alternatives):
                for alternative in alternatives:
                    yield from self._of(alternative)
            case ("when", guard, body):
                for part in self._of(body):
                    yield "when", guard, part
            case ("each", count, body, join):
                for part, joined in product(self._of(body), self._of(join)):
                    yield "each", count, part, joined
            case ("repeat", count, body):
                for n, part in product(_options(count), self._of(body)):
                    yield "repeat", n, part
            case ("chain", count, body):
                for n in _options(count):
                    for parts in product(self._of(body), repeat=n):
                        yield "series", *parts
            case ("tied", body):
                for part in self._of(body):
                    yield "tied", part
            case ("block", *statements):
                yield from self._block(statements)

    def _rule(self, name: str) -> Iterator[Tree]:
        bindings = self._space.bindings.get(name, {})
        for body in self._of(self._space.rules[name]):
            used = [n for n in bindings if _uses(body, n)]
            for bound in product(*(self._of(bindings[n]) for n in used)):
                yield "let", dict(zip(used, bound, strict=True)), body

    def _block(self, statements: list[Tree]) -> Iterator[Tree]:
        known = ["in"]
        options = []
        for name, source, body in statements:
            sources = tuple(known) if source == "any" else (source,)
            options.append(list(product((name,), sources, self._of(body))))
            known.append(name)
        for parts in product(*options):
            yield "block", *parts


def _options(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _uses(tree: Any, name: str) -> bool:
    if not isinstance(tree, tuple) or tree[:1] == ("let",):
        return False
    return tree == ("use", name) or any(_uses(part, name) for part in tree)


# --- what one of them comes to -------------------------------------------------------------------


@dataclass
class Run:
    """Costs so far; of calls that share weights, the first has the parameters."""

    nodes: int = 0
    parameters: int = 0
    depth: int = 0
    tied: dict[Any, Any] = field(default_factory=dict)


class Tie:
    """A use of a tied expression: its calls are numbered."""

    def __init__(self, place: tuple[Any, ...]) -> None:
        self.place = place
        self.calls = 0


class At(NamedTuple):
    """Where in a derivation something stands; copies stand in the same place."""

    place: tuple[Any, ...] = ()
    depth: int = 0
    tie: Tie | None = None
    bound: Mapping[str, tuple[Tree, At]] = {}

    def part(self, label: Any, deeper: int = 0) -> At:
        return self._replace(place=(*self.place, label), depth=self.depth + deeper)


def run(tree: Tree, spec: TensorSpec) -> tuple[Bundle, Run]:
    """Tensors and costs of a derivation. Raises Invalid."""
    total = Run()
    specs = _run(tree, (spec,), At(), total)
    if len(specs) != 1:
        raise Invalid
    return specs, total


def _run(tree: Tree, specs: Bundle, at: At, total: Run) -> Bundle:
    total.depth = max(total.depth, at.depth)
    match tree:
        case ("call", name, args):
            return _call(name, dict(args), specs, at.tie, total)
        case ("let", inner, body):
            bound = {name: (part, at.part(name)) for name, part in inner.items()}
            return _run(body, specs, at.part("rule")._replace(bound=bound), total)
        case ("use", name):
            part, origin = at.bound[name]
            return _run(part, specs, origin._replace(depth=at.depth, tie=at.tie), total)
        case ("series", *items):
            for number, item in enumerate(items):
                specs = _run(item, specs, at.part(number), total)
            return specs
        case ("parallel", join, *items):
            outcome: Bundle = ()
            for number, (item, part) in enumerate(
                zip(items, _fork(specs, len(items)), strict=True)
            ):
                outcome += _run(item, (part,), at.part(number, 1), total)
            return _run(join, outcome, at.part("join"), total)
        case ("when", guard, body):
            if not _holds(guard, specs):
                raise Invalid
            return _run(body, specs, at, total)
        case ("each", count, body, join):
            outcome = ()
            for part in _fork(specs, count):
                outcome += _run(body, (part,), at.part("copy", 1), total)
            return _run(join, outcome, at.part("join"), total)
        case ("repeat", count, body):
            for _ in range(count):
                specs = _run(body, specs, at.part("copy", 1), total)
            return specs
        case ("tied", body):
            inside = at.part("tied")
            return _run(body, specs, inside._replace(tie=Tie(inside.place)), total)
        case ("block", *statements):
            names = {"in": specs}
            for name, source, body in statements:
                names[name] = _run(body, names[source], at.part(name, 1), total)
            return names["out"]
    raise AssertionError(tree)


def _holds(guard: tuple[str, str, int], specs: Bundle) -> bool:
    attribute, operator, number = guard
    found = specs[0].attributes.get(attribute) if len(specs) == 1 else None
    return found is not None and (found >= number if operator == ">=" else found < number)


def _fork(specs: Bundle, count: int) -> Bundle:
    if len(specs) != 1:
        raise Invalid
    return specs * count


def _call(name: str, args: dict[str, Any], specs: Bundle, tie: Tie | None, total: Run) -> Bundle:
    primitive = find_primitive(name)
    assert primitive is not None
    if any(value == "channels" for value in args.values()):
        if specs[0].attributes.get("channels") is None:
            raise Invalid
        args = {
            n: specs[0].attributes["channels"] if v == "channels" else v for n, v in args.items()
        }
    bound = primitive.bind(**args)
    outcome = infer_or_reason(primitive, bound, specs)
    if isinstance(outcome, str):
        raise Invalid
    total.nodes += 1
    parameters = cost(primitive, bound, specs).parameters
    if tie is not None:
        number = (tie.place, tie.calls)
        tie.calls += 1
        if number in total.tied:
            if parameters and total.tied[number] != (specs, bound):
                raise Invalid
            parameters = 0
        total.tied.setdefault(number, (specs, bound))
    total.parameters += parameters
    return outcome


# --- random grammars -----------------------------------------------------------------------------

ADD: Tree = ("call", "add", ())
CONCAT: Tree = ("call", "concat", (("axis", 0),))
_CALLS = [
    ("call", "relu", ()),
    ("call", "norm", ()),
    ("call", "avg_pool", (("kernel", 2), ("stride", 2))),
    ("call", "conv2d", (("channels", 2), ("kernel", 1))),
    ("call", "conv2d", (("channels", (1, 2, 4)), ("kernel", 1))),
    ("call", "conv2d", (("channels", (1, 3)), ("kernel", 1), ("stride", (1, 2)))),
    ("call", "conv2d", (("channels", "channels"), ("kernel", 1))),
    ("call", "im2col", (("kernel", 2), ("stride", 2))),
    ("call", "linear", (("features", (2, 3)),)),
    ("call", "global_avg_pool", ()),
]
_GUARDS = [("channels", ">=", 3), ("channels", "<", 3), ("height", ">=", 2), ("height", "<", 2)]


_JOINS = st.sampled_from([ADD, CONCAT])
_LEAVES = st.one_of(
    st.sampled_from(_CALLS),
    st.tuples(st.just("below"), st.integers(0, 2)),
    st.just(("use", "w")),
)


def _larger(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    guarded = st.tuples(st.just("when"), st.sampled_from(_GUARDS), inner)
    source = st.sampled_from(["in", "any"])
    return st.one_of(
        st.tuples(st.just("series"), inner, inner),
        st.tuples(st.just("series"), inner, inner, inner),
        st.tuples(st.just("parallel"), _JOINS, inner, inner),
        st.tuples(st.just("choice"), inner, inner),
        st.tuples(st.just("choice"), guarded, inner),
        st.tuples(st.just("choice"), guarded, guarded),
        st.tuples(st.just("each"), st.integers(2, 3), inner, _JOINS),
        st.tuples(st.just("repeat"), st.sampled_from([2, (1, 2)]), inner),
        st.tuples(st.just("chain"), st.sampled_from([2, (1, 2)]), inner),
        st.tuples(st.just("tied"), inner),
        st.tuples(source, inner, source, inner).map(
            lambda b: ("block", ("n", b[0], b[1]), ("out", b[2], b[3]))
        ),
    )


_TREES = st.recursive(_LEAVES, _larger, max_leaves=6)
_RULES = st.lists(st.tuples(_TREES, st.none() | _TREES), min_size=1, max_size=3)


def spaces() -> st.SearchStrategy[Space]:
    """Grammars of up to three rules that do not lead back to themselves."""
    return _RULES.map(_assemble)


def _assemble(drawn: list[tuple[Tree, Tree | None]]) -> Space:
    names = "abc"[: len(drawn)]
    rules, bindings = {}, {}
    for number, (body, bound) in enumerate(drawn):
        below = names[number + 1 :]
        rules[names[number]] = _resolve(body, below, bound is not None)
        if bound is not None:
            bindings[names[number]] = {"w": _resolve(bound, below, False)}
    return Space(rules, bindings)


def _resolve(tree: Any, below: str, has_binding: bool) -> Any:
    """A tree with rules and bindings that there are."""
    if not isinstance(tree, tuple):
        return tree
    if tree[:1] == ("below",):
        return ("rule", below[tree[1] % len(below)]) if below else _CALLS[tree[1]]
    if tree == ("use", "w") and not has_binding:
        return _CALLS[0]
    return tuple(_resolve(part, below, has_binding) for part in tree)
