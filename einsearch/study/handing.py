"""`HandedOver`: the model that a run ends with, one network or the average of several, as its
final.json says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from einsearch.errors import RunError
from einsearch.numbers import plural
from einsearch.study.folder import FINAL

if TYPE_CHECKING:
    from einsearch.study.run import Run
    from einsearch.trial import Trial

_NEAR = 1e-6
"""How far shares may be off a sum of 1."""


@dataclass(frozen=True)
class Member:
    """One network of an average.

    Attributes:
        number: of its trial.
        text: its architecture.
        weights: name of the file in the run folder.
        share: of its answers in the average; all sum to 1.
    """

    number: int
    text: str
    weights: str
    share: float


@dataclass(frozen=True)
class HandedOver:
    """What a run ends with.

    Attributes:
        members: trained networks, at least one, whose answers are averaged.
        valid: metrics on validation data; empty where the members learned from these.
        test: metrics on test data; empty where there are none.
        interval: 95 % intervals of `test`.
        examples: how many the test data have; None where that was not kept.
    """

    members: tuple[Member, ...]
    valid: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)
    interval: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    examples: int | None = None

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        """Of the `ensemble` of a final.json."""
        known = ("number", "text", "weights", "share")
        members = tuple(Member(*(one[name] for name in known)) for one in said["members"])
        ends = {name: (low, high) for name, (low, high) in said.get("interval", {}).items()}
        return cls(members, said["valid"], said["test"], ends, said.get("examples"))

    def as_json(self) -> dict[str, Any]:
        """As final.json has it."""
        return {
            "members": [vars(member) for member in self.members],
            "valid": dict(self.valid),
            "test": dict(self.test),
            "interval": {name: list(ends) for name, ends in self.interval.items()},
            **({} if self.examples is None else {"examples": self.examples}),
        }

    @property
    def is_average(self) -> bool:
        return len(self.members) > 1

    @property
    def words(self) -> str:
        """ "trial 14", or "the average of 3 networks: trials 14 (2 seeds, 67 %), 16 (33 %)"."""
        numbers = list(dict.fromkeys(member.number for member in self.members))
        if not self.is_average:
            return f"trial {numbers[0]}"
        count = f"the average of {plural(len(self.members), 'network')}"
        if len(numbers) == 1:
            return f"{count}: trial {numbers[0]} with {plural(len(self.members), 'seed')}"
        return f"{count}: trials {', '.join(map(self._told, numbers))}"

    def _told(self, number: int) -> str:
        mine = [member.share for member in self.members if member.number == number]
        seeds = f"{len(mine)} seeds, " if len(mine) > 1 else ""
        return f"{number} ({seeds}{100 * sum(mine):.0f} %)"


def handed_over(run: Run) -> HandedOver | None:
    """What a run ended with, where that is not just its best trial; None where it is, or where
    nothing was trained in full.

    Raises:
        RunError: final.json is damaged.
    """
    final = run.final or {}
    said, rows = final.get("ensemble"), final.get("networks", ())
    if said is not None:
        found = HandedOver.of_json(said)
    elif final.get("looks") and (row := next((r for r in rows if r["weights"]), None)):
        found = HandedOver((Member(row["number"], row["text"], row["weights"], 1.0),))
    else:
        return None
    _check(run, found.members)
    return found


def leading(run: Run) -> Trial | None:
    """The trial that stands for what a run ended with: the first member of an average; the best one
    where nothing else was handed over, None where none is complete."""
    found = handed_over(run)
    return run.find_best() if found is None else run.trials[found.members[0].number]


def _check(run: Run, members: Sequence[Member]) -> None:
    """Raises RunError where members are no trials of the run, or their shares none of a whole."""
    trials = run.record.trials
    path = None if run.folder is None else run.folder.path / FINAL
    for member in members:
        if member.number >= len(trials):
            raise RunError(
                f"{path} is damaged: it hands over trial {member.number}, and the run has "
                f"{plural(len(trials), 'trial')}"
            )
        if trials[member.number].text != member.text:
            raise RunError(
                f"{path} is damaged: what it hands over as trial {member.number} is another network"
            )
    total = sum(member.share for member in members)
    if abs(total - 1) > _NEAR:
        raise RunError(f"{path} is damaged: the shares of what it hands over sum to {total:.4g}")
