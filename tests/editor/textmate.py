"""A tokenizer for TextMate grammars, as far as that of einsearch goes.

It works as editors do: line by line; of the patterns at hand the one that matches earliest counts,
of several at the same place the end of the open region first, then in order. The patterns mean the
same to `re` as to Oniguruma, which editors use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

Rule = Mapping[str, Any]
Match = re.Match[str]


class Region(NamedTuple):
    """A rule with `begin` and `end` that is open, and the scopes inside."""

    rule: Rule
    scopes: tuple[str, ...]


class Scoped(NamedTuple):
    """A piece of a line with its scopes, the outermost first."""

    line: int
    start: int
    end: int
    scopes: tuple[str, ...]


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


def tokenize(grammar: Rule, text: str) -> Iterator[Scoped]:
    """Pieces of a text, in order and without gaps."""
    stack = [Region(grammar, (grammar["scopeName"],))]
    for number, line in enumerate(text.split("\n")):
        for start, end, scopes in _of_line(grammar, stack, line + "\n"):
            if start < min(end, len(line)):
                yield Scoped(number, start, min(end, len(line)), scopes)


def _of_line(grammar: Rule, stack: list[Region], line: str) -> Iterator[tuple[int, int, Any]]:
    position, opened_at = 0, -1
    while True:
        found = _earliest(grammar, stack[-1], line, position)
        if found is None:
            yield position, len(line), stack[-1].scopes
            return
        match, rule, is_end = found
        yield position, match.start(), stack[-1].scopes
        if is_end:
            scopes = stack.pop().scopes
            yield from _captured(match, rule.get("endCaptures", {}), scopes)
        else:
            name = (rule["name"],) if "name" in rule else ()
            scopes = (*stack[-1].scopes, *name)
            key = "beginCaptures" if "begin" in rule else "captures"
            yield from _captured(match, rule.get(key, {}), scopes)
            if "begin" in rule:
                assert match.end() > position or opened_at < position, "a region opens forever"
                opened_at = position
                stack.append(Region(rule, scopes))
        position = match.end()


def _earliest(
    grammar: Rule, region: Region, line: str, position: int
) -> tuple[Match, Rule, bool] | None:
    candidates = [(region.rule["end"], region.rule, True)] if "end" in region.rule else []
    for rule in _flat(grammar, region.rule.get("patterns", ())):
        candidates.append((rule["match"] if "match" in rule else rule["begin"], rule, False))
    best: tuple[Match, Rule, bool] | None = None
    for pattern, rule, is_end in candidates:
        match = _compiled(pattern).search(line, position)
        if match is not None and (best is None or match.start() < best[0].start()):
            best = match, rule, is_end
    return best


def _flat(grammar: Rule, patterns: Sequence[Rule]) -> Iterator[Rule]:
    for rule in patterns:
        if "include" in rule:
            rule = grammar["repository"][rule["include"].removeprefix("#")]
        if "match" in rule or "begin" in rule:
            yield rule
        else:
            yield from _flat(grammar, rule["patterns"])


def _captured(match: Match, captures: Rule, scopes: tuple[str, ...]) -> Iterator[Any]:
    """A match in pieces; groups do not nest, and group 0 stands alone."""
    position = match.start()
    if "0" in captures:
        yield position, match.end(), (*scopes, captures["0"]["name"])
        return
    for group in sorted(map(int, captures)):
        start, end = match.span(group)
        if start >= 0:
            yield position, start, scopes
            yield start, end, (*scopes, captures[str(group)]["name"])
            position = end
    yield position, match.end(), scopes
