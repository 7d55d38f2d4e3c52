"""`Ground`: what a search-space file searches, loaded; the objective of a user is not imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from einsearch.derivation.derivation import Derivation
from einsearch.errors import EinsearchError
from einsearch.evaluate.searched import usual_settings
from einsearch.grammar.model import Grammar
from einsearch.graph.canonical import canonical_hash
from einsearch.searchers.base import SearchSpace
from einsearch.specs import TensorSpec
from einsearch.study.earlier import texts_of, with_texts
from einsearch.study.exhausting import count_networks
from einsearch.study.folder import SPACE, RunFolder
from einsearch.study.goalchecks import check_constraints, check_metrics
from einsearch.study.plan import directions_of, load_file_grammar, required
from einsearch.study.searchedtraining import check_grammar, check_task
from einsearch.study.searchspace import search_space, seed_derivations
from einsearch.study.spacefile import SpaceFile, load_space_file
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task


@dataclass(frozen=True)
class Ground:
    """What is searched.

    Attributes:
        file: that says so.
        grammar, spec: what is derived, on which tensor.
        task: with its data; None for an objective of the user's.
        directions: objective name -> direction.
        require: what every candidate must have.
        seeds: how the grammar derives the start architectures.
        space: what a searcher draws from.
        notes: what became of the networks of earlier runs, for people.
    """

    file: SpaceFile
    grammar: Grammar
    spec: TensorSpec
    task: Task | None
    directions: Mapping[str, str]
    require: Sequence[str]
    seeds: Sequence[Derivation]
    space: SearchSpace
    notes: Sequence[str] = ()


def ground_of(file: SpaceFile, *, checks_test: bool = True) -> Ground:
    """Loads and checks what a file names.

    Args:
        file: that says what is searched.
        checks_test: whether test data are looked at, too.

    Raises:
        EinsearchError: the grammar, the data or a seed cannot be used.
    """
    grammar = load_file_grammar(file)
    task = (
        None
        if file.objective is not None
        else make_task(file.task, file.base, checks_test=checks_test)
    )
    spec = file.objective_input if task is None else task.input
    assert spec is not None
    directions, require = directions_of(file, task), required(file, grammar, task)
    if task is not None:
        check_metrics(task, directions, file.constraints)
        check_grammar(file.training, grammar)
        check_task(file.training, file.searched, task)
    check_constraints(grammar, spec, file.constraints, file.limits, require)
    file, notes = with_texts(file, grammar, spec, require)
    seeds = seed_derivations(
        grammar, spec, texts_of(file), file.limits, require, usual_settings(file.training)
    )
    space = search_space(
        grammar, spec, directions=directions, limits=file.limits, require=require, seeds=seeds
    )
    return Ground(file, grammar, spec, task, directions, require, seeds, space, notes)


def networks_of(folder: RunFolder, at_most: int) -> int | None:
    """How many networks the space of a run has, if it is small: None where it has more than
    `at_most`, or cannot be made again. No objective is imported."""
    try:
        file = load_space_file(folder.path / SPACE)
        space = ground_of(file, checks_test=False).space
    except EinsearchError:
        return None
    return count_networks(space, lambda found: canonical_hash(found.program), at_most)
