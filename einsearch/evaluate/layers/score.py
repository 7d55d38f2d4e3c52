"""`LayerScore`: the objective of a search for layers, with the two filters that most fail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from einsearch.errors import Reject
from einsearch.evaluate.candidate import Job, Outcome, evaluate_candidate
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.faults import CandidateFault
from einsearch.evaluate.layers.anchors import Anchor
from einsearch.evaluate.layers.filters import worst_gradient
from einsearch.evaluate.network import build_network
from einsearch.primitives.program import Program
from einsearch.tasks.base import Task
from einsearch.trial import FailureKind, TrialState


class Filter(StrEnum):
    """What rejects a layer before it is trained in full."""

    QUALITY = "quality"
    """After few epochs an anchor has not learned, or its numbers are not finite."""
    STABILITY = "stability"
    """Gradients of an anchor can be driven beyond a bound."""


@dataclass(frozen=True)
class LayerScore:
    """Scores a layer by what each of several anchors learns with it.

    Quality comes first, because it costs little: training goes on from where it left off.

    Attributes:
        task: what anchors learn: classes.
        anchors: networks with a place for the layer.
        training: of an anchor with a layer.
        quality_epochs: epochs until the first look.
        quality: accuracy on validation data that every anchor must have reached by then.
        stability_steps: of ascent on the gradient's norm; 0 for no such filter.
        stability: bound on that norm.
        stability_batch: examples whose gradient that is.
        seed: of weights and of the order of examples, the same for all layers.
    """

    task: Task
    anchors: Sequence[Anchor]
    training: TrainingConfig
    quality_epochs: int = 2
    quality: float = 0.2
    stability_steps: int = 100
    stability: float = 1e8
    stability_batch: int = 16
    seed: int = 0

    def __call__(self, derivation: Any) -> dict[str, float]:
        """Name of each anchor -> accuracy on validation data after training.

        Args:
            derivation: a layer, or anything with a `text` that keeps the spec of its input.

        Raises:
            Reject: which filter rejects it, at which anchor, with the figure.
            CandidateFault: training at an anchor failed for another reason than numbers that are
                not finite: an error, memory, time. The trial fails for that reason.
        """
        return self.score(derivation.text)

    def score(self, layer: str) -> dict[str, float]:
        """The same for the text of a layer."""
        begun = self.screen(layer)
        return {name: self._finish(name, *one) for name, one in begun.items()}

    def screen(self, layer: str) -> dict[str, tuple[Program, Outcome]]:
        """Passes a layer through both filters.

        Args:
            layer: its text.

        Returns:
            Name of each anchor -> the anchor with the layer, and what its first epochs gave.

        Raises:
            Reject, CandidateFault: as calling does.
        """
        begun: dict[str, tuple[Program, Outcome]] = {}
        for anchor in self.anchors:  # most layers are rejected at the first
            program = anchor.with_layer(layer, self.task.input)
            begun[anchor.name] = program, self._begin(anchor.name, program)
        for name, (program, _) in begun.items():
            self._check_stability(name, program)
        return begun

    def _begin(self, name: str, program: Program) -> Outcome:
        """The first epochs. Raises Reject and CandidateFault."""
        job = Job(program, self.training, self.seed, until=self.quality_epochs, keep_weights=False)
        outcome = evaluate_candidate(job, self.task)
        _check_trained(name, outcome)
        accuracy = outcome.metrics["accuracy"]
        if accuracy < self.quality:
            raise Reject(
                f"{Filter.QUALITY}: {name} has an accuracy of {accuracy:.3f} after "
                f"{outcome.epochs} epochs, and needs {self.quality:g}"
            )
        return outcome

    def _check_stability(self, name: str, program: Program) -> None:
        if not self.stability_steps:
            return
        worst = worst_gradient(
            build_network(program, self.task, self.seed),
            self.task,
            steps=self.stability_steps,
            batch=self.stability_batch,
            bound=self.stability,
            device=self.training.device,
        )
        if worst > self.stability:
            shown = f"{worst:.2g}" if math.isfinite(worst) else "infinity"
            raise Reject(
                f"{Filter.STABILITY}: gradients of {name} reach {shown}, beyond {self.stability:g}"
            )

    def _finish(self, name: str, program: Program, begun: Outcome) -> float:
        """The rest of the training, from where it left off. Raises as `_begin`."""
        if begun.checkpoint is None:  # there was no more
            return begun.metrics["accuracy"]
        job = Job(program, self.training, self.seed, checkpoint=begun.checkpoint)
        outcome = evaluate_candidate(replace(job, keep_weights=False), self.task)
        _check_trained(name, outcome)
        return outcome.metrics["accuracy"]


def _check_trained(name: str, outcome: Outcome) -> None:
    """Numbers that are not finite are the layer's; of any other failure it may be innocent."""
    if outcome.state is not TrialState.FAILED:
        return
    kind, _, message = outcome.reason.partition(": ")
    if kind == FailureKind.NOT_FINITE:
        raise Reject(f"{Filter.QUALITY}: {name}: {outcome.reason}")
    raise CandidateFault(FailureKind(kind), f"{name}: {message}")


def filter_of(reason: str) -> Filter | None:
    """The filter that rejected a trial, by its reason; None where it was something else."""
    head = reason.split(":", 1)[0]
    return Filter(head) if head in set(Filter) else None
