"""Searchers by name: `register_searcher`, `all_searchers`, and `make_searcher` for what a user
asks for. Searchers of other packages come by the entry points `einsearch.searchers`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

from einsearch.errors import SearcherError
from einsearch.grammar.modules import nearest
from einsearch.plugins import RegistrationError, check_class, is_same, load_plugins, lost_plugin
from einsearch.searchers.base import Searcher, SearchSpace

DEFAULT_SEARCHER = "guided-evolution"

_REGISTRY: dict[str, type[Searcher]] = {}
_S = TypeVar("_S", bound=type[Searcher])


def register_searcher(searcher: _S) -> _S:
    """Decorator that makes a searcher known by its `name`.

    The keyword-only parameters of its `__init__`, with type hints and defaults, are the options
    that a user may give.

    Raises:
        RegistrationError: it lacks something, or another one has its name.
    """
    check_class("searcher", searcher, Searcher)
    name = searcher.name
    if name in _REGISTRY and not is_same(_REGISTRY[name], searcher):
        raise RegistrationError(f"a searcher named {name} is registered already")
    _REGISTRY[name] = searcher
    return searcher


@lru_cache(maxsize=1)
def _load_all() -> None:
    import einsearch.searchers.bayesian
    import einsearch.searchers.evolution
    import einsearch.searchers.evolution_guided
    import einsearch.searchers.grammar_learning
    import einsearch.searchers.local
    import einsearch.searchers.mcts
    import einsearch.searchers.nsga2
    import einsearch.searchers.optuna
    import einsearch.searchers.pareto_evolution
    import einsearch.searchers.portfolio
    import einsearch.searchers.random  # noqa: F401  registers what ships with einsearch

    load_plugins("einsearch.searchers")


def all_searchers() -> dict[str, type[Searcher]]:
    """All known searchers by name, sorted, other packages' entry points included."""
    _load_all()
    return dict(sorted(_REGISTRY.items()))


def searcher_options(name: str) -> dict[str, inspect.Parameter]:
    """The options of a searcher: name -> parameter with type hint and default."""
    signature = inspect.signature(all_searchers()[name].__init__, eval_str=True)
    return {
        parameter.name: parameter
        for parameter in signature.parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def check_searcher(config: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and all options, defaults filled in, of the searcher that a user asks for.

    Args:
        config: a name, or {name: ..., and the options of that searcher}.

    Raises:
        SearcherError: no such searcher or option, or a value that it does not take.
    """
    if not isinstance(config, (str, Mapping)):
        raise SearcherError(
            f"the searcher is {config!r}: expected a name, or {{name: evolution, and options}}"
        )
    given = {"name": config} if isinstance(config, str) else dict(config)
    name = given.pop("name", None)
    if not isinstance(name, str):
        raise SearcherError(f"a searcher needs a name: {{name: evolution}}; found {given}")
    known = all_searchers()
    if name not in known:
        raise SearcherError(
            f"no searcher is named {name}: {lost_plugin(name) or _advice(name, list(known))}"
        )
    options = searcher_options(name)
    for key in given:
        if key not in options:
            raise SearcherError(
                f"the searcher {name} has no option {key}: {_advice(str(key), list(options))}"
            )
    checked = {key: _checked(name, option, given) for key, option in options.items()}
    known[name].check(checked)
    return name, checked


def make_searcher(config: str | Mapping[str, Any], space: SearchSpace, seed: int = 0) -> Searcher:
    """The searcher that a user asks for; arguments and errors as in `check_searcher`."""
    name, options = check_searcher(config)
    return all_searchers()[name](space, seed, **options)


def _checked(name: str, option: inspect.Parameter, given: Mapping[str, Any]) -> Any:
    """A value as its type hint wants it."""
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    if option.name not in given:
        return option.default
    value = given[option.name]
    try:
        adapter = TypeAdapter(option.annotation, config=ConfigDict(strict=True))
        return adapter.validate_python(value)
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        raise SearcherError(
            f"the option {option.name} of the searcher {name} is {value!r}: "
            f"{message[0].lower()}{message[1:]}"
        ) from None


def _advice(name: str, known: list[str]) -> str:
    return nearest(name, known) or (f"there are {', '.join(known)}" if known else "there are none")
