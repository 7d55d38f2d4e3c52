"""Commands that read a run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from einsearch.api import Derivation, image, load_grammar, open_run, parse_grammar, search
from einsearch.cli.results import lineage
from einsearch.cli.summary import print_summary
from einsearch.numbers import memory
from einsearch.trial import Trial, TrialState
from tests.cli.conftest import Command

FIELDS = {
    "number",
    "state",
    "reason",
    "text",
    "values",
    "parents",
    "origin",
    "parameters",
    "flops",
    "seconds",
    "budget",
}


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of an objective of Python that always fails."""

    def objective(_: object) -> float:
        raise ValueError("the oven is cold")

    folder = tmp_path_factory.mktemp("failed") / "run"
    search(load_grammar("digits"), objective, input=image(1, 8, 8), trials=2, directory=folder)
    return folder


def test_trials_as_json_have_the_fields_of_the_interface(cli: Command, run: Path) -> None:
    found = json.loads(cli("trials", run, "--json").out)
    assert [trial["number"] for trial in found] == [0, 1, 2]
    assert all(trial.keys() >= FIELDS for trial in found)


def test_trials_as_a_table(cli: Command, run: Path) -> None:
    head, rule, *rows = cli("trials", run).out.splitlines()
    assert " ".join(head.split()) == (
        "trial accuracy parameters flops memory time state from network or reason"
    )
    assert set(rule) == {"-", " "}
    assert len(rows) == 3
    assert all(" conv2d(" in row for row in rows)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_rows_keep_to_the_width(
    cli: Command, run: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    tables = [cli("trials", run).out, cli("explain", run, 1).out.split("youngest first\n")[1]]
    for head, _, *rows in map(str.splitlines, tables):
        assert "network" in head
        assert max(map(len, (head, *rows))) <= columns
    assert len({row.split("complete")[1] for row in tables[0].splitlines()[2:]}) == 3


def test_scores_are_written_alike_everywhere(cli: Command, run: Path) -> None:
    value = json.loads(cli("trials", run, "--top", 1, "--json").out)[0]["values"]["accuracy"]
    written = f"{100 * value:.2f} %"
    page = Path(cli("report", run).out.strip()).read_text()
    shown = [cli(*words).out for words in (("trials", run), ("best", run), ("explain", run))]
    for text in (page, *shown):
        assert written in text
        assert f" {value:.4g}" not in text


def test_memory_of_activations_stands_beside_parameters(cli: Command, run: Path) -> None:
    (trial,) = json.loads(cli("trials", run, "--top", 1, "--json").out)
    taken = f"{memory(trial['activation_memory'])} of activations"
    page = Path(cli("report", run).out.strip()).read_text()
    shown = [cli(*words).out for words in (("best", run), ("explain", run), ("show", run))]
    assert all(taken in text for text in (page, *shown))
    assert f"  {memory(trial['activation_memory'])}  " in cli("trials", run).out


def test_failures_are_chosen_by_kind_and_reason(cli: Command, failed: Path, run: Path) -> None:
    assert len(cli("trials", failed, "--failed").out.splitlines()) == 4
    assert len(cli("trials", failed, "--reason", "OVEN").out.splitlines()) == 4
    assert len(cli("trials", failed, "--failed", "--reason", "nan").out.splitlines()) == 2
    assert len(cli("trials", run, "--failed").out.splitlines()) == 2


def test_top_gives_the_best_first(cli: Command, run: Path) -> None:
    everything = json.loads(cli("trials", run, "--json").out)
    top = json.loads(cli("trials", run, "--top", 2, "--json").out)
    values = sorted((trial["values"]["accuracy"] for trial in everything), reverse=True)
    assert [trial["values"]["accuracy"] for trial in top] == values[:2]


def test_states_are_chosen(cli: Command, run: Path, failed: Path) -> None:
    assert json.loads(cli("trials", run, "--state", "failed", "--json").out) == []
    assert len(json.loads(cli("trials", failed, "--state", "failed", "--json").out)) == 2
    status, _, err = cli("trials", run, "--state", "lost")
    assert status == 2
    assert "lost is none of running, complete, failed" in err


def test_a_failure_is_shown_with_its_reason(cli: Command, failed: Path) -> None:
    assert "the oven is cold" in cli("trials", failed).out
    assert "the oven is cold" in cli("explain", failed, 0).out


def test_a_failure_keeps_where_it_was_raised(cli: Command, failed: Path, tmp_path: Path) -> None:
    shown = cli("explain", failed, 0).out
    assert "\nWhere it was raised\n" in shown
    for part in (f'File "{__file__}"', "in objective", 'raise ValueError("the oven is cold")'):
        assert part in shown
    assert "raise ValueError" in json.loads(cli("explain", failed, 0, "--json").out)["traceback"]
    page = Path(cli("report", failed, "--to", tmp_path / "r.html").out.strip()).read_text()
    assert "<li>error: 2, such as trial 0<br>" in page
    assert "raise ValueError(&quot;the oven is cold&quot;)" in page


def test_failures_by_reason_name_a_command_for_each(
    failed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_summary(open_run(failed), is_whole=True)
    out = capsys.readouterr().out
    assert "No trial is complete." in out
    assert f"  error 2  one of them: einsearch explain {failed}:0\n" in out
    assert f"  einsearch trials {failed} --failed  why each trial failed\n" in out


def test_without_failures_none_are_listed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(open_run(run), is_whole=True)
    assert "Failures" not in capsys.readouterr().out


def test_best_draws_the_network_with_its_scores(cli: Command, run: Path) -> None:
    status, out, _ = cli("best", run)
    found = json.loads(cli("best", run, "--json").out)
    assert status == 0
    assert re.search("● +output", out)
    assert found["best"]["text"] in out
    test = found["final"]["test"]["accuracy"]["mean"]
    assert f"{100 * test:.2f} %" in out
    assert "over 2 seeds" in out


@pytest.fixture(scope="module")
def compromises(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two objectives."""

    def objective(candidate: Derivation) -> dict[str, float]:
        return {"length": float(len(candidate.text)), "calls": float(candidate.nodes)}

    directions = {"length": "maximize", "calls": "minimize"}
    folder = tmp_path_factory.mktemp("compromises") / "run"
    grammar, spec = load_grammar("digits"), image(1, 8, 8)
    search(grammar, objective, input=spec, trials=4, directory=folder, directions=directions)
    return folder


def test_a_reference_makes_the_hypervolumes_of_runs_comparable(
    cli: Command, compromises: Path
) -> None:
    corner = {"length": 0.0, "calls": 99.0}
    expected = open_run(compromises).hypervolume(corner)
    reference = ("--reference", "calls=99, length=0")
    assert json.loads(cli("best", compromises, *reference, "--json").out)["hypervolume"] == expected
    drawn = cli("best", compromises, *reference).out
    assert f"{expected:.4g}, up to calls 99, length 0" in drawn
    assert "up to the worst of each objective" in cli("best", compromises).out


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "calls=99",
        "calls=99,length",
        "calls=9,length=nan",
        "calls=9,size=2",
        "calls=9,length=1,calls=2",
    ],
)
def test_a_reference_needs_a_number_for_each_objective(
    cli: Command, compromises: Path, reference: str
) -> None:
    status, _, err = cli("best", compromises, "--reference", reference)
    assert status == 2
    assert (
        f"--reference is {reference}: expected a number for each, such as length=1,calls=1"
        in " ".join(err.split())
    )


def test_best_says_no_where_nothing_is_complete(cli: Command, failed: Path) -> None:
    status, out, _ = cli("best", failed)
    assert status == 1
    assert out == "no trial is complete yet\n"
    assert json.loads(cli("best", failed, "--json").out)["reasons"] == {"error": 2}


def test_explain_tells_where_a_trial_came_from(cli: Command, run: Path) -> None:
    status, out, _ = cli("explain", run, 1)
    found = json.loads(cli("explain", run, 1, "--json").out)
    assert status == 0
    assert found["lineage"][0] == 1
    assert found["decisions"]
    assert "How it was derived" not in out
    assert found["decisions"][-1][0] in cli("explain", run, 1, "--decisions").out


def test_explain_of_a_missing_trial_is_a_wrong_call(cli: Command, run: Path) -> None:
    status, _, err = cli("explain", run, 99)
    assert status == 2
    assert "has no trial 99; they run from 0 to 2" in err


@pytest.mark.parametrize("words", [("trials",), ("best",), ("report",), ("train",), ("export",)])
def test_a_missing_run_is_a_wrong_call(cli: Command, words: tuple[str, ...]) -> None:
    status, _, err = cli(*words, "nowhere")
    assert status == 2
    assert "there is no run folder nowhere" in err


def test_a_folder_that_is_no_run_is_told(cli: Command, tmp_path: Path) -> None:
    status, _, err = cli("trials", tmp_path)
    assert status == 2
    assert "is not a run folder" in err


def test_lineage_follows_every_parent_once() -> None:
    parents = [(), (), (0, 1), (2, 0), (1,)]
    trials = [Trial(n, "x", TrialState.COMPLETE, parents=p) for n, p in enumerate(parents)]
    assert [trial.number for trial in lineage(trials, trials[3])] == [3, 2, 1, 0]
    assert [trial.number for trial in lineage(trials, trials[4])] == [4, 1]


def test_the_learned_grammar_is_printed(cli: Command, tmp_path: Path) -> None:
    grammar, folder = load_grammar("digits"), tmp_path / "run"
    settings = {"name": "grammar-learning", "start": 2}
    search(
        grammar,
        lambda derivation: float(derivation.nodes),
        input=image(1, 8, 8),
        trials=4,
        searcher=settings,
        directory=folder,
    )
    printed = cli("learned", folder).out
    assert printed == (folder / "learned.ein").read_text()
    (tmp_path / "again.ein").write_text(printed)
    assert load_grammar(tmp_path / "again.ein").require == grammar.require


def test_a_searcher_that_learns_no_grammar_is_no_mistake(cli: Command, failed: Path) -> None:
    result = cli("learned", failed)
    assert result.status == 1
    assert result.err == "the searcher of this run learns no grammar\n"


def test_duplicates_are_left_out_unless_asked_for(cli: Command, tmp_path: Path) -> None:
    # Of a few networks none is drawn twice; of fifty in forty draws some are.
    grammar = parse_grammar("start x\nx = conv2d(1..50, 1)\n")
    folder = tmp_path / "run"
    search(
        grammar,
        lambda _: 1.0,
        input=image(1, 8, 8),
        trials=40,
        searcher="random",
        directory=folder,
    )
    everything = json.loads(cli("trials", folder, "--json").out)
    repeated = [trial for trial in everything if trial["state"] == "DUPLICATE"]
    assert repeated
    _, out, err = cli("trials", folder)
    assert len(out.splitlines()) == 2 + 40
    assert err.strip() == f"{len(repeated)} duplicates left out: --duplicates shows them too"
    assert len(cli("trials", folder, "--duplicates").out.splitlines()) == 2 + len(everything)
    assert len(cli("trials", folder, "--state", "duplicate").out.splitlines()) == 2 + len(repeated)
