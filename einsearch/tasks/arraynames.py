"""What arrays are called elsewhere, and what they are here: `x_train` of Keras is `train_x`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from einsearch.errors import TaskError

ARRAYS: Final = ("train_x", "train_y", "valid_x", "valid_y", "test_x", "test_y")
"""The arrays that a task looks for; others in the same place are left alone."""

ROLES: Final = ("weights", "groups", "order")
"""What else may be said of the examples: how much each counts, what it belongs to, when it was."""

_SPLITS: Final = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing"),
}
_ROLES: Final = {
    "x": ("x", "images", "image", "inputs", "input", "data", "features", "samples"),
    "y": ("y", "labels", "label", "targets", "target", "classes", "outputs", "output"),
}

_MARKS: Final = {
    "weights": ("w", "weights", "weight", "sampleweight", "sampleweights"),
    "groups": ("groups", "group"),
    "order": ("order", "time", "times"),
}
"""Known behind the name of a split alone: an array called `weights` may be anything."""


def _spellings() -> dict[str, str]:
    """What stands for each array, in small letters without marks."""
    known = {}
    for split, splits in _SPLITS.items():
        for role, roles in (_ROLES | _MARKS).items():
            for one in splits:
                for other in roles:
                    known[one + other] = known[other + one] = f"{split}_{role}"
    for role, roles in _ROLES.items():
        known |= dict.fromkeys(roles, f"train_{role}")
    return known


_KNOWN: Final = _spellings()


def recognised(names: Iterable[str], place: object) -> dict[str, str]:
    """Which of the names that arrays have stands for which of `ARRAYS`; others are left out.

    A name of `ARRAYS` goes before other ways to say the same.

    Raises:
        TaskError: two names say the same.
    """
    given = list(names)
    exact = {*ARRAYS, *(f"{split}_{role}" for split in _SPLITS for role in ROLES)}
    found = {name: name for name in given if name in exact}
    for name in given:
        meant = _KNOWN.get(re.sub(r"[^a-z]", "", name.lower()))
        if meant is None or found.get(meant) in (name, meant):
            continue
        if meant in found:
            raise TaskError(
                f"{place} has both {found[meant]} and {name}: call the one that is meant {meant}"
            )
        found[meant] = name
    return found
