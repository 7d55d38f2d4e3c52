"""Every error that einsearch raises on purpose.

An error states what was found, what was expected, where, and what to do about it. Catch
`EinsearchError` to catch them all; a traceback of any other class is a defect of einsearch.
"""

from __future__ import annotations

from dataclasses import dataclass

from einsearch.shown import shown_line


class EinsearchError(Exception):
    """The base of all errors that einsearch raises on purpose."""


@dataclass(frozen=True)
class Location:
    """A place in a text: file name (or "<text>"), line and column, both counted from 1."""

    file: str
    line: int
    column: int
    source_line: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def excerpt(self) -> str:
        """The source line with a caret below the column; empty where the line is unknown."""
        if not self.source_line.strip():
            return ""
        line = self.source_line.replace("\t", " ")
        before = shown_line(line[: self.column - 1])
        indent = " " * (len(before) + max(0, self.column - 1 - len(line)))
        return f"    {before}{shown_line(line[self.column - 1 :])}\n    {indent}^"


class LocatedError(EinsearchError):
    """An error in a text. `str()` gives place, message, the line with a caret, and the advice."""

    def __init__(self, message: str, location: Location | None = None, hint: str = "") -> None:
        self.message = message
        self.location = location
        self.hint = hint
        super().__init__(self._render())

    def _render(self) -> str:
        parts = [f"{self.location}: {self.message}" if self.location else self.message]
        if self.location and (excerpt := self.location.excerpt()):
            parts.append(excerpt)
        if self.hint:
            parts.append(f"  {self.hint}")
        return "\n".join(parts)

    def __reduce__(self) -> tuple[type[LocatedError], tuple[str, Location | None, str]]:
        return type(self), (self.message, self.location, self.hint)


class GrammarError(LocatedError):
    """A grammar file that cannot be used."""


class ParseError(LocatedError):
    """An architecture text that cannot be read, or that a grammar cannot derive."""


class SpaceFileError(LocatedError):
    """A search-space file (YAML) that cannot be used."""


class SettingError(SpaceFileError):
    """A setting given by the caller, in place of what a search-space file says."""


class ShapeError(EinsearchError):
    """A primitive cannot take the tensors that reach it. The message is the reason."""


class ArgumentError(EinsearchError):
    """An argument that a primitive cannot take: unknown, missing, or of the wrong kind."""


class LimitError(EinsearchError, ValueError):
    """A limit that is no whole number, or that does not exist."""


class InfeasibleSpace(EinsearchError):
    """No architecture of the space fits the limits; names the rule and the limit that clash.

    Attributes:
        is_proven: whether there is none, or only none was found with bounded work.
    """

    def __init__(self, message: str, is_proven: bool = False) -> None:
        self.is_proven = is_proven
        super().__init__(message)

    def __reduce__(self) -> tuple[type[InfeasibleSpace], tuple[str, bool]]:
        return type(self), (str(self), self.is_proven)


class NoNeighbour(EinsearchError):
    """A mutation found no valid architecture that differs from its parent."""


class NoCommonSymbol(EinsearchError):
    """Two derivations share no symbol whose subtrees could be exchanged."""


class SearcherError(EinsearchError):
    """A searcher that does not exist, or an option that it does not take."""


class TaskError(EinsearchError):
    """Data that cannot be used as a task: missing arrays, wrong shapes or types."""


class RunError(EinsearchError):
    """A run folder that cannot be used: missing, locked by another process, or damaged."""


class NoCompleteTrial(RunError):
    """A run none of whose trials is complete has no best one."""


class FolderTaken(RunError):
    """A folder for a new run that holds something already."""


class UntrustedFolder(RunError):
    """A run folder that came from elsewhere names code to import, and nobody has agreed to it."""


class ExportError(EinsearchError):
    """A trained network that cannot be exported to the wanted format."""


class Reject(EinsearchError):
    """Raised by an objective to reject a candidate. The message becomes the trial's reason."""
