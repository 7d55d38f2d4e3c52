"""YAML as plain data that remembers where in the text each key and value stood.

Stricter than YAML: a key given twice, an alias and a tag are errors; and 3e-4 is a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from einsearch.errors import Location, SpaceFileError

Keys = tuple[str | int, ...]
"""Keys and positions that lead from the whole text to a value."""

_DEEPEST: Final = 100
"""Levels of nesting that a file may have."""

_WITH_DOMAINS: Final = "training"
"""Section whose values may be domains of the grammar language, which are read as text."""

_PLAIN_TAGS: Final = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


@dataclass(frozen=True)
class Document:
    """Data with places.

    Attributes:
        file: name of the file, for messages.
        lines: of the text.
        data: plain dicts, lists and scalars.
        keys: where the key of a path stands.
        values: where the value of a path begins.
    """

    file: str
    lines: tuple[str, ...]
    data: Any
    keys: Mapping[Keys, yaml.Mark]
    values: Mapping[Keys, yaml.Mark]

    def locate(self, path: Keys, *, key: bool = False) -> Location:
        """Where the value at a path stands, or its key; of the nearest outer value that is there
        where the path is not."""
        if key and path in self.keys:
            return _location(self.file, self.lines, self.keys[path])
        while path and path not in self.values:
            path = path[:-1]
        return _location(self.file, self.lines, self.values[path])


def read_yaml(text: str, file: str) -> Document:
    """Reads one YAML document.

    Args:
        text: the document.
        file: stands in messages.

    Raises:
        SpaceFileError: it is no YAML, empty, or uses what is not allowed here.
    """
    lines = tuple(re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text))
    reader = _Reader(file, lines)
    try:
        _refuse_aliases(text, reader)
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            raise SpaceFileError("the file is empty", Location(file, 1, 1), _NEEDED)
        data = reader.read(loader, root, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        location = _location(file, lines, mark) if mark else Location(file, 1, 1)
        hint = _QUOTES if "got '['" in str(error.problem) else ""
        raise SpaceFileError(f"this is not YAML: {error.problem}", location, hint) from None
    except yaml.YAMLError as error:
        message = " ".join(str(error).split())
        raise SpaceFileError(f"this is not YAML: {message}", Location(file, 1, 1)) from None
    except RecursionError:
        raise SpaceFileError("it is nested too deeply", Location(file, 1, 1)) from None
    return Document(file, lines, data, reader.keys, reader.values)


_QUOTES: Final = 'a domain with probabilities stands in quotes, such as "{none [0.8], shift}"'
_NEEDED: Final = "it needs at least the keys grammar and task"


class _Loader(yaml.SafeLoader):
    """YAML's safe subset; numbers such as 3e-4 are numbers."""


class _Dumper(yaml.SafeDumper):
    """Quotes the texts that `_Loader` would take for numbers."""


for _kind in (_Loader, _Dumper):
    _kind.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )


def write_yaml(data: Mapping[str, Any]) -> str:
    """Plain data as text that `read_yaml` reads back."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100)


def _refuse_aliases(text: str, reader: _Reader) -> None:
    """Few bytes of aliases can stand for more data than there is memory; and the time for nested
    data grows with the square of the depth."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise SpaceFileError("it is nested too deeply", Location(reader.file, 1, 1))
        if isinstance(event, yaml.AliasEvent):
            raise reader.error("aliases (*) are not supported: write the value out", event)


class _Reader:
    """Turns nodes into data, noting where they stand."""

    def __init__(self, file: str, lines: tuple[str, ...]) -> None:
        self.file = file
        self.lines = lines
        self.keys: dict[Keys, yaml.Mark] = {}
        self.values: dict[Keys, yaml.Mark] = {}

    def error(self, message: str, at: Any, hint: str = "") -> SpaceFileError:
        location = _location(self.file, self.lines, at.start_mark)
        return SpaceFileError(message, location, hint)

    def read(self, loader: _Loader, node: yaml.Node, path: Keys) -> Any:
        self.values[path] = node.start_mark
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(loader, node)
        if node.tag not in _PLAIN_TAGS:
            raise self.error(f"tags such as {node.tag} are not supported", node)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(loader, item, (*path, i)) for i, item in enumerate(node.value)]
        if _is_domain(node, path):
            return loader.buffer[node.start_mark.index : node.end_mark.index]
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(loader, key_node, mapping, path)
            self.keys[*path, key] = key_node.start_mark
            mapping[key] = self.read(loader, value_node, (*path, key))
        return mapping

    def _scalar(self, loader: _Loader, node: yaml.ScalarNode) -> Any:
        try:
            return loader.construct_object(node)
        except ValueError as error:
            raise self.error(f"{node.value} cannot be read: {error}", node) from None

    def _key(self, loader: _Loader, node: yaml.Node, mapping: Mapping[str, Any], path: Keys) -> str:
        key = self._scalar(loader, node) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(key, str) or key == "<<":
            raise self.error("expected a name in front of the colon", node)
        if key in mapping:
            first = self.keys[*path, key].line + 1
            raise self.error(f"{key} is given twice", node, f"it stands on line {first} already")
        return key


def _is_domain(node: yaml.Node, path: Keys) -> bool:
    """Whether `{0, 0.01}` stands in the place of a value of `training`: keys without values."""
    if len(path) != 2 or path[0] != _WITH_DOMAINS or not isinstance(node, yaml.MappingNode):
        return False
    values = [value for _, value in node.value]
    return (
        bool(node.flow_style)
        and bool(values)
        and all(value.start_mark.index == value.end_mark.index for value in values)
    )


def _location(file: str, lines: tuple[str, ...], mark: yaml.Mark) -> Location:
    source = lines[mark.line] if mark.line < len(lines) else ""
    return Location(file, mark.line + 1, mark.column + 1, source)
