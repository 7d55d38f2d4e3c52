"""Whether the model of cost is right: networks are predicted, then trained for some steps.

    python benchmarks/cost_model.py [--count 300] [--start 500000] [--truth FILE] [--quick]

Networks of five spaces, from a hundred FLOPs an example to two billion, in batches of 8 to 256.
Each is trained by itself in a process with 7 GB of memory, on one thread; seconds are CPU seconds,
so that a busy machine spoils little. What wants more memory, or more than 40 seconds for a few
steps, is not measured: the table says how many there were, and what was predicted of them.

Measuring takes about 20 minutes and does not depend on the model: with --truth it is kept in a
file, a line a network, gone on with where it was left, and used again when the model has changed.
--quick measures 25 networks. The device is calibrated each time.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from common.machine import banner
from costs.drawing import INPUTS, Network, networks
from costs.measuring import MEMORY, measure, warm_up
from scipy.stats import spearmanr

from einsearch.cost import Corrections, DeviceModel, Prediction, features, predict
from einsearch.cost.calibrating import calibrate

QUICK: Final = 25
START: Final = 500_000
"""Seed of the first network. Constants were found on seeds from 100,000 to 200,000."""
LARGE: Final = 50e6
"""Bytes from which memory matters."""


@dataclass(frozen=True)
class Judged:
    """One network: what was predicted and what was measured.

    Attributes:
        network: which one.
        prediction: of it.
        corrected: the same with what the networks before it have shown.
        truth: of `measure`.
    """

    network: Network
    prediction: Prediction
    corrected: Prediction
    truth: dict[str, Any]

    @property
    def error(self) -> float:
        """Logarithm of predicted by measured seconds of a step."""
        return math.log(self.prediction.step_seconds / self.truth["step"])

    @property
    def corrected_error(self) -> float:
        """The same after corrections."""
        return math.log(self.corrected.step_seconds / self.truth["step"])

    @property
    def peak(self) -> float:
        """Predicted by measured bytes at the peak."""
        return self.prediction.peak_bytes / max(self.truth["peak"], 1.0)


def truths(start: int, count: int, path: Path | None) -> Iterator[tuple[Network, dict[str, Any]]]:
    """Networks with what was measured of them."""
    known: dict[int, dict[str, Any]] = {}
    if path is not None and path.exists():
        lines = path.read_text(encoding="utf-8").splitlines()
        known = {line["seed"]: line for line in map(json.loads, lines)}
    for network in networks(start, count):
        found = known.get(network.seed)
        if found is None:
            found = {"seed": network.seed, **measure(network)}
            if path is not None:
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(found) + "\n")
        yield network, found


def judge(
    found: Sequence[tuple[Network, dict[str, Any]]], device: DeviceModel
) -> tuple[list[Judged], list[tuple[Prediction, str]]]:
    """Predictions beside measurements; and predictions of what could not be measured, with why."""
    corrections = Corrections()
    judged: list[Judged] = []
    failed: list[tuple[Prediction, str]] = []
    for network, truth in found:
        known = features(network.program, output=network.output)
        prediction = predict(known, device, batch=network.batch)
        if "failed" in truth:
            failed.append((prediction, truth["failed"]))
            continue
        judged.append(Judged(network, prediction, corrections.apply(prediction), truth))
        corrections = corrections.observe(prediction, truth["step"], truth["peak"])
    return judged, failed


def row(name: str, some: Sequence[Judged]) -> str:
    """Figures of some networks as a row of a table."""
    errors = np.array([one.error for one in some])
    after = np.array([one.corrected_error for one in some])
    seconds = np.array([one.truth["step"] for one in some])
    peaks = [one.peak for one in some]
    large = [one.peak for one in some if one.truth["peak"] > LARGE]
    cells = (
        name,
        len(some),
        f"{1e3 * seconds.min():.2g} to {1e3 * seconds.max():.2g}",
        f"{100 * np.median(np.abs(np.expm1(errors))):.0f} %",
        f"{np.exp(np.quantile(np.abs(errors), 0.95)):.2f}",
        f"{spearmanr(seconds, np.exp(errors) * seconds)[0]:.3f}",
        f"{100 * np.median(np.abs(np.expm1(after))):.0f} %",
        f"{np.exp(np.quantile(np.abs(after), 0.95)):.2f}",
        f"{min(peaks):.2f}",
        f"{np.median(large):.2f}" if large else "",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


HEADER: Final = """\
| space | networks | step, ms | median error | 95 % within a factor | rank correlation | corrected: median | 95 % | least peak, by measured | median peak |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"""  # noqa: E501


def report(judged: Sequence[Judged], failed: Sequence[tuple[Prediction, str]]) -> None:
    """Prints the table, and what could not be measured."""
    print(HEADER)
    for space in INPUTS:
        some = [one for one in judged if one.network.space == space]
        if len(some) > 1:
            print(row(space, some))
    print(row("all", judged))
    builds = [abs(one.prediction.build_seconds / one.truth["build"] - 1) for one in judged]
    ahead = [abs(one.prediction.forward_seconds / one.truth["forward"] - 1) for one in judged]
    print(f"\nBuilding and checking: median error {100 * np.median(builds):.0f} %")
    print(f"Evaluation of a batch: median error {100 * np.median(ahead):.0f} %")
    beyond = [p.peak_bytes for p, why in failed if why == "memory"]
    if beyond:
        print(
            f"{len(beyond)} wanted more than {MEMORY / 1e9:.1f} GB; predicted for them were "
            f"{min(beyond) / 1e9:.1f} to {max(beyond) / 1e9:.1f} GB"
        )
    slow = [p.step_seconds for p, why in failed if why == "time"]
    if slow:
        print(
            f"{len(slow)} took too long; predicted for a step of them were {min(slow):.1f} to "
            f"{max(slow):.1f} s"
        )
    others = [why for _, why in failed if why not in ("memory", "time")]
    if others:
        print(f"{len(others)} failed otherwise: {', '.join(sorted(set(others)))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--start", type=int, default=START)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    count = QUICK if options.quick else options.count
    warm_up()
    found = list(truths(options.start, count, options.truth))
    began = time.perf_counter()
    device = calibrate()
    took = time.perf_counter() - began
    print(f"{banner()}; calibrated in {took:.1f} s\n")
    report(*judge(found, device))


if __name__ == "__main__":
    main()
