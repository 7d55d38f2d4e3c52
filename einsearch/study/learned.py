"""Grammars that searches have learned: out of the record, and into the run folder at the end."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from einsearch.searchers.base import SearchSpace
from einsearch.searchers.registry import make_searcher
from einsearch.study.events import Callbacks
from einsearch.study.folder import LEARNED, SPACE, RunFolder
from einsearch.study.record import Record
from einsearch.study.resuming import recalled
from einsearch.study.searchspace import search_space
from einsearch.study.spacefile import load_space_file

if TYPE_CHECKING:
    from einsearch.study.plan import Plan


def keep_learned(plan: Plan, record: Record, folder: RunFolder, callbacks: Callbacks) -> None:
    """Writes learned.ein, where the searcher learns a grammar. Raises RunError."""
    text = learned_from(plan.searcher, plan.space, plan.seed, record)
    if text is not None:
        path = folder.write(LEARNED, text.encode())
        callbacks.on_note(f"the learned grammar is in {path}")


def learned_in(folder: RunFolder, record: Record) -> str | None:
    """The grammar that the search of a folder has learned; None where its searcher learns none.

    The objective is not needed for it.

    Raises:
        EinsearchError: the grammar, the task or the searcher of the run cannot be made again.
    """
    from einsearch.study.plan import load_file_grammar, required
    from einsearch.study.trained import described_task

    file = load_space_file(folder.path / SPACE)
    task = None if file.objective is not None else described_task(folder)
    spec = file.objective_input if task is None else task.input
    assert spec is not None
    grammar = load_file_grammar(file)
    space = search_space(
        grammar,
        spec,
        directions=record.directions,
        limits=file.limits,
        require=required(file, grammar, task),
    )
    return learned_from(file.searcher, space, file.seed, record)


def learned_from(
    searcher: str | Mapping[str, Any], space: SearchSpace, seed: int, record: Record
) -> str | None:
    """What a searcher has learned from a record; None where it learns no grammar.

    Args:
        searcher: name, or name and options.
        space: what it drew from.
        seed: of the search.
        record: what it was asked and told.
    """
    make = partial(make_searcher, searcher, space, seed)
    if make().learned_grammar() is None:
        return None
    return recalled(make, record.entries).learned_grammar()
