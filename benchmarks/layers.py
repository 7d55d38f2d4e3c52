"""A search of normalisation-activation layers, as Liu et al. (2020), on small data.

    python benchmarks/layers.py [--layers 1000] [--trials 300] [--seeds 8] [--plot F.png] [--json F]

Three parts. Random layers of `grammars/evonorm.ein`: how many the two filters of `LayerScore`
reject, quality first. Searches by `pareto-evolution` on three anchors, as
`search_spaces/layers.yaml` does it: the best layers found are trained again with other seeds, for a
second look at validation data; those that come first then are trained with seeds of their own
beside batch normalisation and ReLU, EvoNorm-S0 and EvoNorm-B0, and tested on data that nothing has
seen. Transfer: the same layers inside of an anchor that was not searched on, and on other data.

The data are scikit-learn's digits; with --task fashion 2,000 images of Fashion-MNIST, 14x14 pixels,
from DIR/fashion_mnist_25k.npz of --data DIR. --layers 0 and --trials 0 leave parts out. With --out
DIR a later call goes on where one was stopped; each task needs a folder of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from common.kept import Kept
from common.layer_tests import (
    FASHION,
    advantage,
    best_again,
    distinct,
    fashion,
    found_layers,
    second_look,
    tested,
)
from common.layers import BASELINES, Filtered, Table, plot, show_filtered, show_table
from common.machine import banner, environment

import einsearch as es
from einsearch.evaluate.layers.anchors import ANCHORS, Anchor
from einsearch.evaluate.layers.digits import TRAINING, on_digits
from einsearch.evaluate.layers.score import LayerScore, filter_of
from einsearch.graph.formula import formula
from einsearch.tasks.base import Task
from einsearch.trial import Trial, TrialState

SPEC = es.image(16, 8, 8)
Verdict = tuple[str, str, float]


def filter_random(score: LayerScore, count: int, seed: int, kept: Kept) -> Filtered:
    """Draws layers, and passes them through both filters."""
    grammar = es.load_grammar("evonorm")
    verdicts: dict[str, Verdict] = {}
    seen: list[str] = []
    for number in range(count):
        layer = grammar.sample(SPEC, seed=seed + number)
        key = layer.graph().canonical_hash
        seen.append(key)
        verdicts[key] = kept.get(
            f"filters {score.task.name} {key}", lambda text=layer.text: screened(score, text)
        )
        if (number + 1) % 50 == 0:
            so_far = dict(Counter(verdicts[key][0] for key in seen))
            print(f"  {number + 1} of {count} layers: {so_far}", flush=True)
    found = Counter((verdicts[key][0], verdicts[key][1]) for key in seen)
    kinds = Counter(dict.fromkeys(("passed", "quality", "failed", "stability"), 0))
    anchors: dict[str, dict[str, int]] = {}
    for (kind, anchor), number in found.items():
        kinds[kind] += number
        if anchor:
            anchors.setdefault(anchor, {})[kind] = number
    return Filtered(
        layers=count,
        networks=len(verdicts),
        by_anchor=anchors,
        seconds=sum(seconds for _, _, seconds in verdicts.values()),
        **kinds,
    )


def screened(score: LayerScore, text: str) -> Verdict:
    """What became of a layer, at which anchor, and the seconds of the processor that it took."""
    began = time.process_time()
    try:
        score.screen(text)
    except es.Reject as reason:
        message = str(reason)
        kind = str(filter_of(message))
        anchor = next(a.name for a in score.anchors if f" {a.name}" in message)
        has_trained = kind != "quality" or "accuracy" in message
        return (kind if has_trained else "failed"), anchor, time.process_time() - began
    return "passed", "", time.process_time() - began


def search(score: LayerScore, trials: int, seed: int, folder: Path | None) -> list[Trial]:
    """The trials of a search as `search_spaces/layers.yaml` describes it."""
    if folder is not None and folder.exists():
        run = es.open_run(folder)
        is_whole = sum(trial.state.is_finished for trial in run.trials) >= trials
        return (run if is_whole else es.resume(folder, objective=score, trials=trials)).trials
    run = es.search(
        es.load_grammar("evonorm"),
        score,
        input=SPEC,
        searcher={"name": "pareto-evolution", "population": 12, "tournament": 4},
        directions={anchor.name: "maximize" for anchor in score.anchors},
        seeds=("bn_relu",),
        trials=trials,
        seed=seed,
        directory=folder,
    )
    return run.trials


def groups_of(
    score: LayerScore, trials: Sequence[Trial], kept: Kept
) -> dict[str, Sequence[Mapping[str, float]]]:
    """Scores of random layers, of their descendants, and of the baselines."""
    done = [t for t in trials if t.state is TrialState.COMPLETE and t.origin != "seed"]
    seeds = es.load_grammar("evonorm").seeds
    trained = replace(score, stability_steps=0)
    return {
        "random": [t.values for t in done if not t.parents],
        "found by mutation": [t.values for t in done if t.parents],
        **{
            name: [
                kept.get(
                    f"score {score.task.name} {name}", lambda n=name: trained.score(seeds[n].text)
                )
            ]
            for name in BASELINES
        },
    }


def chosen_again(
    score: LayerScore, trials: Sequence[Trial], chosen: argparse.Namespace, kept: Kept
) -> dict[str, str]:
    """Texts of the baselines, and of the layers found that are best at the second look."""
    grammar = es.load_grammar("evonorm")
    baselines = {name: grammar.seeds[name].text for name in BASELINES}
    scored = distinct(found_layers(trials), baselines.values(), SPEC)
    first = {label_of(t): t.text for t in scored[: chosen.candidates]}
    looks = second_look(score, {"bn_relu": baselines["bn_relu"], **first}, chosen.again, kept)
    best = best_again(looks, chosen.best)
    print("\nsecond look, mean accuracy on validation data")
    for name in ["bn_relu", *best]:
        shown = "  ".join(f"{anchor} {value:.4f}" for anchor, value in looks[name].items())
        print(f"  {name:<20} {shown}")
    return {**baselines, **{name: first[name] for name in best}}


def label_of(trial: Trial) -> str:
    """A layer as tables call it."""
    return f"found {trial.hash[2:8]}"


def compare(
    score: LayerScore, layers: Mapping[str, str], chosen: argparse.Namespace, kept: Kept
) -> dict[str, Table]:
    """Layers beside the baselines on test data, where they were searched and elsewhere."""
    seeds = range(1, chosen.seeds + 1)
    searched = {anchor.name for anchor in score.anchors}
    others = [anchor for name, anchor in ANCHORS.items() if name not in searched]

    def table(anchors: Sequence[Anchor], task: Task) -> Table:
        return tested(layers, anchors, task, TRAINING, seeds, kept)

    tables = {
        "anchors searched on": table(score.anchors, score.task),
        "transfer, other anchors": table(others, score.task),
    }
    if chosen.data is not None:
        other = fashion(chosen.data) if chosen.task == "digits" else on_digits().task
        tables[f"transfer, {other.name}"] = table([*score.anchors, *others], other)
    return tables


def describe(trials: Sequence[Trial]) -> str:
    """What a search came to."""
    baseline = next(trial for trial in trials if trial.origin == "seed")
    found = found_layers(trials)
    equal = [t for t in found if advantage(t.values, baseline.values)[0] >= 0]
    rejected = Counter(str(filter_of(t.reason)) for t in trials if t.state is TrialState.REJECTED)
    states = dict(Counter(str(trial.state) for trial in trials))
    return (
        f"{len(trials)} trials: {states}, rejected by {dict(rejected)}\n"
        f"bn_relu {dict(baseline.values)}\n"
        f"not below it on any anchor, validation data, one seed: {len(equal)} of {len(found)}"
    )


def formula_of(text: str) -> str:
    return formula(es.architecture(text, SPEC).program)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--task", choices=("digits", "fashion"), default="digits", help="fashion needs --data"
    )
    parser.add_argument("--layers", type=int, default=1000, help="random layers to filter")
    parser.add_argument("--trials", type=int, default=300, help="trials of each search")
    parser.add_argument("--searches", type=int, default=3, help="how many, with seeds of their own")
    parser.add_argument("--candidates", type=int, default=16, help="layers of a second look")
    parser.add_argument("--again", type=int, default=4, help="trainings of each of them there")
    parser.add_argument("--best", type=int, default=5, help="layers found that are tested")
    parser.add_argument("--seeds", type=int, default=8, help="trainings of each of them for that")
    parser.add_argument("--seed", type=int, default=0, help="of draws and of the first search")
    folder = os.environ.get("EINSEARCH_DATA")
    parser.add_argument(
        "--data", type=Path, default=folder and Path(folder), help=f"folder with {FASHION}"
    )
    parser.add_argument("--out", type=Path, help="folder to keep all in, and to go on from")
    parser.add_argument("--plot", type=Path, help="picture of the scores of the searches")
    parser.add_argument("--json", type=Path, metavar="FILE", help="figures as JSON")
    chosen = parser.parse_args()
    if chosen.task == "fashion" and chosen.data is None:
        parser.error(f"--task fashion needs --data DIR, a folder with {FASHION}")
    return chosen


def scoring(chosen: argparse.Namespace) -> LayerScore:
    """What scores layers on the task that was chosen."""
    if chosen.task == "digits":
        return on_digits()
    return replace(on_digits(), task=fashion(chosen.data))


def searched(score: LayerScore, chosen: argparse.Namespace) -> list[Trial]:
    """Trials of all searches."""
    trials: list[Trial] = []
    for seed in range(chosen.seed, chosen.seed + chosen.searches):
        began = time.process_time()
        found = search(score, chosen.trials, seed, chosen.out and chosen.out / f"s{seed}")
        print(f"search {seed}: {time.process_time() - began:.0f} s, {describe(found)}", flush=True)
        trials += found
    return trials


def main() -> None:
    chosen = options()
    torch.set_num_threads(1)
    print(banner(), flush=True)
    if chosen.out:
        chosen.out.mkdir(parents=True, exist_ok=True)
    kept = Kept(chosen.out and chosen.out / "kept.jsonl")
    shown: dict[str, Any] = {"machine": environment(), "options": vars(chosen)}
    score = scoring(chosen)
    if chosen.layers:
        filtered = filter_random(score, chosen.layers, chosen.seed, kept)
        shown["filters"] = asdict(filtered)
        print(show_filtered(filtered), flush=True)
    if chosen.trials:
        trials = searched(score, chosen)
        shown["trials"] = [trial.as_json() for trial in trials]
        if chosen.plot:
            plot(groups_of(score, trials, kept), chosen.plot)
        layers = chosen_again(score, trials, chosen, kept)
        for name in [name for name in layers if name not in BASELINES]:
            print(f"\n{name}\n    " + formula_of(layers[name]).replace("\n", "\n    "))
        for title, table in compare(score, layers, chosen, kept).items():
            print(f"\n{show_table(title, table)}", flush=True)
            shown[title] = {n: {a: asdict(c) for a, c in r.items()} for n, r in table.items()}
    if chosen.json:
        chosen.json.write_text(json.dumps(shown, indent=1, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
