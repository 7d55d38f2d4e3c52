"""`WeightStore`: weights of the best trials, in the run folder.

A session keeps a bounded number of those that it has trained. What lies in the folder from before
stays, whether the record lists its trial or not: a record can be lost, weights cannot be had
again.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from einsearch.errors import RunError
from einsearch.study.folder import WEIGHTS, RunFolder
from einsearch.study.ranking import best_first
from einsearch.trial import Trial

if TYPE_CHECKING:
    from einsearch.evaluate.crossvalidation import Answers

KEPT: Final = 10
"""Weights of so many trials are kept unless told otherwise."""


class WeightStore:
    """Keeps the weights of the best trials. With several objectives those that no other kept
    trial dominates come first.

    Args:
        folder: of the run.
        directions: objective name -> "maximize" or "minimize".
        trials: those recorded so far.
        keep: a trial whose weights are kept is among so many best ones.
    """

    def __init__(
        self,
        folder: RunFolder,
        directions: Mapping[str, str],
        trials: Sequence[Trial] = (),
        keep: int = KEPT,
    ) -> None:
        self._folder = folder
        self._directions = directions
        self._keep = keep
        self._kept: list[Trial] = []
        stored = stored_numbers(folder)
        for trial in trials:
            if trial.number in stored and best_first([trial], directions):
                self._kept.append(trial)
        self._kept = best_first(self._kept, directions)[:keep]
        self._added: set[int] = set()

    def offer(
        self, trial: Trial, weights: Mapping[str, Any], answers: Answers | None = None
    ) -> None:
        """Keeps the weights if the trial is among the best; then the worst of the others goes.

        Args:
            trial: complete, with its values.
            weights: name -> NumPy array.
            answers: to the examples that gave its values; they are kept beside the weights.

        Raises:
            RunError: the folder cannot be written.
        """
        ranked = best_first([*self._kept, trial], self._directions)[: self._keep]
        if trial not in ranked:
            return
        name = f"{WEIGHTS}/{file_name(trial.number)}"
        header = {"text": trial.text, "hash": trial.hash}
        self._folder.add(name, packed(weights, header))
        if answers is not None:
            arrays = {"rows": answers.rows, "outputs": answers.outputs}
            self._folder.add(f"{WEIGHTS}/{answers_name(trial.number)}", packed(arrays, header))
        self._added.add(trial.number)
        self._kept.append(trial)
        self._trim()

    def _trim(self) -> None:
        ranked = best_first(self._kept, self._directions)
        self._kept = ranked[: self._keep]
        for trial in ranked[self._keep :]:
            self._remove(trial.number)

    def _remove(self, number: int) -> None:
        """Removes weights that this session has written, and no others."""
        if number not in self._added:
            return
        self._added.discard(number)
        try:
            for name in (file_name(number), answers_name(number)):
                (self._folder.weights / name).unlink(missing_ok=True)
        except OSError as error:
            raise RunError(
                f"cannot remove weights from {self._folder.weights}: {error.strerror}"
            ) from None


def packed(weights: Mapping[str, Any], header: Mapping[str, str]) -> bytes:
    """Weights as a safetensors file. The same weights give the same bytes: safetensors itself
    writes the entries of a header in any order."""
    from safetensors.numpy import save

    made = save(dict(weights), dict(header))
    start = 8 + int.from_bytes(made[:8], "little")
    content = json.loads(made[8:start])
    content["__metadata__"] = dict(sorted(header.items()))
    text = json.dumps(content, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + made[start:]


def file_name(number: int) -> str:
    """Of the weights of a trial."""
    return f"trial-{number}.safetensors"


def answers_name(number: int) -> str:
    """Of what a trial answered to the examples that it was scored on."""
    return f"answers-{number}.safetensors"


def again_name(number: int) -> str:
    """Of the weights of a trial whose own were not kept, and that was trained again since."""
    return f"again-{number}.safetensors"


def stored_numbers(folder: RunFolder) -> set[int]:
    """Numbers of the trials whose weights, as the search trained them, are in the folder."""
    return _numbers(folder, "trial-")


def again_numbers(folder: RunFolder) -> set[int]:
    """Numbers of the trials whose weights were made again."""
    return _numbers(folder, "again-")


def _numbers(folder: RunFolder, prefix: str) -> set[int]:
    stems = (path.stem for path in folder.weights.glob(f"{prefix}*.safetensors"))
    numbers = (stem.removeprefix(prefix) for stem in stems)
    return {int(number) for number in numbers if number.isascii() and number.isdecimal()}


def read_weights(folder: RunFolder, number: int) -> dict[str, Any]:
    """The weights of a trial: name -> NumPy array; those made again where the search kept none.

    Raises:
        RunError: there are none (the message says whose there are, and how to make them), or the
            file is damaged.
    """
    if number in stored_numbers(folder):
        return read_weights_file(folder, f"{WEIGHTS}/{file_name(number)}")
    again = again_numbers(folder)
    if number in again:
        return read_weights_file(folder, f"{WEIGHTS}/{again_name(number)}")
    kept = ", ".join(map(str, sorted(stored_numbers(folder) | again))) or "none"
    place = shlex.quote(f"{folder.path}:{number}")
    raise RunError(
        f"the weights of trial {number} were not kept in {folder.path}; those of these trials "
        f"were: {kept}. `einsearch export {place} --train` trains it again as the search did, "
        f"`einsearch train {place}` in full"
    )


def read_weights_file(folder: RunFolder, name: str) -> dict[str, Any]:
    """Weights in a file of the folder: name -> NumPy array.

    Raises:
        RunError: the file is missing or damaged, or its name leads out of the folder.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder.inside(name)
    try:
        weights: dict[str, Any] = load(path.read_bytes())
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from None
    except (SafetensorError, KeyError, ValueError) as error:
        raise RunError(f"the weights {path} are damaged: {error}") from None
    return weights
