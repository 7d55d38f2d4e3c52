"""Search-space files: defaults, round trips, and what a user is told about mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einsearch.derivation.limits import Limits
from einsearch.errors import SpaceFileError
from einsearch.evaluate.config import TrainingConfig
from einsearch.resources import resource_folder
from einsearch.searchers.registry import DEFAULT_SEARCHER
from einsearch.specs import image
from einsearch.study.spacefile import (
    EpochsSection,
    SpaceFile,
    load_space_file,
    load_space_text,
    usable_cores,
)

SHORTEST = "grammar: einspace\ntask: digits\n"

FULL = """\
version: 1
grammar: einspace                    # a comment
task: {name: bars, train: 64}
sampling: {nodes: "20..200"}
limits: {nodes: 200, depth: 30, parameters: 2M, flops: 500M, activation_memory: 200MB}
require: [input, parameters, nonlinearity, gradient]
seeds: [resnet18]
training: {epochs: 8, batch: 256, optimizer: sgd, lr: 0.04, momentum: 0.9, weight_decay: 3e-4}
objectives: {accuracy: maximize, parameters: minimize}
constraints: {latency: 5, parameters: 1.5M, activation_memory: 64MiB}
searcher: {name: evolution, population: 50}
budget: {trials: 500, hours: 8, epochs: {min: 1, max: 8, promote: 3}}
executor: {name: local, workers: 2}
trial: {seconds: 600, retries: 0}
final: {top: 3, epochs: 64, seeds: 3}
seed: 7
"""

OBJECTIVE = """\
grammar: einspace
task: {objective: "package.module:function", input: "image:3x32x32"}
"""


def message_of(text: str) -> str:
    with pytest.raises(SpaceFileError) as caught:
        load_space_text(text, "space.yaml")
    return str(caught.value)


def test_everything_but_grammar_and_task_has_a_default() -> None:
    space = load_space_text(SHORTEST)
    assert (space.grammar, space.task) == ("einspace", {"name": "digits"})
    assert space.limits == Limits()
    assert space.training == TrainingConfig()
    assert space.searcher["name"] == DEFAULT_SEARCHER
    assert (space.budget.trials, space.budget.hours, space.budget.minutes) == (None, None, 10)
    assert (space.budget.epochs, space.constraints) == (None, {})
    assert space.full_training == space.training
    assert (space.executor.name, space.executor.processes) == ("local", usable_cores())
    assert (space.require, space.seeds, space.objectives, space.sampling.nodes) == (
        None,
        None,
        None,
        None,
    )
    assert (space.trial.seconds, space.trial.retries, space.seed) == (None, 1, 0)
    assert (space.final.top, space.final.epochs, space.final.seeds) == (1, None, 1)


def test_all_that_can_be_said() -> None:
    space = load_space_text(FULL)
    assert space.limits == Limits(200, 30, 2_000_000, 500_000_000, 200_000_000)
    assert space.sampling.nodes == (20, 200)
    assert space.require == ("input", "parameters", "nonlinearity", "gradient")
    assert space.seeds == ("resnet18",)
    assert (space.training.optimizer, space.training.weight_decay) == ("sgd", 3e-4)
    assert list(space.objectives or {}) == ["accuracy", "parameters"]
    assert space.searcher == {
        "name": "evolution",
        "population": 50,
        "tournament": 10,
        "operators": None,
        "floor": 0.2,
    }
    assert (space.budget.trials, space.budget.hours) == (500, 8.0)
    assert space.budget.epochs == EpochsSection(pruner="asha", min=1, max=8, promote=3)
    assert space.constraints == {
        "latency": 5.0,
        "parameters": 1_500_000.0,
        "activation_memory": 64.0 * 2**20,
    }
    assert space.executor.processes == 2
    assert (space.final.top, space.final.epochs, space.final.seeds, space.seed) == (3, 64, 3, 7)


def test_an_objective_instead_of_data() -> None:
    space = load_space_text(OBJECTIVE)
    assert space.objective == "package.module:function"
    assert space.objective_input is image(3, 32, 32)
    assert load_space_text(SHORTEST).objective is None


@pytest.mark.parametrize("text", [SHORTEST, FULL, OBJECTIVE])
def test_text_as_used_reads_back(text: str) -> None:
    space = load_space_text(text)
    assert load_space_text(space.text) == space
    assert load_space_text(space.text).text == space.text


def test_no_limit_survives_the_round_trip() -> None:
    space = load_space_text(SHORTEST + "limits: {nodes: null, depth: null}\ntrial: {seconds: null}")
    assert space.limits == Limits(nodes=None, depth=None)
    assert load_space_text(space.text) == space


@given(
    nodes=st.none() | st.integers(1, 10**9),
    memory=st.none() | st.integers(0, 10**15),
    trials=st.integers(1, 10**6),
    hours=st.none() | st.floats(1e-3, 1e6),
    decay=st.floats(0, 1e3),
    seeds=st.lists(st.text(max_size=20), max_size=3),
    low=st.integers(1, 50),
)
def test_round_trips_whatever_is_said(
    nodes: int | None,
    memory: int | None,
    trials: int,
    hours: float | None,
    decay: float,
    seeds: list[str],
    low: int,
) -> None:
    sections = {
        "grammar": "einspace",
        "task": {"name": "digits"},
        "limits": {"nodes": nodes, "activation_memory": memory},
        "budget": {"trials": trials, "hours": hours},
        "training": {"weight_decay": decay},
        "seeds": seeds,
        "sampling": {"nodes": f"{low}..{low + 3}"},
    }
    space = load_space_text(json.dumps(sections))
    assert space.training.weight_decay == decay
    assert load_space_text(space.text) == space


def test_every_packaged_space_loads() -> None:
    paths = sorted(resource_folder("search_spaces").glob("*.yaml"))
    assert paths
    for path in paths:
        assert load_space_file(path).grammar_path is not None


@pytest.mark.parametrize("grammar", ["mine.ein", "mine"])
def test_paths_start_from_the_file(tmp_path: Path, grammar: str) -> None:
    (tmp_path / grammar).write_text("start -> identity\n")
    file = tmp_path / "space.yaml"
    file.write_text(f"grammar: {grammar}\ntask: {{name: arrays, path: data}}\n")
    space = load_space_file(file)
    assert space.base == tmp_path
    assert space.grammar_path == tmp_path / grammar
    assert space.task["path"] == str((tmp_path / "data").resolve())


def test_a_packaged_grammar_is_found_by_its_name() -> None:
    found = load_space_text(SHORTEST).grammar_path
    assert found is not None
    assert found.name == "einspace.ein"


def test_reading_a_space_needs_no_torch() -> None:
    code = (
        "import sys; from einsearch.study.spacefile import load_space_text; "
        f"load_space_text({SHORTEST!r}); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_epochs_in_full_are_those_of_training_unless_they_are_said() -> None:
    space = load_space_text(SHORTEST + "training: {epochs: 5}\nbudget: {trials: 9, epochs: {}}")
    assert space.full_training == space.training
    longer = load_space_text(SHORTEST + "budget: {trials: 9, epochs: {max: 27}}")
    assert (longer.training.epochs, longer.full_training.epochs) == (8, 27)


def test_anything_may_be_constrained_with_an_objective_of_ones_own() -> None:
    space = load_space_text(OBJECTIVE + "constraints: {anything: -2.5}")
    assert space.constraints == {"anything": -2.5}


class TestChanges:
    def test_a_mapping_changes_what_it_names(self) -> None:
        space = load_space_text(FULL)
        changed = space.changed(budget={"trials": 3}, executor={"workers": 1}, seed=9)
        assert (changed.budget.trials, changed.budget.hours) == (3, 8.0)
        assert (changed.executor.workers, changed.seed) == (1, 9)
        assert changed.changed(budget={"trials": 500}, executor={"workers": 2}, seed=7) == space

    def test_another_searcher_has_its_own_options(self) -> None:
        assert load_space_text(FULL).changed(searcher="random").searcher == {"name": "random"}

    def test_mistakes_are_explained_without_a_place(self) -> None:
        with pytest.raises(SpaceFileError, match=r"^executor\.name is 'slurm': expected local"):
            load_space_text(FULL).changed(executor={"name": "slurm"})

    def test_it_is_immutable(self) -> None:
        space = load_space_text(SHORTEST)
        with pytest.raises(ValueError, match="frozen"):
            space.seed = 3  # type: ignore[misc]
        assert isinstance(space, SpaceFile)


def test_a_message_has_place_caret_and_advice() -> None:
    assert message_of(SHORTEST + "limits: {nodes: 20, parametres: 3}\n") == (
        "space.yaml:3:21: limits has no key parametres\n"
        "    limits: {nodes: 20, parametres: 3}\n"
        "                        ^\n"
        "  did you mean parameters?"
    )


def test_several_mistakes_are_counted() -> None:
    message = message_of("grammar: einspace\ntask: digits\nseed: x\nbudgte: 3\nfinal: {top: -1}\n")
    assert message.startswith("space.yaml:3:7: seed is 'x': expected a whole number\n")
    assert message.endswith("and 2 more mistakes")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("budgte: {trials: 3}", "3:1: there is no key budgte|did you mean budget?"),
        ("zzz: 3", "3:1: there is no key zzz|there are version, grammar, task, sampling"),
        ("version: 2", "3:10: version is 2: expected 1"),
        ("seed: -1", "3:7: seed is -1: expected at least 0"),
        ("seed: true", "3:7: seed is true: expected a whole number"),
        ("seed: 1.5", "3:7: seed is 1.5: expected a whole number"),
        ("seed:", "3:6: seed is empty: expected a whole number"),
        ("limits: 3", "3:9: limits is 3: expected keys with values"),
        ("limits: {parameters: 2X}", "3:22: limits.parameters is '2X': expected a whole number, s"),
        ("limits: {parameters: 2MB}", "3:22: limits.parameters is '2MB': expected a whole number,"),
        ("limits: {flops: 0.3}", "3:17: limits.flops is 0.3: expected a whole number"),
        ("limits: {nodes: 0}", "3:17: limits.nodes is 0: expected at least 1"),
        ("limits: {activation_memory: lots}", "3:29: limits.activation_memory is 'lots': expected"),
        (
            "sampling: {nodes: 20}",
            "3:19: sampling.nodes is 20: expected a range from at least 1, s",
        ),
        ("sampling: {nodes: 9..2}", "3:19: sampling.nodes is '9..2': expected a range"),
        ("require: input", "3:10: require is 'input': expected a list, such as [a, b]"),
        ("require: [input, gradients]", "3:18: nothing to require is named gradients|did you mean"),
        ("seeds: [7]", "3:9: seeds.0 is 7: expected text"),
        ("seeds: [{run: runs/a, bst: 3}]", "3:23: seeds.0 has no key bst|did you mean best?"),
        ("seeds: [{best: 3}]", "3:9: the key seeds.0.run is missing|such as {run: runs/earlier"),
        ("seeds: [a, {run: r, best: 0}]", "3:27: seeds.1.best is 0: expected at least 1"),
        ("seeds: [{run: 3}]", "3:15: seeds.0.run is 3: expected text"),
        ("training: {epochs: many}", "3:20: training.epochs is 'many': expected a whole number"),
        ("training: {epoch: 3}", "3:12: training has no key epoch|did you mean epochs?"),
        (
            "training: {optimizer: adam}",
            "3:23: training.optimizer is 'adam': expected adamw or sgd",
        ),
        (
            "training: {momentum: 0.9}",
            "3:11: training: momentum is for optimizer: sgd; leave it ou",
        ),
        ("training: {lr: .inf}", "3:16: training.lr is inf: expected a finite number"),
        ("training: {warmup: 2}", "3:20: training.warmup is 2: expected at most 1"),
        (
            "objectives: {accuracy: up}",
            "3:24: objectives.accuracy is 'up': expected maximize or mi",
        ),
        (
            "objectives: {accuracy: minimize}",
            "3:24: accuracy is better the other way: say accuracy",
        ),
        (
            "objectives: {acuracy: maximize}",
            "3:14: no objective is named acuracy|did you mean accu",
        ),
        ("objectives: {}", "3:13: objectives is a group of keys: expected at least one"),
        ("searcher: evolutoin", "3:11: no searcher is named evolutoin: did you mean evolution?"),
        ("searcher: {name: zzz}", "3:18: no searcher is named zzz: there are "),
        (
            "searcher: {name: evolution, popultion: 3}",
            "3:29: the searcher evolution has no option p",
        ),
        (
            "searcher: {name: evolution, population: 0}",
            "3:29: the option population of the searche",
        ),
        ("searcher: {population: 5}", "3:11: a searcher needs a name: {name: evolution}; found"),
        ("searcher: [evolution]", "3:11: searcher is a list: expected keys with values"),
        (
            "budget: {minutes: 1, hours: 1}",
            "3:9: budget: minutes and hours mean the same: give one of them",
        ),
        ("budget: {trials: 0}", "3:18: budget.trials is 0: expected at least 1"),
        ("budget: {hours: 0}", "3:17: budget.hours is 0: expected more than 0"),
        (
            "budget: {trials: 9, epoch: {min: 1}}",
            "3:21: budget has no key epoch|did you mean epochs?",
        ),
        (
            "budget: {trials: 9, epochs: {mni: 1}}",
            "3:30: budget.epochs has no key mni|did you mean min?",
        ),
        (
            "budget: {trials: 9, epochs: {pruner: ashe}}",
            "3:38: budget.epochs.pruner is 'ashe': expected asha, successive-halving, hyperband or",
        ),
        (
            "budget: {trials: 9, epochs: {min: 8}}\ntraining: {epochs: 8}",
            "3:35: budget.epochs.min is 8: expected less than the 8 of all",
        ),
        (
            "objectives: {flops: minimize}\nbudget: {trials: 9, epochs: {pruner: median}}",
            "4:38: median compares by the main objective, and training does not change flops|put",
        ),
        (
            "constraints: {latncy: 5}",
            "3:15: nothing to constrain is named latncy|did you",
        ),
        (
            "constraints: {accuracy: 0.5}",
            "3:15: a constraint is an upper bound, and accuracy is better the larger|make it",
        ),
        (
            "constraints: {latency: fast}",
            "3:24: constraints.latency is 'fast': expected an upper bound, such as 5, 0.5, 2M",
        ),
        ("constraints: {latency: .inf}", "3:24: constraints.latency is inf: expected a finite"),
        ("executor: slurm", "3:11: executor.name is 'slurm': expected local, ray or inline"),
        (
            "executor: {name: slurm, gpus: 1.0}",
            "3:18: executor.name is 'slurm': expected local, ray or inline",
        ),
        (
            "executor: {name: inline, workers: 2}",
            "3:11: executor: inline runs one candidate at a t",
        ),
        ("trial: {seconds: 0}", "3:18: trial.seconds is 0: expected more than 0"),
        ("final: {top: 1, seed: 3}", "3:17: final has no key seed|did you mean seeds?"),
        ("task: digits", "3:1: task is given twice|it stands on line 2 already"),
        ("limits: {nodes: 3, nodes: 4}", "3:20: nodes is given twice|it stands on line 3 already"),
        ("limits: {3: 4}", "3:10: expected a name in front of the colon"),
        ("limits: {nodes: 3", "4:1: this is not YAML: expected ',' or '}', but got"),
        ("limits: &a {}\ntrial: *a", "4:8: aliases (*) are not supported: write the value out"),
        ("seed: !!python/object:os.system {}", "3:7: tags such as tag:yaml.org,2002:python/object"),
        (
            "seed: !!python/name:os.system x",
            "3:7: this is not YAML: could not determine a construc",
        ),
        ("---\nseed: 3", "3:1: this is not YAML: but found another document"),
        ("\tseed: 3", "3:1: this is not YAML: found character '\\t' that cannot start any token"),
    ],
)
def test_mistakes_are_explained_where_they_stand(line: str, expected: str) -> None:
    place, _, hint = expected.partition("|")
    message = message_of(SHORTEST + line + "\n")
    first, *others = message.split("\n")
    assert first.startswith("space.yaml:" + place)
    assert not hint or others[-1].strip().startswith(hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "space.yaml:1:1: the file is empty"),
        ("# nothing\n", "space.yaml:1:1: the file is empty"),
        ("[1]", "space.yaml:1:1: expected keys with values, found a list"),
        ("task: digits\n", "space.yaml:1:1: the key grammar is missing"),
        ("grammar: einspace\n", "space.yaml:1:1: the key task is missing"),
        ("grammar: einspce\ntask: digits", "space.yaml:1:10: there is no packaged grammar named"),
        ("grammar: no.ein\ntask: digits", "space.yaml:1:10: there is no grammar no.ein"),
        ("grammar: einspace\ntask: digts", "space.yaml:2:7: no task is named digts; did you mean"),
        (
            "grammar: einspace\ntask: {name: bars, trian: 3}",
            "space.yaml:2:20: the task bars has no",
        ),
        (
            "grammar: einspace\ntask: {name: bars, train: x}",
            "space.yaml:2:20: the task bars: train",
        ),
        (
            "grammar: einspace\ntask: {name: arrays}",
            "space.yaml:2:14: the task arrays: the option p",
        ),
        (
            "grammar: einspace\ntask: {name: arrays, path: x, valid: 5}",
            "space.yaml:2:31: the task arrays: valid is 5: input should be less than 1",
        ),
        (
            "grammar: einspace\ntask: {name: arrays, pth: x}",
            "space.yaml:2:22: the task arrays has n",
        ),
        (
            "grammar: einspace\ntask: {objective: a.b}",
            "space.yaml:2:19: task.objective is 'a.b': ex",
        ),
        (
            "grammar: einspace\ntask: {objective: 'a:b'}",
            "space.yaml:2:7: the key task.input is mis",
        ),
        (OBJECTIVE.replace("3x32", "3"), "space.yaml:2:53: task.input: image needs 3 positive"),
        (OBJECTIVE.replace("3x32x32", "x"), "space.yaml:2:53: task.input: cannot read 'image:x'"),
        (OBJECTIVE + "training: {epochs: 3}", "space.yaml:3:1: training is for tasks with data"),
        (
            OBJECTIVE + "budget: {trials: 9, epochs: {min: 1}}",
            "space.yaml:3:29: the key budget.epochs.max is missing",
        ),
        (OBJECTIVE + "final: {top: 3}", "space.yaml:3:1: final is for tasks with data"),
        (OBJECTIVE.replace("input", "inputs"), "space.yaml:2:46: task has no key inputs"),
        ("[" * 1200 + "]" * 1200, "space.yaml:1:1: it is nested too deeply"),
        ("[" * 50_000, "space.yaml:1:1: it is nested too deeply"),
        ("seed: \x07", "space.yaml:1:1: this is not YAML: unacceptable character"),
        ("seed: " + "9" * 5000, "space.yaml:1:7: "),
    ],
)
def test_whole_files_that_are_wrong(text: str, expected: str) -> None:
    assert message_of(text).startswith(expected)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SpaceFileError, match="there is no search-space file"):
        load_space_file(tmp_path / "space.yaml")
    with pytest.raises(SpaceFileError, match=r"cannot read the search space .*: Is a directory"):
        load_space_file(tmp_path)
    (tmp_path / "space.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpaceFileError, match="is not UTF-8 text"):
        load_space_file(tmp_path / "space.yaml")


def test_windows_files_are_read(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + SHORTEST.replace("\n", "\r\n").encode() + b"seed: x\r\n")
    with pytest.raises(SpaceFileError, match=r"space\.yaml:3:7: seed is 'x'"):
        load_space_file(file)
