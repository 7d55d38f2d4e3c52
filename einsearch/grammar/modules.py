"""Files and what they see: definitions, imports, `extend` and `replace`.

A module is one file as seen from the files that import it: the same file under another
`replace` or `extend` is another module. What is changed stays so on the way down, through any
number of files: a file's changes reach all that it imports, and all that these import.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from einsearch.errors import GrammarError, Location
from einsearch.grammar import syntax as s
from einsearch.grammar.read import LANGUAGE_VERSION, locate, read_file
from einsearch.grammar.source import (
    SUFFIX,
    Unreadable,
    count_words,
    read_source,
    reason_of,
    shorten,
)
from einsearch.primitives.base import Primitive, all_primitives, find_primitive

BUILT_IN = frozenset(
    {"each", "repeat", "chain", "tied", "any", "all", "in", "out", "true", "false"}
)
"""Names with a meaning of their own, which no rule may take."""
MOST_FILES: Final = 300
"""Of one grammar; a file that several others change counts once for each of them."""
MOST_NESTED: Final = 100
"""Files that import each other in a chain."""
MOST_NAMES: Final = 200
"""Parameters of a rule; what its `where` binds; tensors of a block."""
_LONGEST_COMPARED: Final = 60


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
    """One file: its own definitions, and what it takes from others.

    Attributes:
        importer: the nearest file on the way from the root whose `replace` or `extend` changes
            this one; None where nothing does.
        rules, replaced, extended, seeds: statements by the name that they give a meaning.
        imports: name -> the module that it comes from.
    """

    source: s.SourceFile
    path: Path | None
    importer: Module | None = None
    rules: dict[str, s.RuleStatement] = field(default_factory=dict)
    replaced: dict[str, s.RuleStatement] = field(default_factory=dict)
    extended: dict[str, list[s.RuleStatement]] = field(default_factory=dict)
    seeds: dict[str, s.RuleStatement] = field(default_factory=dict)
    imports: dict[str, Module] = field(default_factory=dict)
    start: tuple[str, s.At] | None = None
    require: list[tuple[str, s.At]] = field(default_factory=list)

    def location(self, at: s.At) -> Location:
        return locate(self.source.name, self.source.text, at)

    def fail(self, message: str, at: s.At, hint: str = "") -> GrammarError:
        """A GrammarError at a place of this file."""
        return GrammarError(shorten(message), self.location(at), hint)

    def documentation(self, statement: s.RuleStatement) -> str:
        """The `##` lines directly above a statement that begins its line."""
        lines: list[str] = []
        if not self._begins_line(statement.at):
            return ""
        above = statement.at[0] - 1
        while above in self._documenting:
            lines.append(self._documenting[above])
            above -= 1
        return "\n".join(reversed(lines))

    @cached_property
    def _documenting(self) -> dict[int, str]:
        """Lines that are documentation alone, by number."""
        return {
            comment.at[0]: comment.text.lstrip("#").strip()
            for comment in self.source.comments
            if comment.text.startswith("##") and self._begins_line(comment.at)
        }

    def _begins_line(self, at: s.At) -> bool:
        return not self._lines[at[0] - 1][: at[1] - 1].strip()

    @cached_property
    def _lines(self) -> list[str]:
        return self.source.text.split("\n")

    def names(self) -> set[str]:
        """Every rule name that this file sees."""
        return set(self.rules) | set(self.imports) | set(self.replaced)

    def meaning(self, name: str, inside: Module | None = None) -> Meaning | Primitive | None:
        """What a name stands for in this file, or None.

        Of several files that replace a name, the outermost has the last word.

        Args:
            name: a rule or primitive.
            inside: a file whose changes do not count, nor those of files that import it: in its
                own `replace`, a name has the meaning that it had before.
        """
        base = self._base(name, inside)
        return _extended(base, inside) if isinstance(base, Meaning) else base

    def _base(self, name: str, inside: Module | None) -> Meaning | Primitive | None:
        for viewer in reversed(self.viewers(inside)):
            if name in viewer.replaced:
                return Meaning(viewer, viewer.replaced[name])
        if name in self.rules:
            return Meaning(self, self.rules[name])
        if name in self.imports:
            return self.imports[name]._base(name, inside)
        return find_primitive(name)

    def viewers(self, inside: Module | None) -> list[Module]:
        """The files whose changes reach this one, itself first, then outwards."""
        viewers: list[Module] = []
        viewer: Module | None = self
        while viewer is not None and viewer is not inside:
            viewers.append(viewer)
            viewer = viewer.importer
        return viewers

    def statement_of(self, name: str, inside: Module | None = None) -> s.RuleStatement | None:
        """The statement that gives a rule its meaning here; None for what is no rule."""
        base = self._base(name, inside)
        return base.statement if isinstance(base, Meaning) else None


def _extended(base: Meaning, inside: Module | None) -> Meaning:
    """A rule with what its own file adds, and files that import it, from the inside outwards."""
    name = base.statement.header.name
    extensions = [
        (viewer, statement)
        for viewer in base.module.viewers(inside)
        if name in viewer.extended and viewer.statement_of(name, inside) is base.statement
        for statement in viewer.extended[name]
    ]
    return Meaning(base.module, base.statement, tuple(extensions))


def nearest(name: str, candidates: Iterable[str]) -> str:
    """ "did you mean X?", or an empty text."""
    length = len(name)
    if length > _LONGEST_COMPARED:
        return ""
    # At a ratio of 0.6 the longer one has at most 7/3 times the letters.
    near = sorted(c for c in candidates if 3 * len(c) <= 7 * length and 3 * length <= 7 * len(c))
    found = difflib.get_close_matches(name, near, n=1, cutoff=0.6)
    return f"did you mean {found[0]}?" if found else ""


class ModuleLoader:
    """Reads a file and everything that it imports, each file once.

    Attributes:
        sources: file name -> text of all that was read, the root first.
        modules: every file as seen from those that import it, the root first.
    """

    def __init__(self, packaged: Path | None) -> None:
        self._packaged = packaged
        self._read: dict[Path, s.SourceFile] = {}
        self._known: dict[tuple[Path, Module | None], Module] = {}
        self._folder: Path | None = None
        self.sources: dict[str, str] = {}
        self.modules: list[Module] = []
        self._words = 0

    def load(self, text: str, name: str, path: Path | None) -> Module:
        """The module of a root file.

        Raises:
            GrammarError: a file cannot be read, or an import fails.
        """
        self._folder = path.parent if path else None
        root = self._module(self._syntax(text, name), path, None)
        stack = [(root, iter(_imports(root)))]
        while stack:
            module, statements = stack[-1]
            statement = next(statements, None)
            if statement is None:
                stack.pop()
                continue
            known = len(self.modules)
            imported = self._import([above for above, _ in stack], statement)
            _take_names(module, imported, statement)
            if len(self.modules) > known:
                stack.append((imported, iter(_imports(imported))))
        return root

    def _syntax(self, text: str, name: str) -> s.SourceFile:
        source = read_file(text, name, self._words)
        self._words += count_words(text)
        self.sources[name] = text
        return source

    def _module(self, source: s.SourceFile, path: Path | None, importer: Module | None) -> Module:
        module = Module(source, path, importer)
        self.modules.append(module)
        for statement in source.statements:
            if isinstance(statement, s.RuleStatement):
                _add_rule(module, statement)
            elif isinstance(statement, s.NamesStatement):
                _add_names(module, statement)
        return module

    def _import(self, chain: list[Module], statement: s.ImportStatement) -> Module:
        module = chain[-1]
        path = self._find(module, statement)
        if any(above.path == path for above in chain):
            names = [above.source.name for above in chain]
            back = next(above.source.name for above in chain if above.path == path)
            circle = " -> ".join([*names, back])
            raise module.fail(f"the imports go in a circle: {circle}", statement.at)
        if len(chain) >= MOST_NESTED:
            raise module.fail(
                f"more than {MOST_NESTED} files import each other in a chain", statement.at
            )
        importer = module if module.replaced or module.extended else module.importer
        if (path, importer) not in self._known:
            if len(self.modules) >= MOST_FILES:
                raise module.fail(
                    f"more than {MOST_FILES} files are imported",
                    statement.at,
                    "a file counts once for each file that changes it by `replace` or `extend`",
                )
            source = self._source(module, path, statement)
            self._known[path, importer] = self._module(source, path, importer)
        return self._known[path, importer]

    def _source(self, module: Module, path: Path, statement: s.ImportStatement) -> s.SourceFile:
        if path not in self._read:
            try:
                text = read_source(path)
            except Unreadable as error:
                raise module.fail(
                    f'cannot read "{statement.path}": {error}', statement.at
                ) from None
            self._read[path] = self._syntax(text, self._name(path, statement))
        return self._read[path]

    def _name(self, path: Path, statement: s.ImportStatement) -> str:
        """How a file is called: by its way from the root file, or from the packaged grammars."""
        if self._packaged is not None and path.is_relative_to(self._packaged.resolve()):
            name = path.relative_to(self._packaged.resolve()).as_posix()
        elif self._folder is None or Path(statement.path).is_absolute():
            name = statement.path
        else:
            name = Path(os.path.relpath(path, self._folder)).as_posix()
        return str(path) if name in self.sources else name

    def _find(self, module: Module, statement: s.ImportStatement) -> Path:
        """The file that an import names; nothing is opened that does not end in .ein."""
        written = statement.path
        if not written.endswith(SUFFIX):
            raise module.fail(f'imports end in {SUFFIX}, "{written}" does not', statement.at)
        folders = [module.path.parent] if module.path else []
        folders += [self._packaged] if self._packaged else []
        for folder in folders:
            try:
                found = (folder / written).resolve()
                exists = found.exists()
            except (OSError, ValueError, RuntimeError) as error:
                reason = reason_of(error)
                raise module.fail(f'cannot read "{written}": {reason}', statement.at) from None
            if exists:
                if found.suffix != SUFFIX:
                    message = f'"{written}" leads to a file that does not end in {SUFFIX}'
                    raise module.fail(message, statement.at)
                return found
        beside = sorted(p.name for f in folders for p in f.glob("*.ein"))
        hint = nearest(written, beside) or (
            "it is looked up beside the importing file, then among the packaged grammars"
        )
        raise module.fail(f'there is no file "{written}" to import', statement.at, hint)


def _imports(module: Module) -> list[s.ImportStatement]:
    return [x for x in module.source.statements if isinstance(x, s.ImportStatement)]


def _take_names(module: Module, imported: Module, statement: s.ImportStatement) -> None:
    """Makes the names of an import statement mean what they mean in the imported file."""
    passed_on = {name for inner in _imports(imported) for name, _ in inner.names}
    there = {*imported.rules, *imported.replaced, *passed_on}
    for name, at in statement.names:
        if name not in there:
            raise module.fail(
                f"{statement.path} defines no rule {name}",
                at,
                nearest(name, there) or _listing(imported.rules),
            )
        if name in module.rules or name in module.imports:
            raise module.fail(f"{name} is defined twice: here and by the import", at)
        module.imports[name] = imported


def _listing(names: Iterable[str]) -> str:
    return "it has " + ", ".join(sorted(names)[:12]) if names else "it defines no rules"


def _add_rule(module: Module, statement: s.RuleStatement) -> None:
    header = statement.header
    name = header.name
    if name in BUILT_IN:
        raise module.fail(f"{name} has a meaning of its own and cannot name a rule", header.at)
    formals = [formal for formal, _ in header.formals]
    for what, number in (("parameters", len(formals)), ("bindings", len(statement.bindings))):
        if number > MOST_NAMES:
            raise module.fail(f"{name} has more than {MOST_NAMES} {what}", header.at)
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
