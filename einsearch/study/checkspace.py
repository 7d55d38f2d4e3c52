"""`check_space`: whether a search-space file can be searched; nothing is trained or imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from einsearch.derivation.check import Problem, check
from einsearch.errors import EinsearchError
from einsearch.numbers import memory, plural
from einsearch.searchers.registry import searcher_options
from einsearch.study.ground import Ground, ground_of
from einsearch.study.spacefile import SpaceFile, load_space_file

if TYPE_CHECKING:
    from einsearch.derivation.derivation import Derivation


@dataclass(frozen=True)
class SpaceCheck:
    """What was found.

    Attributes:
        problems: of the grammar.
        errors: why the file, its grammar, data, seeds or limits cannot be used.
        file: as read; None where it cannot be.
        settings: what it says beside grammar and task, name -> words.
        ground: what is searched; None where it cannot be loaded.
        sample: a network drawn within the limits; None where there is none.
    """

    problems: Sequence[Problem] = ()
    errors: Sequence[EinsearchError] = ()
    file: SpaceFile | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    ground: Ground | None = None
    sample: Derivation | None = None

    @property
    def is_good(self) -> bool:
        """Whether a search can start; warnings do not stand in its way."""
        return not self.errors and all(p.severity != "error" for p in self.problems)


def check_space(path: Path) -> SpaceCheck:
    """Reads a search-space file and all that it names, and draws one network within its limits."""
    try:
        file = load_space_file(path)
    except EinsearchError as error:
        return SpaceCheck(errors=[error])
    try:
        ground = ground_of(file)
    except EinsearchError as error:
        return SpaceCheck(errors=[error], file=file, settings=_settings(file, None))
    problems = check(ground.grammar)
    found = SpaceCheck(problems, (), file, _settings(file, ground), ground)
    if not found.is_good:
        return found
    try:
        sample = ground.space.sample(np.random.default_rng(file.seed))
    except EinsearchError as error:
        return SpaceCheck(problems, [error], file, found.settings, ground)
    return SpaceCheck(problems, (), file, found.settings, ground, sample)


def _settings(file: SpaceFile, ground: Ground | None) -> dict[str, str]:
    """What a file says of the search, in words, defaults included."""
    directions = file.objectives if ground is None else ground.directions
    asked = file.require if ground is None else ground.require
    said = {
        "objectives": ", ".join(f"{name} ({way})" for name, way in (directions or {}).items()),
        "constraints": ", ".join(
            f"{name} at most {most:g}" for name, most in file.constraints.items()
        ),
        "limits": _limits(file),
        "require": ", ".join(asked or ()),
        "searcher": _searcher(file),
        "budget": _budget(file),
        "executor": _executor(file),
    }
    if file.objective is None:
        said |= {"training": _training(file), "at the end": _final(file)}
    return {name: words for name, words in said.items() if words}


def _limits(file: SpaceFile) -> str:
    """The limits that hold."""
    shown = []
    for name, most in asdict(file.limits).items():
        if most is not None:
            value = memory(most) if name == "activation_memory" else f"{most:,}"
            shown.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join(shown)


def _searcher(file: SpaceFile) -> str:
    """Its name, and the options that are not its defaults."""
    options = dict(file.searcher)
    name = str(options.pop("name"))
    defaults = {key: option.default for key, option in searcher_options(name).items()}
    changed = [f"{key} {value}" for key, value in options.items() if defaults.get(key) != value]
    return ", ".join([name, *changed, f"seed {file.seed}"])


def _budget(file: SpaceFile) -> str:
    budget = file.budget
    parts = []
    if budget.trials is not None:
        parts.append(plural(budget.trials, "trial"))
    if budget.hours is not None:
        parts.append(f"{budget.hours:g} hours")
    epochs = budget.epochs
    if epochs is not None:
        full = file.full_training.total_epochs
        parts.append(f"epochs dealt out by {epochs.pruner}, from {epochs.min} to {full}")
    return ", ".join(parts)


def _executor(file: SpaceFile) -> str:
    many = file.executor.processes
    return file.executor.name + ("" if many is None else f", {plural(many, 'worker')}")


def _training(file: SpaceFile) -> str:
    training: Any = file.full_training
    said = {
        "batch": f"batches of {training.batch}",
        "optimizer": training.optimizer,
        "lr": f"learning rate up to {training.rate:g}",
    }
    kept = [words for name, words in said.items() if name not in file.searched]
    searched = [f"{name} from {domain}" for name, domain in file.searched.items()]
    return ", ".join([plural(training.epochs, "epoch"), *kept, *searched])


def _final(file: SpaceFile) -> str:
    final = file.final
    if final.top == 0:
        return "no full training"
    epochs = final.epochs or file.full_training.epochs
    best = "the best" if final.top == 1 else f"the best {final.top}"
    return f"{best} trained in full: {plural(epochs, 'epoch')}, {plural(final.seeds, 'seed')}"
