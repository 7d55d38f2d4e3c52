"""Passwords of storages are written nowhere, and found where they are given."""

from __future__ import annotations

import pytest

from einsearch.errors import RunError
from einsearch.study import storageurl
from einsearch.study.storageurl import VARIABLE, remember, whole, without_password

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
