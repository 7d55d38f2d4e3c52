"""The table of `benchmarks/optuna_cost.py`."""

from __future__ import annotations

import pytest
from optuna_cost import WINDOW, means_at, report
from overhead import chain


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_suggestion_takes_time_at_every_mark(sampler: str) -> None:
    means = list(means_at(chain(), sampler, (WINDOW, 3 * WINDOW), sees_all=False))

    assert len(means) == 2
    assert min(means) > 0


def test_packaged_grammars_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    report(["nasbench201"], ["random"], 50, sees_all=False)

    *_, head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["space", "sampler", "at", "50"]
    assert row.split()[:2] == ["nasbench201", "random"]
    assert float(row.split()[2]) > 0
