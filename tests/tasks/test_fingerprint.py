"""Tests of fingerprints of data: every file that is read counts."""

from __future__ import annotations

from pathlib import Path

from einsearch.tasks.fingerprint import data_fingerprint, differences
from einsearch.tasks.registry import make_task


def test_files_beside_the_training_file_count(tmp_path: Path) -> None:
    rows = "".join(f"{n % 2}\t{n}.5\t{n % 3}\n" for n in range(40))
    for split in ("TRAIN", "VALID", "TEST"):
        (tmp_path / f"Power_{split}.tsv").write_text(rows)
    (tmp_path / "Other_TEST.tsv").write_text(rows)
    config = {"name": "arrays", "path": "Power_TRAIN.tsv"}
    before = data_fingerprint(make_task(config, tmp_path), config, tmp_path)
    (tmp_path / "Other_TEST.tsv").write_text("changed")
    assert data_fingerprint(make_task(config, tmp_path), config, tmp_path) == before
    (tmp_path / "Power_VALID.tsv").write_text("1\t2.5\t0\n" + rows)
    task = make_task(config, tmp_path, checks_test=False)
    after = data_fingerprint(task, config, tmp_path)
    assert differences(before, after) == ["data/path/Power_VALID.tsv has changed"]
    assert "data/path/Power_TEST.tsv" in after
