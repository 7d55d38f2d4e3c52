"""Commands on grammars and networks."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Command

WRONG = "start a\na = conv2d(8, 3) >> b\n"
ENDLESS = "start a\na = relu >> a\n"


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.ein"
    path.write_text(WRONG)
    return path


def test_check_finds_nothing_wrong_with_a_packaged_grammar(cli: Command) -> None:
    status, out, err = cli("check", "digits", "--input", "image:1x8x8")
    assert (status, err) == (0, "")
    assert out.endswith("2 seeds, no problems\n")


def test_check_shows_the_line_of_an_error(cli: Command, wrong: Path) -> None:
    status, _, err = cli("check", wrong)
    assert status == 1
    assert err.startswith("error: wrong.ein:2:21: no rule or primitive is named b")
    assert "    a = conv2d(8, 3) >> b\n                        ^" in err


def test_check_gives_an_error_while_loading_as_json(cli: Command, wrong: Path) -> None:
    status, out, _ = cli("check", wrong, "--json")
    (problem,) = json.loads(out)["problems"]
    assert status == 1
    assert (problem["line"], problem["column"], problem["severity"]) == (2, 21, "error")


def test_check_has_status_1_for_an_error_in_a_grammar_that_loads(
    cli: Command, tmp_path: Path
) -> None:
    path = tmp_path / "endless.ein"
    path.write_text(ENDLESS)
    status, out, _ = cli("check", path, "--json")
    problems = json.loads(out)["problems"]
    assert status == 1
    assert "can never end" in problems[0]["message"]
    assert cli("check", path).status == 1


@pytest.mark.parametrize("command", ["check", "sample", "analyse"])
def test_an_unknown_grammar_is_a_wrong_call(cli: Command, command: str) -> None:
    status, _, err = cli(command, "einspce")
    assert status == 2
    assert "einspce" in err
    assert "einspace" in err


def test_analyse_says_what_the_published_probabilities_mean(cli: Command) -> None:
    status, out, _ = cli("analyse", "einspace", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["termination"] == pytest.approx(1.0)
    assert found["drawn_nodes"] > 1
    assert found["built_nodes"] is None
    assert "inf  (copies counted)" in cli("analyse", "einspace").out


def test_primitives_lists_signatures(cli: Command) -> None:
    status, out, _ = cli("primitives")
    assert status == 0
    assert "conv2d(channels, kernel, stride=1, dilation=1, groups=1, bias=true)  " in out


def test_primitives_describes_one_as_json(cli: Command) -> None:
    (found,) = json.loads(cli("primitives", "matmul", "--json").out)
    assert found["tensors"] == {"fewest": 2, "most": 2}
    assert found["arguments"] == [
        {"name": "scaled", "takes": "true or false", "required": False, "default": False}
    ]


def test_an_unknown_primitive_is_a_wrong_call(cli: Command) -> None:
    status, _, err = cli("primitives", "conv2")
    assert status == 2
    assert "did you mean conv2d?" in err


def test_sample_gives_the_same_texts_for_a_seed_and_they_are_read_back(cli: Command) -> None:
    words = ("sample", "digits", "--input", "image:1x8x8", "-n", 3, "--seed", 7)
    first, again = cli(*words), cli(*words)
    assert first.status == 0
    assert first.out == again.out
    texts = first.out.splitlines()
    assert len(set(texts)) == 3
    described = json.loads(cli(*words, "--json").out)
    assert [network["text"] for network in described] == texts
    shown = json.loads(cli("show", texts[0], "--input", "image:1x8x8", "--json").out)
    assert shown == {k: v for k, v in described[0].items() if k != "log_probability"}


def test_sample_keeps_limits(cli: Command) -> None:
    out = cli("sample", "digits", "-i", "image:1x8x8", "-n", 5, "--parameters", 3000, "--json").out
    assert all(network["parameters"] <= 3000 for network in json.loads(out))


def test_sample_says_that_nothing_fits(cli: Command) -> None:
    status, _, err = cli("sample", "digits", "-i", "image:1x8x8", "--nodes", 2)
    assert status == 1
    assert err.startswith("error: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--input", "picture:3"), "cannot read 'picture:3' as a tensor"),
        (("--require", "input,beauty"), "beauty is none of input, parameters"),
        (("--nodes", "-3"), "the limit nodes is -3"),
    ],
)
def test_sample_refuses_wrong_options(cli: Command, words: tuple[str, ...], message: str) -> None:
    status, _, err = cli("sample", "digits", *words)
    assert status == 2
    assert message in err


def test_show_draws_a_text_and_counts_it(cli: Command) -> None:
    status, out, _ = cli("show", "linear(8) >> relu", "--input", "vector:4")
    assert status == 0
    assert "●  linear(8)  vector:8          40" in out
    assert out.endswith("2 nodes, 40 parameters, 64 FLOPs, 64 B of activations\n")
    assert "\x1b" not in out


def test_show_takes_the_seed_of_a_grammar(cli: Command) -> None:
    words = ("show", "resnet18", "-g", "einspace", "-i", "image:3x64x64", "--json")
    assert json.loads(cli(*words).out)["parameters"] == 11_210_560


def test_show_reads_stdin(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("linear(8)\n"))
    assert json.loads(cli("show", "-", "-i", "vector:4", "--json").out)["text"] == "linear(8)"


def test_show_writes_a_picture(cli: Command, tmp_path: Path) -> None:
    path = tmp_path / "network.svg"
    words = ("show", "linear(8)", "-i", "vector:4", "-f", "svg", "-o", path)
    assert cli(*words).status == 0
    assert ElementTree.parse(path).getroot().tag.endswith("svg")


def test_show_prints_source_that_runs(cli: Command) -> None:
    import torch

    source = cli("show", "linear(8) >> relu", "-i", "vector:4", "-f", "source").out
    names: dict[str, object] = {}
    exec(compile(source, "<source>", "exec"), names)
    network = names["Network"]()  # type: ignore[operator]
    assert network(torch.zeros(2, 4)).shape == (2, 8)


def test_show_prints_a_layer_as_a_formula(cli: Command) -> None:
    words = ("show", "evonorm_s0", "-g", "evonorm", "-i", "image:32x8x8", "-f", "formula")
    assert cli(*words).out == "y = g * (x * sigmoid(v * x) / std_group(x)) + b\n"


def test_show_takes_a_trial_on_another_tensor(cli: Command, run: Path) -> None:
    own = json.loads(cli("show", f"{run}:1", "--json").out)
    other = json.loads(cli("show", f"{run}:1", "-i", "image:1x16x16", "--json").out)
    assert own["text"] == other["text"]
    assert (own["input"], other["input"]) == ("image:1x8x8", "image:1x16x16")


@pytest.mark.parametrize(
    ("name", "words", "begins"),
    [
        ("plain.svg", (), "<svg "),
        ("PLAIN.SVG", (), "<svg "),
        ("plain.py", (), "import torch"),
        ("plain.txt", (), "●  input"),
        ("plain", (), "●  input"),
        ("plain", ("-f", "svg"), "<svg "),
        ("plain.md", ("-f", "drawing"), "●  input"),
        ("plain.txt", ("-f", "source"), "import torch"),
    ],
)
def test_the_end_of_a_name_says_what_is_written(
    cli: Command, tmp_path: Path, name: str, words: tuple[str, ...], begins: str
) -> None:
    path = tmp_path / name
    assert cli("show", "linear(4) >> relu", "-i", "vector:3", "-o", path, *words).status == 0
    assert path.read_text().startswith(begins)


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("a.png", (), "ends in none of .svg, .py, .txt; say what to write by --format"),
        ("a.svg", ("-f", "source"), "ends in .svg, and --format is source"),
        ("a.svg", ("-f", "drawing"), "ends in .svg, and --format is drawing"),
        ("a.py", ("-f", "svg"), "ends in .py, and --format is svg"),
    ],
)
def test_a_name_that_means_something_else_is_a_wrong_call(
    cli: Command, tmp_path: Path, name: str, words: tuple[str, ...], message: str
) -> None:
    status, _, err = cli("show", "relu", "-o", tmp_path / name, *words)
    assert (status, err) == (2, f"error: --output: {tmp_path / name} {message}\n")
    assert not (tmp_path / name).exists()


def test_a_network_of_a_run_is_drawn_with_its_head(cli: Command, run: Path, tmp_path: Path) -> None:
    for words in (("show", f"{run}:1"), ("best", run), ("explain", run, 1)):
        assert "head: mean over positions, linear(" in cli(*words).out
    page = Path(cli("report", run, "--to", tmp_path / "r.html").out.strip()).read_text()
    assert "head: mean over positions, linear(" in page
    assert "head:" not in cli("show", f"{run}:1", "-i", "image:1x16x16").out
