"""A grammar with its imports, copied into a run folder, is read back from there alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from einsearch.derivation.sample import sample
from einsearch.grammar.load import load_grammar_file
from einsearch.grammar.model import Grammar
from einsearch.resources import find_resource, resource_folder
from einsearch.specs import image
from einsearch.study.folder import RunFolder
from einsearch.study.grammarcopy import copied_files, copied_name, import_folder

MAIN = "language 1\nstart a\na = blk | blk >> blk\n"
NESTED = {
    "g.ein": f'{MAIN}import "blocks/a.ein" (blk)\n',
    "blocks/a.ein": 'language 1\nimport "b.ein" (act)\nblk = conv2d(4, {1, 3}) >> act\n',
    "blocks/b.ein": "language 1\nact = relu | gelu\n",
}
CLIMBING = {
    "deep/er/g.ein": f'{MAIN}import "../../a.ein" (blk)\n',
    "a.ein": 'language 1\nimport "other/b.ein" (act)\nblk = conv2d(4, {1, 3}) >> act\n',
    "other/b.ein": 'language 1\nimport "../c.ein" (step)\nact = step | gelu\n',
    "c.ein": "language 1\nstep = relu\n",
}
NAMESAKE = {
    "g.ein": f'{MAIN}import "grammar.ein" (blk)\n',
    "grammar.ein": "language 1\nblk = conv2d(4, {1, 3}) >> relu\n",
}
ALL = pytest.mark.parametrize("files", [NESTED, CLIMBING, NAMESAKE])


def write(folder: Path, files: Mapping[str, str]) -> Grammar:
    """The grammar that the first file holds."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return load_grammar_file(folder / next(iter(files)), None)


def copy(grammar: Grammar, folder: Path) -> Grammar:
    """What is read back from a run folder."""
    run = RunFolder.create(folder, copied_files(grammar))
    path = run.path / copied_name(grammar)
    return load_grammar_file(path, import_folder(path, run.path))


def texts(grammar: Grammar) -> list[str]:
    return [sample(grammar, image(3, 8, 8), np.random.default_rng(seed)).text for seed in range(20)]


@ALL
def test_the_copy_means_the_same_when_the_original_is_gone(
    files: Mapping[str, str], tmp_path: Path
) -> None:
    grammar = write(tmp_path / "original", files)
    expected = texts(grammar)
    (tmp_path / "original").rename(tmp_path / "elsewhere")
    assert texts(copy(grammar, tmp_path / "runs" / "run")) == expected


@ALL
def test_nothing_is_written_outside_of_the_folder(files: Mapping[str, str], tmp_path: Path) -> None:
    copy(write(tmp_path / "original", files), tmp_path / "runs" / "run")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["run"]


def test_a_grammar_alone_lies_at_the_top(tmp_path: Path) -> None:
    grammar = write(tmp_path, {"g.ein": "language 1\nstart a\na = relu | gelu\n"})
    assert copied_files(grammar) == {"grammar.ein": grammar.text}


@pytest.mark.parametrize("name", ["digits", "einspace", "nasbench201"])
def test_packaged_grammars_are_read_back(name: str, tmp_path: Path) -> None:
    path = find_resource("grammars", name, ".ein")
    assert path is not None
    grammar = load_grammar_file(path, resource_folder("grammars"))
    assert copy(grammar, tmp_path / "run").sources.keys() - {"grammar.ein"} == (
        grammar.sources.keys() - {grammar.name}
    )


def test_imports_of_a_run_are_not_those_of_the_package(tmp_path: Path) -> None:
    grammar = write(tmp_path / "original", NESTED)
    run = RunFolder.create(tmp_path / "run", copied_files(grammar))
    assert import_folder(run.path / "grammar.ein", run.path) == run.path
    assert import_folder(tmp_path / "g.ein", tmp_path) == resource_folder("grammars")
