"""A driver on a cluster, as a process of its own that can be killed.

Usage: drive.py FOLDER ADDRESS TRIALS OBJECTIVE. It begins the run or goes on with it, and prints
a line for each trial that the searcher has heard of.
"""

from __future__ import annotations

import sys
from pathlib import Path

import einsearch as es
from einsearch.errors import EinsearchError
from einsearch.study.events import Callbacks
from einsearch.trial import Trial
from tests.faults import objectives


class Told(Callbacks):
    def on_trial(self, trial: Trial) -> None:
        print(trial.number, trial.state, flush=True)

    def on_note(self, note: str) -> None:
        print("note:", note, flush=True)


def main(folder: Path, address: str, trials: int, objective: str) -> None:
    if (folder / "space.yaml").exists():
        es.open_run(folder).resume(address=address, callbacks=Told())
        return
    es.search(
        es.load_grammar("digits"),
        getattr(objectives, objective),
        input=es.image(1, 8, 8),
        searcher={"name": "evolution", "population": 8, "tournament": 3},
        trials=trials,
        seed=5,
        seconds=10.0,
        retries=3,  # on a slow machine, several faults may strike the same trial
        executor={"name": "ray", "address": address, "wait": 60.0},
        directory=folder,
        callbacks=Told(),
    )


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
    except EinsearchError as error:
        sys.exit(f"error: {error}")
