"""Passwords of storages are written nowhere, and found where they are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from einsearch.errors import RunError
from einsearch.study import storageurl
from einsearch.study.storageurl import (
    VARIABLE,
    absolute_storage,
    remember,
    sqlite_file,
    whole,
    without_password,
    without_secrets,
)

WHOLE = "postgresql+psycopg2://me:s3:cret/%40x@db.example:5432/runs?sslmode=require"
WRITTEN = "postgresql+psycopg2://me:***@db.example:5432/runs?sslmode=require"


@pytest.mark.parametrize(
    ("url", "written"),
    [
        (WHOLE, WRITTEN),
        ("redis://:s3cret@host:6379", "redis://:***@host:6379"),
        (
            "mysql://host/db?user=a&password=s3cret&ssl=1",
            "mysql://host/db?user=a&password=***&ssl=1",
        ),
        ("mysql://me@host/db?auth_token=s3cret", "mysql://me@host/db?auth_token=***"),
        ("postgresql://me:a@b@h/db", "postgresql://me:***@h/db"),
        ("postgresql://me:p/w?x@h/db", "postgresql://me:***@h/db"),
        ("postgresql://me:a#b@h/db", "postgresql://me:***@h/db"),
        ("postgresql://me:a@b?c@h/db", "postgresql://me:***@b?***"),
        ("postgresql://h/db?user=a@b&x=y", "postgresql://h/db?user=a@b&x=***"),
        ("postgresql://h/db?api_key=s3cret", "postgresql://h/db?api_key=***"),
        ("postgresql://h/db?sslmode=a&sslkey=/k.pem", "postgresql://h/db?sslmode=a&sslkey=***"),
        ("postgresql://h/db?PASSWORD=x;sslcert=y", "postgresql://h/db?PASSWORD=***;sslcert=***"),
        ("postgresql://h/db?pass%77ord=x", "postgresql://h/db?pass%77ord=***"),
        ("postgresql://h/db;password=x", "postgresql://h/db;password=***"),
        ("sqlite+pysqlcipher://:pass@/a.db?cipher=x", "sqlite+pysqlcipher://:***@/a.db?cipher=***"),
        ("redis://h:6379#s3cret", "redis://h:6379#***"),
        ("sqlite:///runs/a:b@c.db", "sqlite:///runs/a:b@c.db"),
        ("sqlite:////tmp/runs.db", "sqlite:////tmp/runs.db"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
    ],
)
def test_passwords_become_stars(url: str, written: str) -> None:
    assert without_password(url) == written
    assert without_password(written) == written


def test_a_process_knows_what_it_was_given() -> None:
    assert remember(WHOLE) == WRITTEN
    assert whole(WRITTEN) == WHOLE


def test_another_process_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storageurl, "_given", {})
    monkeypatch.setenv(VARIABLE, WHOLE)
    assert whole(WRITTEN) == WHOLE
    assert whole("sqlite:///a.db") == "sqlite:///a.db"


def test_a_password_that_nobody_knows_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storageurl, "_given", {})
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(RunError) as caught:
        whole(WRITTEN)
    assert str(caught.value) == (
        f"the record is in {WRITTEN}, and run folders keep no passwords: "
        "set EINSEARCH_STORAGE to the whole URL"
    )
    monkeypatch.setenv(VARIABLE, "redis://:other@host")
    with pytest.raises(RunError, match=r"whole URL; it holds redis://:\*\*\*@host$"):
        whole(WRITTEN)


def test_messages_of_libraries_repeat_no_password() -> None:
    url = "postgresql://me:s3cret%21@db/runs?sslkey=topsecret"
    text = f"cannot parse {url}: s3cret! and s3cret%21 of db, topsecret"
    assert without_secrets(text, url) == (
        "cannot parse postgresql://me:***@db/runs?sslkey=***: *** and *** of db, ***"
    )


def test_a_short_password_takes_the_message_with_it() -> None:
    assert without_secrets('host "b@h" is unknown', "postgresql://me:a@b@h/db") == "***"


def test_a_relative_file_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for url, absolute in (
        ("sqlite:///a.db", f"sqlite:///{tmp_path}/a.db"),
        ("sqlite:///../a.db?timeout=5", f"sqlite:///{tmp_path.parent}/a.db?timeout=5"),
        ("sqlite:///~/a.db", f"sqlite:///{tmp_path}/home/a.db"),
        ("sqlite+pysqlite:///a.db", f"sqlite+pysqlite:///{tmp_path}/a.db"),
        ("sqlite:///file:a.db?uri=true", f"sqlite:///file:{tmp_path}/a.db?uri=true"),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db"),
        ("postgresql://h/db", "postgresql://h/db"),
    ):
        assert absolute_storage(url) == absolute
        assert absolute_storage(absolute) == absolute
    assert sqlite_file("sqlite:///file:x?mode=memory&uri=true") is None
