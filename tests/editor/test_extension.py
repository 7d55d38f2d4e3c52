"""The folder is a VS Code extension: its files fit together and know the language's signs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from tests.editor.textmate import tokenize

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "editor"


def read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def test_the_files_that_the_package_names_are_there_and_agree() -> None:
    package, grammar = read("package.json"), read("einsearch.tmLanguage.json")
    (language,) = package["contributes"]["languages"]
    (colours,) = package["contributes"]["grammars"]
    assert language["extensions"] == [f".{name}" for name in grammar["fileTypes"]] == [".ein"]
    assert colours["language"] == language["id"]
    assert colours["scopeName"] == grammar["scopeName"]
    assert (FOLDER / colours["path"]).samefile(FOLDER / "einsearch.tmLanguage.json")
    assert (FOLDER / language["configuration"]).is_file()


def test_every_name_of_a_pattern_is_used_and_every_pattern_compiles() -> None:
    grammar = read("einsearch.tmLanguage.json")
    text = json.dumps(grammar)
    assert set(re.findall(r'"include": "#(\w+)"', text)) == set(grammar["repository"])
    for pattern in re.findall(r'"(?:match|begin|end)": ("(?:[^"\\]|\\.)*")', text):
        re.compile(json.loads(pattern))
    scopes = re.findall(r'"name": "([^"]+)"', text)
    assert all(name.endswith(".einsearch") for name in scopes if name != grammar["name"])


def test_comments_and_brackets_are_those_of_the_language() -> None:
    configuration = read("language-configuration.json")
    comment = configuration["comments"]["lineComment"]
    grammar = read("einsearch.tmLanguage.json")
    (piece,) = tokenize(grammar, f"{comment} told")
    assert piece.scopes[-1].startswith("comment")
    for opening, closing in configuration["brackets"]:
        scopes = [piece.scopes[-1] for piece in tokenize(grammar, f"{opening}1{closing}")]
        assert [scope.split(".")[0] for scope in scopes] == [
            "punctuation",
            "constant",
            "punctuation",
        ]
    word = re.compile(configuration["wordPattern"])
    assert word.findall("norm_2 >> linear(1.5e-3, k=16)") == [
        "norm_2",
        "linear",
        "1.5e-3",
        "k",
        "16",
    ]


def test_the_readme_names_scopes_that_there_are() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    text = (FOLDER / "einsearch.tmLanguage.json").read_text(encoding="utf-8")
    table = readme.partition("| scope | is |")[2]
    for cells in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE):
        for scope in re.findall(r"`([^`]+)`", cells):
            assert f'"{scope}.' in text, scope
