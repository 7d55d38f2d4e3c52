"""A grammar whose networks each come with settings of their training, drawn from domains.

One production is put in front of the start rule: `candidate = training(lr=log 1e-4..1e-2) >>
network`. So settings are decisions like all others, and the grammar's own files stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from einsearch.errors import GrammarError, ParseError
from einsearch.grammar import expressions as e
from einsearch.grammar.load import architecture_rule
from einsearch.grammar.model import Grammar

_NAME: Final = "candidate"
_PLACE: Final = "training"
"""Where it is written: no file of the grammar, but the section of that name."""
_AT: Final = (1, 1)


def with_settings(grammar: Grammar, domains: Mapping[str, str]) -> Grammar:
    """The grammar with settings of training in front of its start rule.

    Args:
        grammar: with a start rule.
        domains: setting -> domain, as the language writes it; the grammar as it is where empty.

    Raises:
        ParseError: a domain cannot be read.
        GrammarError: the grammar has no start rule, or decides one of these settings itself.
    """
    if not domains:
        return grammar
    own = grammar.setting_names & set(domains)
    if own:
        raise GrammarError(
            f"{grammar.name} decides {', '.join(sorted(own))} itself, by `training` in its rules",
            hint="leave it out of the grammar, or out of the section training",
        )
    start = grammar.start_rule
    call = domain_call(domains)
    key = _NAME
    while key in grammar.rules:
        key += "_"
    whole = e.RuleCall(start.key, (), (), start.name, _AT)
    body = e.Series((call, whole), _AT)
    rule = e.Rule(key, key, (), (), body, "", _PLACE, _AT)
    return replace(grammar, start=key, rules={**grammar.rules, key: rule}, plain=grammar)


def domain_call(domains: Mapping[str, str]) -> e.PrimitiveCall:
    """The call that draws from domains, in their order. Raises ParseError."""
    shown = ", ".join(f"{name}={domain}" for name, domain in domains.items())
    body = architecture_rule(f"training({shown})")[0].body
    if not isinstance(body, e.PrimitiveCall):
        raise ParseError(f"{shown} is more than domains")
    drawn = set(map(id, body.draws))
    for name, value in body.arguments:
        if id(value) not in drawn:
            raise ParseError(f"{domains.get(name, name)} is a value, or arithmetic with one")
    return body
