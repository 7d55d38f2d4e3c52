"""Files and what they see: definitions, imports, `extend` and `replace`.

A module is one file as seen from the files that import it: the same file under another
`replace` or `extend` is another module.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from einsearch.errors import GrammarError, Location
from einsearch.grammar import syntax as s
from einsearch.grammar.read import LANGUAGE_VERSION, locate, read_file
from einsearch.primitives.base import Primitive, all_primitives, find_primitive

BUILT_IN = frozenset(
    {"each", "repeat", "chain", "tied", "any", "all", "in", "out", "true", "false"}
)
"""Names with a meaning of their own, which no rule may take."""


@dataclass(frozen=True)
class Meaning:
    """What a name stands for: a rule's statement, with what extends it.

    Attributes:
        module: where it is written; its names are looked up there.
        statement: the rule.
        extensions: `extend` statements with the modules they are written in.
    """

    module: Module
    statement: s.RuleStatement
    extensions: tuple[tuple[Module, s.RuleStatement], ...] = ()

    @property
    def identity(self) -> tuple[int, ...]:
        """Equal for meanings that are the same rule."""
        return (
            id(self.statement),
            id(self.module),
            *(id(statement) for _, statement in self.extensions),
        )


@dataclass(eq=False)
class Module:
    """One file: its own definitions, and what it takes from others."""

    source: s.SourceFile
    path: Path | None
    importer: Module | None = None
    chain: tuple[Path, ...] = ()
    rules: dict[str, s.RuleStatement] = field(default_factory=dict)
    replaced: dict[str, s.RuleStatement] = field(default_factory=dict)
    extended: dict[str, list[s.RuleStatement]] = field(default_factory=dict)
    seeds: dict[str, s.RuleStatement] = field(default_factory=dict)
    imports: dict[str, Module] = field(default_factory=dict)
    import_places: dict[str, s.At] = field(default_factory=dict)
    start: tuple[str, s.At] | None = None
    require: list[tuple[str, s.At]] = field(default_factory=list)

    @property
    def changes_imports(self) -> bool:
        """Whether imported files look different from here than by themselves."""
        return bool(self.replaced or self.extended or self.importer)

    def location(self, at: s.At) -> Location:
        return locate(self.source.name, self.source.text, at)

    def fail(self, message: str, at: s.At, hint: str = "") -> GrammarError:
        """A GrammarError at a place of this file."""
        return GrammarError(message, self.location(at), hint)

    def documentation(self, statement: s.RuleStatement) -> str:
        """The `##` lines directly above a statement that begins its line."""
        lines: list[str] = []
        if not self._begins_line(statement.at):
            return ""
        wanted = statement.at[0] - 1
        for comment in reversed(self.source.comments):
            is_wanted = comment.at[0] == wanted and comment.text.startswith("##")
            if is_wanted and self._begins_line(comment.at):
                lines.append(comment.text.lstrip("#").strip())
                wanted -= 1
        return "\n".join(reversed(lines))

    def _begins_line(self, at: s.At) -> bool:
        return not self._lines[at[0] - 1][: at[1] - 1].strip()

    @cached_property
    def _lines(self) -> list[str]:
        return self.source.text.split("\n")

    def names(self) -> set[str]:
        """Every rule name that this file sees."""
        return set(self.rules) | set(self.imports) | set(self.replaced)

    def meaning(self, name: str, skip_replacement: bool = False) -> Meaning | Primitive | None:
        """What a name stands for in this file, or None.

        Args:
            name: a rule or primitive.
            skip_replacement: the name stands inside its own `replace`, where it has the meaning
                that it had before.
        """
        if not skip_replacement:
            viewer: Module | None = self
            while viewer is not None:
                if name in viewer.replaced:
                    return Meaning(viewer, viewer.replaced[name])
                viewer = viewer.importer
        if name in self.rules:
            base: Meaning | Primitive | None = Meaning(self, self.rules[name])
        elif name in self.imports:
            base = self.imports[name].meaning(name)
        else:
            base = find_primitive(name)
        return self._with_extensions(base) if isinstance(base, Meaning) else base

    def _with_extensions(self, base: Meaning) -> Meaning:
        known = {id(statement) for _, statement in base.extensions}
        extensions = list(base.extensions)
        viewer: Module | None = self
        while viewer is not None:
            for name, statements in viewer.extended.items():
                if name == base.statement.header.name and viewer.base_of(name) is base.statement:
                    extensions += [(viewer, x) for x in statements if id(x) not in known]
            viewer = viewer.importer
        return Meaning(base.module, base.statement, tuple(extensions))

    def base_of(self, name: str) -> s.RuleStatement | None:
        """The statement that defines a rule, through imports."""
        module: Module | None = self
        while module is not None and name not in module.rules:
            module = module.imports.get(name)
        return module.rules[name] if module is not None else None


def nearest(name: str, candidates: Iterable[str]) -> str:
    """ "did you mean X?", or an empty text."""
    found = difflib.get_close_matches(name, sorted(candidates), n=1, cutoff=0.6)
    return f"did you mean {found[0]}?" if found else ""


class ModuleLoader:
    """Reads a file and everything that it imports.

    Attributes:
        sources: file name -> text of all that was read, the root first.
    """

    def __init__(self, packaged: Path | None) -> None:
        self._packaged = packaged
        self._plain: dict[Path, Module] = {}
        self.sources: dict[str, str] = {}

    def load(self, text: str, name: str, path: Path | None) -> Module:
        """The module of a root file.

        Raises:
            GrammarError: a file cannot be read, or an import fails.
        """
        root = self._module(text, name, path, None, (path,) if path else ())
        pending = [root]
        while pending:
            module = pending.pop()
            pending.extend(self._resolve_imports(module))
        return root

    def _module(
        self,
        text: str,
        name: str,
        path: Path | None,
        importer: Module | None,
        chain: tuple[Path, ...],
    ) -> Module:
        self.sources.setdefault(name, text)
        module = Module(read_file(text, name), path, importer, chain)
        for statement in module.source.statements:
            if isinstance(statement, s.RuleStatement):
                _add_rule(module, statement)
            elif isinstance(statement, s.NamesStatement):
                _add_names(module, statement)
        return module

    def _resolve_imports(self, module: Module) -> list[Module]:
        loaded = []
        for statement in module.source.statements:
            if isinstance(statement, s.ImportStatement):
                imported = self._import(module, statement)
                loaded.append(imported)
                for name, at in statement.names:
                    if name not in imported.rules and not _imports(imported, name):
                        raise module.fail(
                            f"{statement.path} defines no rule {name}",
                            at,
                            nearest(name, imported.rules) or _listing(imported.rules),
                        )
                    if name in module.rules or name in module.imports:
                        raise module.fail(f"{name} is defined twice: here and by the import", at)
                    module.imports[name] = imported
                    module.import_places[name] = at
        return loaded

    def _import(self, module: Module, statement: s.ImportStatement) -> Module:
        path = self._find(module, statement)
        chain = (*module.chain, path)
        if path in module.chain:
            names = " -> ".join(p.name for p in chain)
            raise module.fail(f"the imports go in a circle: {names}", statement.at)
        text = path.read_text(encoding="utf-8")
        if module.changes_imports:
            return self._module(text, statement.path, path, module, chain)
        if path not in self._plain:
            self._plain[path] = self._module(text, statement.path, path, None, chain)
        return self._plain[path]

    def _find(self, module: Module, statement: s.ImportStatement) -> Path:
        folders = [module.path.parent] if module.path else []
        folders += [self._packaged] if self._packaged else []
        for folder in folders:
            candidate = (folder / statement.path).resolve()
            if candidate.is_file():
                return candidate
        beside = sorted(p.name for f in folders for p in f.glob("*.ein"))
        hint = nearest(statement.path, beside) or (
            "it is looked up beside the importing file, then among the packaged grammars"
        )
        raise module.fail(f'there is no file "{statement.path}" to import', statement.at, hint)


def _imports(module: Module, name: str) -> bool:
    return any(
        name == imported
        for statement in module.source.statements
        if isinstance(statement, s.ImportStatement)
        for imported, _ in statement.names
    )


def _listing(names: Iterable[str]) -> str:
    return "it has " + ", ".join(sorted(names)[:12]) if names else "it defines no rules"


def _add_rule(module: Module, statement: s.RuleStatement) -> None:
    header = statement.header
    name = header.name
    if name in BUILT_IN:
        raise module.fail(f"{name} has a meaning of its own and cannot name a rule", header.at)
    formals = [formal for formal, _ in header.formals]
    for formal in formals:
        if formals.count(formal) > 1:
            raise module.fail(f"{name} has two parameters named {formal}", header.at)
    if statement.keyword == "extend":
        module.extended.setdefault(name, []).append(statement)
        return
    table = {"": module.rules, "replace": module.replaced, "seed": module.seeds}[statement.keyword]
    if name in table:
        what = {"": "rule", "replace": "replacement", "seed": "seed"}[statement.keyword]
        first = table[name].at[0]
        raise module.fail(f"{what} {name} is defined twice; first on line {first}", header.at)
    if statement.keyword == "" and name in all_primitives():
        raise module.fail(
            f"{name} is a primitive",
            header.at,
            f"to give it another meaning write `replace {name} = ...`; else choose another name",
        )
    table[name] = statement


def _add_names(module: Module, statement: s.NamesStatement) -> None:
    if statement.keyword == "language":
        found = statement.names[0][0]
        if found != str(LANGUAGE_VERSION):
            raise module.fail(
                f"the file is written in language {found}",
                statement.at,
                f"this einsearch reads language {LANGUAGE_VERSION}",
            )
    elif statement.keyword == "start":
        if module.start is not None:
            raise module.fail("a second start", statement.at, "keep one")
        module.start = statement.names[0]
    else:
        module.require.extend(statement.names)
