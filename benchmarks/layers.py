"""A search of normalisation-activation layers, as Liu et al. (2020), on small data.

    python benchmarks/layers.py [--layers 1000] [--trials 120] [--seeds 3] [--plot F.png] [--json F]

Three parts. Random layers of `grammars/evonorm.ein`: how many the two filters of `LayerScore`
reject, quality first. A search by `pareto-evolution` on three anchors, as
`search_spaces/layers.yaml` does it; the best layers found are trained again with other seeds beside
batch normalisation and ReLU, EvoNorm-S0 and EvoNorm-B0, and tested on data that the search has not
seen. Transfer: the same layers inside of an anchor that was not searched on, and with --data DIR on
2,000 images of Fashion-MNIST, 14x14 pixels, from DIR/fashion_mnist_25k.npz. --layers 0 and
--trials 0 leave parts out. With --out DIR a later call goes on where one was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from common.kept import Kept
from common.layers import BASELINES, Cell, Filtered, Table, plot, show_filtered, show_table
from common.machine import banner, environment

import einsearch as es
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.final import train_final
from einsearch.evaluate.layers.anchors import ANCHORS, Anchor
from einsearch.evaluate.layers.digits import TRAINING, on_digits
from einsearch.evaluate.layers.score import LayerScore, filter_of
from einsearch.graph.formula import formula
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from einsearch.trial import Trial, TrialState

SPEC = es.image(16, 8, 8)
Verdict = tuple[str, str, float]
FASHION = "fashion_mnist_25k.npz"


def filter_random(score: LayerScore, count: int, seed: int, kept: Kept) -> Filtered:
    """Draws layers, and passes them through both filters."""
    grammar = es.load_grammar("evonorm")
    verdicts: dict[str, Verdict] = {}
    seen: list[str] = []
    for number in range(count):
        layer = grammar.sample(SPEC, seed=seed + number)
        key = layer.graph().canonical_hash
        seen.append(key)
        verdicts[key] = kept.get(f"filters {key}", lambda text=layer.text: screened(score, text))
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


def found_layers(trials: Sequence[Trial]) -> list[Trial]:
    """Layers with scores that are not seeds, those first that beat batch norm and ReLU by most.

    That is their least advantage over the anchors; the mean breaks ties.
    """
    baseline = next(trial for trial in trials if trial.origin == "seed").values
    scored = [t for t in trials if t.state is TrialState.COMPLETE and t.origin != "seed"]

    def advantage(trial: Trial) -> tuple[float, float]:
        over = [trial.values[name] - value for name, value in baseline.items()]
        return min(over), sum(over)

    return sorted(scored, key=advantage, reverse=True)


def trained_again(
    layers: Mapping[str, str],
    anchors: Sequence[Anchor],
    task: Task,
    training: TrainingConfig,
    seeds: Sequence[int],
    kept: Kept,
) -> Table:
    """Test accuracy of every layer inside of every anchor."""
    table: Table = {}
    for name, text in layers.items():
        for anchor in anchors:

            def tested(seed: int, anchor: Anchor = anchor, text: str = text) -> float | None:
                program = anchor.with_layer(text, task.input)
                return train_final(program, task, training, [seed]).runs[0].test.get("accuracy")

            found = [
                kept.get(f"{task.name} {anchor.name} {seed} {text}", lambda s=seed: tested(s))
                for seed in seeds
            ]
            ended = [100 * accuracy for accuracy in found if accuracy is not None]
            deviation = stdev(ended) if len(ended) > 1 else 0.0
            cell = Cell(mean(ended) if ended else 0.0, deviation, len(ended))
            table.setdefault(name, {})[anchor.name] = cell
        print(f"  {name} trained again", flush=True)
    return table


def fashion(folder: Path, train: int = 2000, valid: int = 500, test: int = 2000) -> Task:
    """Fashion-MNIST at half the resolution: means over 2x2 pixels."""
    stored = np.load(folder / FASHION)

    def part(name: str, begin: int, end: int) -> dict[str, Any]:
        x = stored[f"{name}_x"][begin:end].reshape(-1, 1, 14, 2, 14, 2).mean((3, 5))
        return {"x": x.astype(np.float32), "y": stored[f"{name}_y"][begin:end].astype(np.int64)}

    parts = {
        "train": part("train", 0, train),
        "valid": part("train", train, train + valid),
        "test": part("test", 0, test),
    }
    arrays = {f"{name}_{key}": a for name, pair in parts.items() for key, a in pair.items()}
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "fashion.npz"
        np.savez(path, **arrays)
        task = make_task({"name": "arrays", "path": str(path), "layout": "image"}, Path())
        tested = task.test()
    return replace(task, name="fashion", read_test=lambda: tested)


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
            name: [kept.get(f"score {name}", lambda n=name: trained.score(seeds[n].text))]
            for name in BASELINES
        },
    }


def compare(
    score: LayerScore, trials: Sequence[Trial], chosen: argparse.Namespace, kept: Kept
) -> dict[str, Table]:
    """The best layers found beside the baselines, where they were searched and elsewhere."""
    grammar = es.load_grammar("evonorm")
    layers = {name: grammar.seeds[name].text for name in BASELINES}
    for trial in found_layers(trials)[: chosen.best]:
        layers[f"found {trial.number}"] = trial.text
    seeds = range(1, chosen.seeds + 1)
    searched = {anchor.name for anchor in score.anchors}
    others = [anchor for name, anchor in ANCHORS.items() if name not in searched]

    def table(anchors: Sequence[Anchor], task: Task) -> Table:
        return trained_again(layers, anchors, task, TRAINING, seeds, kept)

    tables = {
        "anchors searched on": table(score.anchors, score.task),
        "transfer, other anchors": table(others, score.task),
    }
    if chosen.data is not None:
        everywhere = [*score.anchors, *others]
        tables["transfer, Fashion-MNIST"] = table(everywhere, fashion(chosen.data))
    return tables


def describe(trials: Sequence[Trial], best: int) -> str:
    """What the search came to, and formulas of the best layers."""
    baseline = next(trial for trial in trials if trial.origin == "seed")
    found = found_layers(trials)
    equal = [
        t for t in found if all(t.values[name] >= value for name, value in baseline.values.items())
    ]
    rejected = Counter(str(filter_of(t.reason)) for t in trials if t.state is TrialState.REJECTED)
    states = dict(Counter(str(trial.state) for trial in trials))
    rows = [
        f"{len(trials)} trials: {states}, rejected by {dict(rejected)}",
        f"bn_relu {dict(baseline.values)}",
        f"not below it on any anchor, validation data: {len(equal)} of {len(found)}",
    ]
    for trial in found[:best]:
        rows.append(f"found {trial.number} ({trial.origin}): {dict(trial.values)}")
        rows += [f"    {line}" for line in formula_of(trial.text).splitlines()]
    return "\n".join(rows)


def formula_of(text: str) -> str:
    return formula(es.architecture(text, SPEC).program)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--layers", type=int, default=1000, help="random layers to filter")
    parser.add_argument("--trials", type=int, default=120, help="trials of the search")
    parser.add_argument("--best", type=int, default=5, help="layers found that are trained again")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each of them")
    parser.add_argument("--seed", type=int, default=0, help="of draws and search")
    folder = os.environ.get("EINSEARCH_DATA")
    parser.add_argument(
        "--data", type=Path, default=folder and Path(folder), help=f"folder with {FASHION}"
    )
    parser.add_argument("--out", type=Path, help="folder to keep all in, and to go on from")
    parser.add_argument("--plot", type=Path, help="picture of the scores of the search")
    parser.add_argument("--json", type=Path, metavar="FILE", help="figures as JSON")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    torch.set_num_threads(1)
    print(banner(), flush=True)
    if chosen.out:
        chosen.out.mkdir(parents=True, exist_ok=True)
    kept = Kept(chosen.out and chosen.out / "kept.jsonl")
    shown: dict[str, Any] = {"machine": environment(), "options": vars(chosen)}
    score = on_digits()
    if chosen.layers:
        filtered = filter_random(score, chosen.layers, chosen.seed, kept)
        shown["filters"] = asdict(filtered)
        print(show_filtered(filtered), flush=True)
    if chosen.trials:
        began = time.process_time()
        trials = search(score, chosen.trials, chosen.seed, chosen.out and chosen.out / "run")
        shown["trials"] = [trial.as_json() for trial in trials]
        print(f"search: {time.process_time() - began:.0f} s", flush=True)
        print(describe(trials, chosen.best), flush=True)
        if chosen.plot:
            plot(groups_of(score, trials, kept), chosen.plot)
        for title, table in compare(score, trials, chosen, kept).items():
            print(f"\n{show_table(title, table)}", flush=True)
            shown[title] = {n: {a: asdict(c) for a, c in r.items()} for n, r in table.items()}
    if chosen.json:
        chosen.json.write_text(json.dumps(shown, indent=1, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
