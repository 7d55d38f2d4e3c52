"""What README and docs/ show is true: every grammar, search and program in them works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import einsearch as es
from einsearch.cli.main import app
from einsearch.grammar.format import format_text
from einsearch.study.plan import plan_file
from einsearch.study.spacefile import load_space_file, load_space_text

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: str, language: str) -> list[str]:
    """The blocks of code of one language on a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


GRAMMARS = blocks("docs/language.md", "ein")


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_grammars_are_formatted(page: Path) -> None:
    for text in blocks(str(page), "ein"):
        assert format_text(text) == text


@pytest.mark.parametrize("text", GRAMMARS, ids=[str(n) for n in range(len(GRAMMARS))])
def test_grammars_of_the_guide_have_no_problems_and_are_drawn_from(text: str) -> None:
    spec = es.parse_spec(text.split("\n", 1)[0].removeprefix("# on "))
    grammar = es.parse_grammar(text)
    assert grammar.check(spec) == []  # type: ignore[attr-defined]
    for seed in range(5):
        drawn = grammar.sample(spec, seed=seed)  # type: ignore[attr-defined]
        assert grammar.parse(drawn.text, spec).text == drawn.text  # type: ignore[attr-defined]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The grammar and the search of README, as files."""
    (tmp_path / "mine.ein").write_text(blocks("README.md", "ein")[0])
    (tmp_path / "mine.yaml").write_text(blocks("README.md", "yaml")[0])
    return tmp_path


def test_the_grammar_of_readme_is_short_and_without_problems(mine: Path) -> None:
    text = (mine / "mine.ein").read_text()
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 15
    assert es.load_grammar(mine / "mine.ein").check(es.image(1, 8, 8)) == []  # type: ignore[attr-defined]


def test_the_search_of_readme_can_start(mine: Path) -> None:
    plan = plan_file(load_space_file(mine / "mine.yaml"))
    assert plan.budget.trials == 40
    assert plan.directions == {"accuracy": "maximize"}


def test_the_search_of_the_guide_can_start() -> None:
    (text,) = blocks("docs/search-spaces.md", "yaml")
    assert len(plan_file(load_space_text(text)).space.seeds) == 2


def test_the_program_of_readme_runs(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = blocks("README.md", "python")
    monkeypatch.chdir(mine)
    names: dict[str, object] = {}
    exec(compile(program, "README.md", "exec"), names)
    run = names["run"]
    assert len(run.trials) >= 30  # type: ignore[attr-defined]
    assert "class Network(nn.Module)" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_commands_exist_and_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {command.callback.__name__ for command in app.registered_commands if command.callback}
    code = "\n".join(blocks(str(page), "sh") + re.findall(r"`([^`\n]+)`", text))
    assert set(re.findall(r"\beinsearch ([a-z]+)", code)) <= known
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (page.parent / link).exists(), link


def test_the_list_of_commands_is_whole() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z]+)[ `]", text, re.MULTILINE)
    assert sorted(set(listed)) == sorted(
        command.callback.__name__ for command in app.registered_commands if command.callback
    )
