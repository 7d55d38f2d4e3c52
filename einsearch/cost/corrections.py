"""`Corrections`: what measured trials say of the predictions.

The quotient of what was measured and what was predicted, as a logarithm, is drawn towards 0 for
all networks together; that of networks in which the same kind of work takes the most, towards that
of all. Medians are used, so that one trial on a busy machine changes little. Only the set of
observations matters, not their order, so that a resumed search comes to the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final, NamedTuple

from einsearch.cost.prediction import Prediction
from einsearch.errors import EinsearchError

PRIOR: Final = 2.0
"""Observations that the quotient which another is drawn towards counts as."""

MOST: Final = 8.0
"""The largest factor that a quotient of seconds may bring; what is beyond is another fault."""


class Observation(NamedTuple):
    """One trial: logarithms of measured by predicted.

    Attributes:
        kind: of work that takes the most of a step.
        seconds: of the seconds of a step.
        peak: of the bytes at its peak; None where that was not measured.
    """

    kind: str
    seconds: float
    peak: float | None


@dataclass(frozen=True)
class Corrections:
    """What is known of how predictions and measurements differ; immutable.

    Attributes:
        observations: sorted, so that equal sets are equal.
    """

    observations: tuple[Observation, ...] = ()

    def observe(
        self,
        prediction: Prediction,
        measured_step_seconds: float,
        measured_peak: float | None = None,
    ) -> Corrections:
        """With one trial more. `prediction` is the one without corrections.

        Raises:
            EinsearchError: what was measured is not positive and finite.
        """
        given = (measured_step_seconds, *(() if measured_peak is None else (measured_peak,)))
        if not all(math.isfinite(x) and x > 0 for x in given):
            raise EinsearchError(f"measured seconds and bytes are positive numbers, not {given}")
        peak = None if measured_peak is None else math.log(measured_peak / prediction.peak_bytes)
        seconds = math.log(measured_step_seconds / prediction.step_seconds)
        return Corrections(
            _sorted([*self.observations, Observation(prediction.dominant, seconds, peak)])
        )

    def apply(self, prediction: Prediction) -> Prediction:
        """The prediction as the trials so far would have it."""
        factor = math.exp(self._log_seconds(prediction.dominant))
        return replace(
            prediction,
            step_seconds=factor * prediction.step_seconds,
            forward_seconds=factor * prediction.forward_seconds,
            peak_bytes=prediction.peak_bytes * math.exp(self._log_peak()),
            shares=tuple((name, factor * value) for name, value in prediction.shares),
        )

    def _log_seconds(self, kind: str) -> float:
        common = _drawn([o.seconds for o in self.observations], 0.0)
        own = _drawn([o.seconds for o in self.observations if o.kind == kind], common)
        most = math.log(MOST)
        return max(-most, min(most, own))

    def _log_peak(self) -> float:
        """Peaks are corrected upwards alone: too little is what kills a worker."""
        return max(0.0, _drawn([o.peak for o in self.observations if o.peak is not None], 0.0))

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values alone."""
        return [o._asdict() for o in self.observations]

    @classmethod
    def from_json(cls, content: Iterable[Mapping[str, Any]]) -> Corrections:
        """The corrections of `to_json`.

        Raises:
            EinsearchError: it is not theirs.
        """
        try:
            found = [Observation(str(o["kind"]), float(o["seconds"]), o["peak"]) for o in content]
        except (TypeError, ValueError, KeyError) as error:
            raise EinsearchError(f"these are no corrections of a cost model: {error}") from None
        return cls(_sorted(found))


def _sorted(observations: Iterable[Observation]) -> tuple[Observation, ...]:
    return tuple(sorted(observations, key=lambda o: (o.kind, o.seconds, o.peak or 0.0)))


def _drawn(logs: list[float], towards: float) -> float:
    """Their median, drawn towards a number where they are few."""
    if not logs:
        return towards
    return (median(logs) * len(logs) + PRIOR * towards) / (len(logs) + PRIOR)
