"""Room for workers on nodes, and how it is told."""

from __future__ import annotations

from typing import Any

import pytest

from einsearch.study.ray.nodes import Resources, cannot_hold, describe, living, places

GIB = 2**30


@pytest.mark.parametrize(
    ("resources", "node", "expected"),
    [
        (Resources(), {"CPU": 4.0}, 4),
        (Resources(), {"CPU": 0.0, "memory": 9.0 * GIB}, 0),
        (Resources(cpus=2, gpus=0.25), {"CPU": 16.0, "GPU": 1.0}, 4),
        (Resources(cpus=2, gpus=0.25), {"CPU": 5.0, "GPU": 1.0}, 2),
        (Resources(cpus=0.1), {"CPU": 0.3}, 3),
        (Resources(gpus=1), {"CPU": 8.0}, 0),
        (Resources(memory=3 * GIB), {"CPU": 8.0, "memory": 10.0 * GIB}, 3),
        (Resources(custom={"fast": 1}), {"CPU": 8.0, "fast": 2.0}, 2),
        (Resources(cpus=0), {"CPU": 8.0}, 1),
    ],
)
def test_how_many_workers_a_node_holds(
    resources: Resources, node: dict[str, float], expected: int
) -> None:
    assert places(resources.request, node) == expected


def test_only_living_nodes_count() -> None:
    nodes: list[dict[str, Any]] = [
        {"Alive": True, "Resources": {"CPU": 2.0, "node:10.0.0.1": 1.0, "accelerator_type:G": 1}},
        {"Alive": False, "Resources": {"CPU": 64.0}},
    ]
    assert living(nodes) == [{"CPU": 2.0}]


def test_the_message_names_what_was_asked_for_and_what_there_is() -> None:
    message = cannot_hold(
        Resources(cpus=8, gpus=0.5, memory=6 * GIB), [{"CPU": 4.0, "memory": 1.5 * GIB}, {}]
    )
    assert "a worker of 8 CPU, 0.5 GPU, 6 GiB memory" in message
    assert "Its nodes have: 4 CPU, 1.5 GiB memory; nothing." in message
    assert "no living node" in cannot_hold(Resources(), [])
    assert describe({"CPU": 1.0}) == "1 CPU"


def test_threads_are_whole() -> None:
    assert [Resources(cpus=cpus).threads for cpus in (0.25, 1, 2.9)] == [1, 1, 2]
