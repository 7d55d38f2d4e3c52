"""Settings of training that a search decides, as a search-space file writes them: a domain of the
grammar language in the place of a value, `lr: log 1e-4..1e-2` or `weight_decay: {0, 0.01, 0.1}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from einsearch.derivation.decisions import Draw, Options
from einsearch.derivation.settings import draws_in
from einsearch.derivation.values import resolve_domain
from einsearch.errors import (
    EinsearchError,
    GrammarError,
    LocatedError,
    Location,
    SpaceFileError,
)
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.searched import FIXED, SettingFault, check_draws, searchable, variants
from einsearch.grammar import expressions as e
from einsearch.grammar.model import Grammar, nodes_of, nodes_under
from einsearch.grammar.read import locate
from einsearch.grammar.searched import domain_call
from einsearch.study.mistakes import show
from einsearch.tasks.base import Task

SECTION: Final = "training"
EXAMPLES: Final = "such as log 1e-4..1e-2, 16..64 or {0, 0.01, 0.1}"

_RANGE: Final = re.compile(r"\.\.")
_LOG: Final = re.compile(r"log\s")

Place = Callable[[tuple[str, ...]], Location | None]


def taken_apart(section: Any, place: Place) -> tuple[Any, dict[str, str]]:
    """The values of a section `training`, and the domains that stand among them.

    Args:
        section: as read: name -> value; anything that is no mapping is given back as it is.
        place: where a path of keys stands, for messages.

    Raises:
        SpaceFileError: a domain cannot be read, or stands where a search decides nothing.
    """
    if not isinstance(section, Mapping):
        return section, {}
    written = {str(name): _as_domain(value) for name, value in section.items()}
    domains = {name: domain for name, domain in written.items() if domain is not None}
    for name, value in section.items():
        if name in TrainingConfig.model_fields and name not in domains:
            _check_value(name, value, place)
    for name, domain in domains.items():
        _check_domain(name, domain, place)
    known = {name: domain for name, domain in domains.items() if name in searchable()}
    return {name: value for name, value in section.items() if name not in known}, known


def check_against(config: TrainingConfig, domains: Mapping[str, str], place: Place) -> None:
    """Raises SpaceFileError where training cannot have what is drawn from a domain."""
    try:
        check_draws(config, draws_in(domain_call(domains)) if domains else {})
    except SettingFault as error:
        if error.name in domains:
            raise SpaceFileError(f"training.{error}", place((SECTION, error.name))) from None
        raise SpaceFileError(f"training: {error}", place((SECTION,))) from None


def check_task(config: TrainingConfig, domains: Mapping[str, str], task: Task) -> None:
    """Raises TaskError where a task cannot be learned with what is drawn from a domain."""
    from einsearch.evaluate.suiting import check_training

    for one in variants_of(config, domains):
        check_training(task, one)


def check_grammar(config: TrainingConfig, grammar: Grammar) -> None:
    """Raises GrammarError where a grammar's own rules give training what it cannot have. What hangs
    on parameters of a rule is not looked at."""
    for rule in (grammar.plain or grammar).rules.values():
        for node in nodes_of(rule):
            if not isinstance(node, e.PrimitiveCall) or not node.primitive.is_setting:
                continue
            found = {name: _fixed(value) for name, value in node.arguments}
            try:
                check_draws(config, {name: draw for name, draw in found.items() if draw})
            except SettingFault as error:
                place = locate(rule.file, grammar.sources.get(rule.file, ""), node.at)
                raise GrammarError(f"training: {error}", place) from None


def _fixed(value: Any) -> Draw | None:
    """What an argument is or draws; None where that hangs on something else."""
    if isinstance(value, e.Constant):
        return Options([value.value], [1.0], [0], "")
    if not isinstance(value, (e.Domain, e.IntegerRange, e.RealRange)):
        return None
    inside = [x for x in nodes_under(value) if not isinstance(x, e.Constant) and x is not value]
    return None if inside else resolve_domain(value, (), (), 0)


def variants_of(config: TrainingConfig, domains: Mapping[str, str]) -> list[TrainingConfig]:
    """Configurations in which every kind of value comes up that is drawn from domains."""
    return variants(config, draws_in(domain_call(domains))) if domains else []


def _as_domain(value: Any) -> str | None:
    """A value as the text of a domain; None where it is none."""
    if isinstance(value, Mapping) and value and all(item is None for item in value.values()):
        return "{" + ", ".join(map(_item, value)) + "}"
    if isinstance(value, (set, frozenset)) and value:
        return "{" + ", ".join(sorted(map(_item, value))) + "}"
    if not isinstance(value, str):
        return None
    text = " ".join(value.split())
    is_domain = text.startswith("{") or _RANGE.search(text) or _LOG.match(text)
    return text if is_domain else None


def _item(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_value(name: str, value: Any, place: Place) -> None:
    if name in FIXED or not isinstance(value, (list, tuple, Mapping)):
        return
    raise SpaceFileError(
        f"training.{name} is {show(value)}: expected a value, or a domain to search",
        place((SECTION, name)),
        EXAMPLES,
    )


def _check_domain(name: str, domain: str, place: Place) -> None:
    """Raises SpaceFileError for what is no domain of the language, or no setting to search."""
    if name in FIXED:
        raise SpaceFileError(
            f"training.{name} is {domain}: expected one value, a search does not decide it",
            place((SECTION, name)),
            f"a search decides {', '.join(searchable())}",
        )
    if name not in searchable():
        return
    try:
        draws_in(domain_call({name: domain}))
    except EinsearchError as error:
        located = error if isinstance(error, LocatedError) else LocatedError(str(error))
        raise SpaceFileError(
            f"training.{name} is {domain}, which is no domain: {located.message}",
            place((SECTION, name)),
            located.hint or EXAMPLES,
        ) from None
