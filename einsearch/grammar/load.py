"""Grammar file -> `Grammar`; architecture text -> a rule that derives it alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from einsearch.errors import GrammarError, ParseError
from einsearch.grammar import expressions as e
from einsearch.grammar import syntax as s
from einsearch.grammar.link import Linker
from einsearch.grammar.model import REQUIREMENTS, Grammar, Seed
from einsearch.grammar.modules import Meaning, Module, ModuleLoader, nearest
from einsearch.grammar.read import plain, read_architecture
from einsearch.grammar.source import BYTE_ORDER_MARK, SUFFIX, Unreadable, read_source, shorten
from einsearch.primitives.base import Primitive
from einsearch.uncollected import uncollected


def load_grammar_text(
    text: str, name: str = "<text>", path: Path | None = None, packaged: Path | None = None
) -> Grammar:
    """Reads a grammar from text.

    Args:
        text: the grammar.
        name: stands in messages.
        path: file that the text comes from; imports are looked up beside it.
        packaged: folder of the packaged grammars, where imports are looked up next.

    Raises:
        GrammarError: what is wrong, with file, line, column and what was expected.
    """
    with uncollected():
        return _loaded(text.removeprefix(BYTE_ORDER_MARK), name, path, packaged)


def _loaded(text: str, name: str, path: Path | None, packaged: Path | None) -> Grammar:
    loader = ModuleLoader(packaged)
    root = loader.load(text, name, path)
    linker = Linker()
    scope: dict[str, str] = {}
    for rule in sorted(root.names()):
        meaning = root.meaning(rule)
        if isinstance(meaning, Meaning):
            scope[rule] = linker.key(meaning)
    _check_changes(loader.modules)
    start = _start(root, scope)
    linker.run()
    seeds = {}
    for seed, statement in root.seeds.items():
        rule_of_seed = linker.statement(root, statement)
        linker.run()
        seeds[seed] = Seed(seed, _text_of(root, statement), rule_of_seed, statement.at)
    require = _require(root)
    return Grammar(name, start, linker.rules, scope, require, seeds, loader.sources, root)


def load_grammar_file(path: Path, packaged: Path | None = None) -> Grammar:
    """Reads a grammar file; errors as in `load_grammar_text`."""
    shown = shorten(str(path), 120)
    if path.suffix != SUFFIX:
        raise GrammarError(f"{shown} is no grammar: files of grammars end in {SUFFIX}")
    try:
        text = read_source(path)
    except Unreadable as error:
        hint = "" if path.exists() else _near_files(path, packaged)
        raise GrammarError(f"cannot read the grammar {shown}: {error}", hint=hint) from None
    return load_grammar_text(text, path.name, path.resolve(), packaged)


def _near_files(path: Path, packaged: Path | None) -> str:
    """The nearest grammar beside a path that is not there, or among the packaged ones."""
    names = {
        item.stem for folder in (path.parent, packaged) if folder for item in _grammars(folder)
    }
    return nearest(path.stem, names)


def _grammars(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob(f"*{SUFFIX}"))
    except OSError:
        return []


def architecture_rule(text: str, grammar: Grammar | None = None) -> tuple[e.Rule, Grammar]:
    """An architecture text as a rule, and the grammar that holds what it calls.

    Args:
        text: an expression; it may choose nothing and draw nothing.
        grammar: whose macros may be used.

    Raises:
        ParseError: with line and column.
    """
    with uncollected():
        body, bindings = read_architecture(text)
    header = s.Header((1, 1), "architecture", ())
    statement = s.RuleStatement((1, 1), "", header, body, bindings, (0, len(text)))
    module = Module(s.SourceFile("<text>", text, ()), None)
    if grammar is not None and grammar.root is not None:
        module.imports = dict.fromkeys(grammar.root.names(), grammar.root)
    linker = Linker()
    try:
        rule = linker.statement(module, statement)
        linker.run()
    except GrammarError as error:
        raise ParseError(error.message, error.location, error.hint) from None
    return rule, Grammar("<text>", None, linker.rules, {}, sources={"<text>": text})


def _check_changes(modules: Iterable[Module]) -> None:
    for module in modules:
        for name, statements in module.extended.items():
            if module.statement_of(name) is None:
                is_primitive = isinstance(module.meaning(name), Primitive)
                raise module.fail(
                    f"`extend {name}`: there is no rule {name} to extend",
                    statements[0].header.at,
                    f"{name} is a primitive: write `replace {name} = {name} [0.9] | ...`"
                    if is_primitive
                    else nearest(name, module.names()) or "import it first",
                )
        for name, statement in module.replaced.items():
            if module.meaning(name, module) is None and not _is_known_below(module, name):
                raise module.fail(
                    f"`replace {name}`: there is no rule or primitive {name} to replace",
                    statement.header.at,
                    nearest(name, module.names() - {name}),
                )


def _is_known_below(root: Module, name: str) -> bool:
    """Whether any file that a file imports, through any number of others, has such a rule."""
    pending, seen = list(root.imports.values()), set()
    while pending:
        module = pending.pop()
        if module not in seen:
            seen.add(module)
            if name in module.rules:
                return True
            pending.extend(module.imports.values())
    return False


def _start(root: Module, scope: dict[str, str]) -> str | None:
    if root.start is None:
        return None
    name, at = root.start
    if name not in scope:
        meaning = root.meaning(name)
        what = "a primitive" if isinstance(meaning, Primitive) else "not defined"
        raise root.fail(f"the start rule {name} is {what}", at, nearest(name, scope))
    rule = root.meaning(name)
    if isinstance(rule, Meaning) and rule.statement.header.formals:
        raise root.fail(f"the start rule {name} has parameters", at, "start from a rule without")
    return scope[name]


def _require(root: Module) -> tuple[str, ...]:
    for name, at in root.require:
        if name not in REQUIREMENTS:
            raise root.fail(
                f"nothing is known about requiring {name}",
                at,
                nearest(name, REQUIREMENTS) or "expected one of " + ", ".join(REQUIREMENTS),
            )
    return tuple(dict.fromkeys(name for name, _ in root.require))


def _text_of(module: Module, statement: s.RuleStatement) -> str:
    """The right-hand side of a statement as written, without comments, on one line."""
    start, end = statement.span
    return plain(module.source.text[start:end]).partition("=")[2].strip()
