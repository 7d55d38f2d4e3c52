"""Files that ship with einsearch, in a checkout and in a wheel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from einsearch import resources
from einsearch.resources import find_resource, resource_folder, resource_names

ROOT = Path(__file__).resolve().parents[1]


def test_packaged_grammars_are_found_by_name() -> None:
    assert "einspace" in resource_names("grammars", ".ein")
    found = find_resource("grammars", "einspace", ".ein")
    assert found is not None
    assert found == find_resource("grammars", "einspace.ein", ".ein")
    assert found.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["nothing", "../pyproject", "/etc/passwd", ""])
def test_nothing_outside_of_the_folder_is_found(name: str) -> None:
    assert find_resource("grammars", name, ".ein") is None


def test_an_unknown_folder_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="recipes"):
        resource_folder("recipes")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built wheel, unpacked as an installation would lay it out."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (archive,) = folder.glob("*.whl")
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder / "site")
    return folder / "site"


def test_a_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    tracked = {
        path.relative_to(ROOT / "einsearch").as_posix()
        for path in (ROOT / "einsearch").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {
        path.relative_to(wheel / "einsearch").as_posix()
        for path in wheel.rglob("*.*")
        if path.is_relative_to(wheel / "einsearch")
    }
    assert tracked <= packed
    assert {f"_grammars/{path.name}" for path in (ROOT / "grammars").glob("*.ein")} <= packed
    assert "_search_spaces/digits.yaml" in packed


CODE = """
import json, einsearch as es
from einsearch.cli.sources import find_space
from einsearch.study.spacefile import load_space_file
file = load_space_file(find_space("digits"))
print(json.dumps([es.__file__, es.load_grammar("einspace").name, str(file.grammar_path)]))
"""


def test_a_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(wheel)}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
    )
    place, name, grammar = json.loads(done.stdout)
    assert Path(place).is_relative_to(wheel)
    assert name == "einspace.ein"
    assert Path(grammar).is_relative_to(wheel)


@pytest.mark.parametrize(
    ("source", "is_there", "wanted"),
    [
        ({}, False, 'pip install "einsearch[ray]"'),
        ({"url": "file:///gone"}, False, 'pip install "einsearch[ray]"'),
        ({"url": "FOLDER"}, True, 'pip install ".[ray]" (in FOLDER)'),
        ({"url": "FOLDER", "dir_info": {"editable": True}}, True, 'pip install -e ".[ray]" (in '),
        (
            {"url": "https://x.example/e.git", "vcs_info": {"vcs": "git"}},
            False,
            'pip install "einsearch[ray] @ git+https://x.example/e.git"',
        ),
    ],
)
def test_the_hint_fits_how_einsearch_was_installed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: dict[str, Any],
    is_there: bool,
    wanted: str,
) -> None:
    checkout = tmp_path / "a checkout"
    if is_there:
        checkout.mkdir()
        (checkout / "pyproject.toml").touch()
        source = source | {"url": checkout.as_uri()}
    monkeypatch.setattr(resources, "_source", lambda: source)
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "site-packages" / "einsearch")
    found = resources.install_hint("ray")
    assert found.startswith(wanted.replace("FOLDER", str(checkout)))
    if is_there:
        monkeypatch.chdir(checkout)
        assert resources.install_hint("ray").endswith('".[ray]"')


def test_in_a_checkout_the_hint_is_that_of_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).resolve().parents[1]
    monkeypatch.chdir(root)
    assert resources.install_hint("export") == 'pip install -e ".[export]"'
