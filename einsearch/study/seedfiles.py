"""`SeedFiles`: weights of full trainings, one file for each seed, written at once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from einsearch.study.folder import WEIGHTS, RunFolder
from einsearch.study.weights import packed
from einsearch.tasks.stored import parts_of
from einsearch.trial import Trial, TrialState

if TYPE_CHECKING:
    from einsearch.evaluate.candidate import Outcome
    from einsearch.evaluate.config import TrainingConfig
    from einsearch.tasks.base import Task


@dataclass(frozen=True)
class TrainedOn:
    """What the outcome of a training hangs on, beside network and seed.

    Attributes:
        epochs: of the training.
        asked: epochs that the user wants; there are fewer where no more fit into the time.
        key: of its settings and of training and validation data.
    """

    epochs: int
    asked: int
    key: str

    @classmethod
    def by(cls, config: TrainingConfig, task: Task, asked: int, *, is_whole: bool = False) -> Self:
        """Of a configuration and a task with its data; on all of them where `is_whole`."""
        digest = hashlib.sha256(config.model_dump_json().encode())
        digest.update(b"all" if is_whole else b"")
        for split in (task.train, task.valid):
            for array in (split.x, split.y, split.weights):
                if array is None:
                    continue
                digest.update(f"{array.dtype.str} {array.shape}".encode())
                for part in parts_of(array):
                    digest.update(part.data)
        return cls(config.epochs, asked, digest.hexdigest()[:16])


def epochs_begun(folder: RunFolder, trials: Sequence[Trial], asked: int) -> list[int]:
    """With how many epochs earlier sessions trained trials in full, the most frequent number first.

    Args:
        folder: of the run.
        trials: whose files are looked at.
        asked: only trainings of which so many epochs were wanted.
    """
    counts: Counter[int] = Counter()
    for trial in trials:
        for path in folder.weights.glob(f"final-{trial.number}-*-seed-*.safetensors"):
            header = _header(path)
            if header.get("asked") == str(asked) and header.get("epochs", "").isdecimal():
                counts[int(header["epochs"])] += 1
    return [epochs for epochs, _ in counts.most_common() if 1 <= epochs <= asked]


def _header(path: Path) -> dict[str, str]:
    """What a file says of its training; nothing where it is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError):
        return {}


class SeedFiles:
    """Files of the full trainings of a trial in a run folder.

    Args:
        folder: of the run.
        trial: whose network is trained.
        on: what else the outcome hangs on; files of other settings or data are not taken.
    """

    def __init__(self, folder: RunFolder, trial: Trial, on: TrainedOn) -> None:
        self._folder = folder
        self._trial = trial
        self._on = on

    def name(self, seed: int) -> str:
        """Of the file of a seed, in the folder."""
        return f"{WEIGHTS}/final-{self._trial.number}-{self._on.key}-seed-{seed}.safetensors"

    def keep(self, seed: int, outcome: Outcome) -> None:
        """Writes weights and validation metrics of a complete training. Raises RunError."""
        if outcome.weights is None:
            return
        header = {
            "text": self._trial.text,
            "hash": self._trial.hash,
            "seed": str(seed),
            "epochs": str(self._on.epochs),
            "asked": str(self._on.asked),
            "metrics": json.dumps(dict(outcome.metrics)),
        }
        self._folder.add(self.name(seed), packed(outcome.weights, header))

    def read(self, seeds: Sequence[int]) -> dict[int, Outcome]:
        """Outcomes of an earlier session by seed; a file that is damaged counts as none."""
        found = {seed: self._read(seed) for seed in seeds}
        return {seed: outcome for seed, outcome in found.items() if outcome is not None}

    def _read(self, seed: int) -> Outcome | None:
        from safetensors import SafetensorError, safe_open

        from einsearch.evaluate.candidate import Outcome

        path = self._folder.inside(self.name(seed))
        try:
            with safe_open(path, "np") as file:
                header = file.metadata() or {}
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metrics = json.loads(header["metrics"])
            scores = {str(name): float(value) for name, value in metrics.items()}
        except (OSError, SafetensorError, KeyError, ValueError, TypeError, AttributeError):
            return None
        if header.get("text") != self._trial.text:
            return None
        return Outcome(TrialState.COMPLETE, metrics=scores, weights=weights)
