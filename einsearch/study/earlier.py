"""Start architectures from the best trials of earlier runs, as texts in place of their folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from einsearch.derivation.limits import Limits
from einsearch.errors import EinsearchError, LocatedError, SpaceFileError
from einsearch.evaluate.searched import usual_settings
from einsearch.grammar.model import Grammar
from einsearch.specs import TensorSpec
from einsearch.study.run import open_run
from einsearch.study.searchspace import seed_derivations
from einsearch.study.seeding import EarlierRun
from einsearch.study.spacefile import SpaceFile

_TOLD: Final = 3
"""Networks that are left out of which the reason is told."""


@dataclass(frozen=True)
class _Conditions:
    """What the networks of an earlier run have to be derived from, and to keep."""

    grammar: Grammar
    spec: TensorSpec
    limits: Limits
    require: Sequence[str]
    usual: Mapping[str, Any]


def with_texts(
    file: SpaceFile, grammar: Grammar, spec: TensorSpec, require: Sequence[str]
) -> tuple[SpaceFile, tuple[str, ...]]:
    """A file whose seeds are texts alone, and what is to be told of networks that were left out.

    Runs are read alone: nothing is written, and no storage opened that nobody but they name.

    Args:
        file: with its limits.
        grammar, spec: what derives the networks, and on which tensor.
        require: what each must have.

    Raises:
        RunError: an earlier run cannot be read.
        SpaceFileError: nothing of it can start this search.
    """
    given = file.seeds or ()
    if all(isinstance(seed, str) for seed in given):
        return file, ()
    usual = usual_settings(file.training)
    asked = _Conditions(grammar, spec, file.limits, require, usual)
    texts: list[str] = []
    notes: list[str] = []
    for seed in given:
        if isinstance(seed, str):
            texts.append(seed)
            continue
        taken, note = _best_of(seed, asked)
        texts += [text for text in taken if text not in texts]
        notes.append(note)
    return file.model_copy(update={"seeds": tuple(texts)}), tuple(notes)


def texts_of(file: SpaceFile) -> list[str]:
    """The seeds of a file that are texts; all are, once `with_texts` has read the runs."""
    return [seed for seed in file.seeds or () if isinstance(seed, str)]


def _best_of(seed: EarlierRun, asked: _Conditions) -> tuple[list[str], str]:
    """Networks of a run that can start a search, and a sentence for people."""
    found = open_run(Path(seed.run)).architectures[: seed.best]
    if not found:
        raise SpaceFileError(
            f"the run {seed.run} has no complete trial, so that no network of it can start "
            "this search"
        )
    objections = {text: _objection(text, asked) for text in found}
    taken = [_as_text(text, asked) for text in found if objections[text] is None]
    reasons = [reason for reason in objections.values() if reason is not None]
    if not taken:
        raise SpaceFileError(
            f"none of the best {len(found)} networks of the run {seed.run} can start this search: "
            + _told(reasons)
        )
    note = f"the search starts from {len(taken)} of the best {len(found)} networks of {seed.run}"
    return taken, note if not reasons else f"{note}; left out: {_told(reasons)}"


def _objection(text: str, asked: _Conditions) -> str | None:
    """Why a network cannot start a search; None where it can."""
    written = [_as_text(text, asked)]
    try:
        seed_derivations(
            asked.grammar, asked.spec, written, asked.limits, asked.require, asked.usual
        )
    except EinsearchError as error:
        return error.message if isinstance(error, LocatedError) else str(error)
    return None


def _as_text(text: str, asked: _Conditions) -> str:
    """An architecture that cannot be taken for a seed of the grammar by its name."""
    return f"({text})" if text in asked.grammar.seeds else text


def _told(reasons: Sequence[str]) -> str:
    more = len(reasons) - _TOLD
    return "; ".join(reasons[:_TOLD]) + (f"; and {more} more" if more > 0 else "")
