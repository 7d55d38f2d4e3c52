"""Commands on the language: format."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from einsearch.errors import GrammarError
from einsearch.grammar.load import load_grammar_text
from einsearch.resources import resource_folder
from tests.cli.conftest import Command
from tests.grammar.test_messages import MISTAKES

UGLY = "start x # here\n\n\nx=relu [0.25]|gelu"
PRETTY = "start x  # here\n\nx = relu  [0.25]\n  | gelu\n"


@pytest.fixture
def ugly(tmp_path: Path) -> Path:
    path = tmp_path / "ugly.ein"
    path.write_text(UGLY)
    return path


class TestFormat:
    def test_writes_in_place_and_again_changes_nothing(self, cli: Command, ugly: Path) -> None:
        status, out, err = cli("format", ugly)
        assert (status, out, err) == (0, f"reformatted {ugly}\n", "1 file reformatted\n")
        assert ugly.read_text() == PRETTY
        assert cli("format", ugly) == (0, "", "1 file left unchanged\n")

    def test_check_names_files_and_writes_nothing(self, cli: Command, ugly: Path) -> None:
        (ugly.parent / "pretty.ein").write_text(PRETTY)
        status, out, err = cli("format", "--check", ugly.parent)
        assert (status, out) == (1, f"would reformat {ugly}\n")
        assert err == "1 file would be reformatted, 1 file would be left unchanged\n"
        assert ugly.read_text() == UGLY
        assert cli("format", "--check", ugly.parent / "pretty.ein").status == 0

    def test_diff_shows_what_would_change(self, cli: Command, ugly: Path) -> None:
        status, out, _ = cli("format", "--diff", ugly)
        assert status == 1
        assert out.startswith(f"--- {ugly}\n+++ {ugly}\n@@")
        assert "\n-x=relu [0.25]|gelu\n" in out
        assert "\n+  | gelu\n" in out
        assert ugly.read_text() == UGLY

    def test_stdin_goes_to_stdout(
        self, cli: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(UGLY))
        assert cli("format", "-") == (0, PRETTY, "")
        (tmp_path / "base.ein").write_text("b = relu\n")
        monkeypatch.setattr("sys.stdin", io.StringIO('import "base.ein" ( b )'))
        found = cli("format", "-", "--stdin-filename", tmp_path / "mine.ein")
        assert found == (0, 'import "base.ein" (b)\n', "")

    def test_line_ends_and_permissions_stay(self, cli: Command, tmp_path: Path) -> None:
        path = tmp_path / "windows.ein"
        path.write_bytes(b"x=relu # a\r\ny=gelu\r\n")
        path.chmod(0o640)
        link = tmp_path / "link.ein"
        link.symlink_to(path)
        assert cli("format", link).status == 0
        assert path.read_bytes() == b"x = relu  # a\r\ny = gelu\r\n"
        assert path.stat().st_mode & 0o777 == 0o640
        assert link.is_symlink()
        assert sorted(os.listdir(tmp_path)) == ["link.ein", "windows.ein"]

    def test_packaged_grammars_are_formatted(self, cli: Command) -> None:
        found = [path for path in resource_folder("grammars").rglob("*.ein") if _loads(path)]
        assert len(found) >= 5
        assert cli("format", "--check", *found).status == 0

    @pytest.mark.parametrize("case", range(len(MISTAKES)))
    def test_a_file_with_an_error_is_left_alone(
        self, cli: Command, tmp_path: Path, case: int
    ) -> None:
        text, place, message, _ = MISTAKES[case]
        path = tmp_path / "space.ein"
        path.write_text(text)
        status, out, err = cli("format", path)
        assert (status, out) == (1, "")
        assert err.startswith(f"error: {path}:{place}: ")
        assert message in err
        assert err.endswith("1 file cannot be formatted\n")
        assert path.read_text() == text

    def test_other_files_are_formatted_beside_one_with_an_error(
        self, cli: Command, ugly: Path
    ) -> None:
        (ugly.parent / "broken.ein").write_text("x = ")
        status, out, err = cli("format", ugly.parent)
        assert (status, out) == (1, f"reformatted {ugly}\n")
        assert err.endswith("1 file reformatted, 1 file cannot be formatted\n")

    def test_a_write_that_fails_changes_nothing(
        self, cli: Command, ugly: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(file: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        status, _, err = cli("format", ugly)
        assert status == 1
        assert f"error: cannot write {ugly}: No space left on device\n" in err
        assert ugly.read_text() == UGLY
        assert os.listdir(ugly.parent) == ["ugly.ein"]

    @pytest.mark.parametrize("name", ["missing.ein", "."])
    def test_what_is_not_there_is_a_wrong_call(
        self, cli: Command, tmp_path: Path, name: str
    ) -> None:
        status, _, err = cli("format", tmp_path / name)
        assert status == 2
        assert err.startswith("error: there is no ")


def _loads(path: Path) -> bool:
    try:
        load_grammar_text(path.read_text(), path.name, path, path.parent)
    except GrammarError:
        return False
    return True
