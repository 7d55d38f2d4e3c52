"""What a Ray cluster has, and whether a worker fits onto one of its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_GIB: Final = 2**30
_ROUNDING: Final = 1e-6
"""Ray counts resources in ten-thousandths."""


@dataclass(frozen=True)
class Resources:
    """What one worker holds while it lives.

    Attributes:
        cpus: cores; also the threads that numerical libraries may use, at least one.
        gpus: GPUs; a fraction shares one.
        memory: bytes, more than which it may not hold; None reserves none, and allows a worker its
            part of what is free on its node.
        custom: further resources of Ray by name, such as {"highmem": 1}.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory: int | None = None
    custom: Mapping[str, float] = field(default_factory=dict)

    @property
    def request(self) -> dict[str, float]:
        """As Ray names resources, without those that are not asked for."""
        asked = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory or 0, **self.custom}
        return {name: float(amount) for name, amount in asked.items() if amount}

    @property
    def threads(self) -> int:
        return max(1, int(self.cpus))

    def __str__(self) -> str:
        return describe(self.request)


def describe(resources: Mapping[str, float]) -> str:
    """Resources as people read them: "4 CPU, 0.5 GPU, 8 GiB memory"."""
    parts = [
        f"{amount / _GIB:.3g} GiB {name}" if name == "memory" else f"{amount:g} {name}"
        for name, amount in resources.items()
    ]
    return ", ".join(parts) or "nothing"


def places(request: Mapping[str, float], node: Mapping[str, float]) -> int:
    """How many workers of that size a node can hold, others' use not counted."""
    if not request:
        return 1
    return min(int(node.get(name, 0.0) / amount + _ROUNDING) for name, amount in request.items())


def living(nodes: Iterable[Mapping[str, Any]]) -> list[dict[str, float]]:
    """What each living node has: CPU, GPU, memory and custom resources, as `ray.nodes()` says."""
    return [
        {
            name: amount
            for name, amount in node["Resources"].items()
            if not name.startswith(("node:", "object_store", "accelerator_type"))
        }
        for node in nodes
        if node["Alive"]
    ]


def cannot_hold(resources: Resources, nodes: Iterable[Mapping[str, float]]) -> str:
    """The message that no node has room for a worker. Ray itself would wait for ever."""
    listed = "; ".join(describe(node) for node in nodes) or "no living node"
    return (
        f"no node of the cluster can hold a worker of {resources}. Its nodes have: {listed}. "
        "Ask for less with --cpus, --gpus or --memory, or add a node"
    )
