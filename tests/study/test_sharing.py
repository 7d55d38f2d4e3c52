"""Workers of one machine map the same data."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from einsearch.study import sharing
from einsearch.study.executor import Finished, Job, ReportBack, Work
from einsearch.study.local import LocalExecutor
from einsearch.study.packing import LARGE, pack
from einsearch.study.sharing import Mapped, SharedArrays


@dataclass(frozen=True)
class Summing:
    """A factory with two arrays; its work adds them up, and tells where they lie."""

    floats: Any
    numbers: Any

    def __call__(self) -> Work:
        def work(job: Job, report: ReportBack) -> Any:
            total = float(self.floats.sum()) + int(self.numbers.sum())
            maps = Path("/proc/self/maps").read_text()
            if job.text == "write":
                self.floats[:] = 7.0
                os._exit(1)
            return total, "einsearch-data" in maps

        return work


FACTORY = Summing(np.full(LARGE, 0.5, np.float32), np.ones(LARGE + 1, np.int64))
TOTAL = 0.5 * LARGE + LARGE + 1


def test_workers_map_the_arrays_and_what_one_writes_is_its_own() -> None:
    executor = LocalExecutor(FACTORY, 1)
    try:
        for number, text in enumerate(("read", "write", "read")):
            executor.submit(Job(number, text))
        ends = [executor.next_finished() for _ in range(3)]
        assert all(isinstance(end, Finished) for end in ends)
        assert [end.result for end in ends] == [(TOTAL, True), None, (TOTAL, True)]
    finally:
        executor.close()


def test_what_is_sent_stays_small() -> None:
    shared = SharedArrays(pack(FACTORY))
    assert isinstance(shared.factory, Mapped)
    assert len(pickle.dumps(shared.factory)) < 10_000
    assert all(begin % 64 == 0 for begin, _ in shared.factory.places)
    unpacked = shared.factory.unpack()
    shared.close()
    shared.close()
    assert isinstance(unpacked, Summing)
    assert np.array_equal(unpacked.numbers, FACTORY.numbers)


def test_a_factory_without_arrays_travels_as_it_is() -> None:
    packed = pack(Summing(np.ones(3), np.ones(3)))
    assert SharedArrays(packed).factory is packed


def test_a_file_takes_the_place_where_memory_needs_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(sharing.tempfile, "tempdir", str(tmp_path))
    shared = SharedArrays(pack(FACTORY))
    assert len(list(tmp_path.iterdir())) == 1
    assert isinstance(shared.factory, Mapped)
    found = shared.factory.unpack()
    assert isinstance(found, Summing)
    assert np.array_equal(found.floats, FACTORY.floats)
    shared.close()
    assert list(tmp_path.iterdir()) == []
