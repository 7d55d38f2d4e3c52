"""Tests of kinds and reasons of failures."""

from __future__ import annotations

import pytest
import torch

from einsearch.errors import ShapeError
from einsearch.evaluate.faults import CandidateFault, describe_fault, find_culprit
from einsearch.evaluate.network import build_network
from einsearch.tasks.registry import make_task
from einsearch.trial import FailureKind
from tests.evaluate.faulty import register_faulty
from tests.support import series


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("bad\n  thing"), "error: ValueError: bad thing"),
        (ShapeError("relu cannot take it"), "error: relu cannot take it"),
        (MemoryError(), "out-of-memory: it asked for more memory than there is for it"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out-of-memory: CUDA out of memory"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            "out-of-memory: [enforce fail] DefaultCPUAllocator: can't allocate memory",
        ),
        (CandidateFault(FailureKind.TIME_LIMIT, "in epoch 1"), "time-limit: in epoch 1"),
    ],
)
def test_exceptions_become_reasons(error: Exception, reason: str) -> None:
    assert describe_fault(error).reason == reason


def test_a_long_message_is_cut() -> None:
    assert len(describe_fault(ValueError("x" * 5000)).reason) < 450


def test_a_place_is_added_when_it_is_known() -> None:
    fault = describe_fault(RuntimeError("no"))
    assert fault.at("matmul").reason == "error: RuntimeError: no (in matmul)"
    assert fault.at(None) is fault


@pytest.mark.parametrize(
    ("steps", "culprit"),
    [
        ([("relu",), ("norm",)], None),
        ([("relu",), ("raises",), ("norm",)], "raises"),
        ([("norm",), ("explodes",), ("relu",)], "explodes"),
    ],
)
def test_the_first_primitive_at_fault_is_found(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str]], culprit: str | None
) -> None:
    register_faulty(monkeypatch)
    task = make_task("bars")
    program = series(task.input, *steps)
    network = build_network(program, task, seed=0)
    assert find_culprit(network, program, torch.arange(128.0).reshape(2, 1, 8, 8)) == culprit
