"""Networks of one task, and their trainings: in full, or cheaper in some way."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any, Final

import numpy as np

import einsearch as es
from einsearch.errors import NoNeighbour
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.network import Weights, build_network, load_weights, weights_of
from einsearch.evaluate.training import train
from einsearch.primitives.program import Program
from einsearch.tasks.base import Split, Task
from einsearch.tasks.registry import make_task


@dataclass(frozen=True)
class Setting:
    """Where networks come from, and what training in full is.

    Attributes:
        task: that they learn.
        grammar: that they are drawn from.
        limits: of each.
        rate: highest learning rate.
        batch: examples of a step.
    """

    task: str
    grammar: str
    limits: es.Limits
    rate: float
    batch: int = 32

    def config(self, epochs: int) -> TrainingConfig:
        """So many epochs on the CPU."""
        return TrainingConfig(
            epochs=epochs, batch=self.batch, lr=self.rate, device="cpu", precision="float32"
        )


SETTINGS: Final = {
    "digits": Setting("digits", "digits", es.Limits(40, 8, "300k", "250k"), 0.01),
    "series": Setting("series", "series", es.Limits(60, 12, "200k", "2M"), 0.003),
}


@dataclass(frozen=True)
class Family:
    """A network and those that mutations made of it.

    Attributes:
        text: of the parent.
        parent: the network.
        children: those that mutations made.
    """

    text: str
    parent: Program
    children: tuple[Program, ...]


@dataclass(frozen=True)
class Stage:
    """A part of a training.

    Attributes:
        until: the epoch that it ends with.
        share: of the examples.
        batch: examples of a step, in batches of the setting.
    """

    until: int
    share: float = 1.0
    batch: int = 1


@dataclass(frozen=True, eq=False)
class Training:
    """What a training gave.

    Attributes:
        history: metrics after every epoch.
        ends: CPU seconds from the start to the end of every epoch.
        weights: at the end.
    """

    history: tuple[Mapping[str, float], ...]
    ends: tuple[float, ...]
    weights: Weights

    def scores(self, metric: str) -> list[float]:
        """A metric after every epoch, where more is better."""
        sign = 1.0 if metric == "accuracy" else -1.0
        return [sign * one[metric] for one in self.history]


def load(setting: Setting) -> Task:
    """The task of a setting."""
    return make_task(setting.task)


def families(setting: Setting, parents: int, children: int, seed: int) -> list[Family]:
    """Networks drawn from the grammar, each with so many different mutations."""
    grammar = es.load_grammar(setting.grammar)
    spec = load(setting).input
    found: list[Family] = []
    random = np.random.default_rng(seed)
    known: set[str] = set()
    while len(found) < parents:
        parent = grammar.sample(spec, random, setting.limits)
        made: list[Program] = []
        for _ in range(20 * children):
            try:
                child = parent.mutate(random, setting.limits)
            except NoNeighbour:
                break
            text = child.text
            if text not in known:
                known.add(text)
                made.append(child.graph().program)
            if len(made) == children:
                found.append(Family(parent.text, parent.graph().program, tuple(made)))
                break
    return found


def trained(
    program: Program,
    task: Task,
    config: TrainingConfig,
    stages: Sequence[Stage] = (),
    seed: int = 0,
    inherited: Weights | None = None,
) -> Training:
    """Trains a network of that architecture from scratch, or from a parent's weights.

    Args:
        program: the architecture.
        task: what it learns.
        config: its epochs are what the learning rate is scheduled over.
        stages: parts of the training, in order; one with all examples where there are none.
        seed: of initial weights and of the order of examples.
        inherited: weights of the parent.
    """
    began = time.process_time()
    ends: list[float] = []

    def note(epoch: int, metrics: Mapping[str, float]) -> bool:
        ends.append(time.process_time() - began)
        return False

    network = build_network(program, task, seed)
    if inherited is not None:
        load_weights(network, taken_over(weights_of(network), inherited))
    state = None
    for stage in stages or (Stage(config.epochs),):
        part = subset(task, stage.share)
        larger = config.model_copy(update={"batch": config.batch * stage.batch})
        done = train(network, part, larger, seed, report=note, until=stage.until, start=state)
        state = done.state
    return Training(done.history, tuple(ends), done.weights)


def subset(task: Task, share: float) -> Task:
    """The task with the same random share of its training examples."""
    if share == 1:
        return task
    count = len(task.train)
    rows = np.random.default_rng(0).permutation(count)[: round(share * count)]
    rows.sort()
    return replace(task, train=Split(task.train.x[rows], task.train.y[rows]))


def taken_over(fresh: Weights, parent: Weights) -> dict[str, Any]:
    """A child's weights, its parent's where a series of layers is the same in both.

    Layers are compared in the order of calls, by their kind and the shapes of what they learn:
    names have numbers, which a mutation before them moves.
    """
    ours, theirs = list(_layers(fresh)), list(_layers(parent))
    matcher = SequenceMatcher(
        None, [signature for signature, _ in ours], [s for s, _ in theirs], autojunk=False
    )
    taken = dict(fresh)
    for at, other, size in matcher.get_matching_blocks():
        for (_, names), (_, sources) in zip(
            ours[at : at + size], theirs[other : other + size], strict=True
        ):
            taken.update(zip(names, (parent[source] for source in sources), strict=True))
    return taken


def _layers(weights: Weights) -> Iterator[tuple[tuple[Any, ...], list[str]]]:
    """What tells a layer, and the names of its weights."""
    for layer, group in groupby(weights, key=lambda name: name.rpartition(".")[0]):
        names = list(group)
        kind = re.sub(r"_\d+", "", layer)
        parts = tuple((name.rpartition(".")[2], weights[name].shape) for name in names)
        yield (kind, parts), names
