"""`rebuild`: a searcher as it was when the record ends, from what it was asked and told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from einsearch.searchers.base import Proposal, Searcher
from einsearch.study.encoding import Entry
from einsearch.study.exhausting import LISTED
from einsearch.study.record import sequence_of_events
from einsearch.trial import Trial

MakeSearcher = Callable[[], Searcher]
"""Gives a searcher that was asked nothing yet; the same one every time."""


def rebuild(
    make_searcher: MakeSearcher, entries: Sequence[Entry], check_all: bool = False
) -> tuple[Searcher, str | None]:
    """Asks and tells a new searcher what the record holds, in the recorded order.

    Recorded proposals are taken as they are, which costs little. The last one is made again and
    compared: it hangs on everything before it, so that a grammar, an option or a version that
    changed shows. A searcher that proposes something else goes on from the record nevertheless.

    Args:
        make_searcher: the searcher of the run.
        entries: of the record.
        check_all: every proposal is made again; as slow as the search was.

    Returns:
        The searcher, and what did not agree, for people; None where all did.
    """
    asked_again = range(len(entries)) if check_all else range(len(entries) - 1, len(entries))
    searcher = make_searcher()
    for what, trial in sequence_of_events(entries):
        if what == "tell":
            searcher.tell(trial)
        elif trial.number not in asked_again or trial.origin == LISTED:
            searcher.recall(trial)
        elif difference := _difference(searcher.ask(), trial):
            return recalled(make_searcher, entries), difference
    return searcher, None


def recalled(make_searcher: MakeSearcher, entries: Sequence[Entry]) -> Searcher:
    """A new searcher to which the record was told, its proposals taken as they are."""
    searcher = make_searcher()
    for what, trial in sequence_of_events(entries):
        if what == "tell":
            searcher.tell(trial)
        else:
            searcher.recall(trial)
    return searcher


def _difference(proposal: Proposal, trial: Trial) -> str | None:
    if proposal.derivation.text == trial.text:
        return None
    return (
        f"the searcher does not repeat trial {trial.number}: the record has "
        f"{_short(trial.text)}, it now proposes {_short(proposal.derivation.text)}. Grammar, "
        "options or versions have changed; the search goes on, but not as it would have"
    )


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
