"""A cluster of several raylets on this machine, as a process that is told what to add.

Usage: nodes.py NODES. It prints a line of JSON with the address and process numbers at the start,
and another after each line that it reads: "add" adds a node.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "num_gpus": 1, "object_store_memory": 100 * 2**20}
"""Its GPU is one in name only."""
WATCHFUL = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 3,
}
"""A lost node is noticed within seconds, as tests want it."""


def describe(cluster: Any) -> str:
    def number(node: Any, kind: str) -> int:
        return int(node.all_processes[kind][0].process.pid)

    return json.dumps(
        {
            "address": cluster.address,
            "head": number(cluster.head_node, "gcs_server"),
            "raylets": [number(node, "raylet") for node in cluster.worker_nodes],
        }
    )


def main(nodes: int) -> None:
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": WATCHFUL}
    cluster: Any = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(nodes):
        cluster.add_node(**NODE)
    print(describe(cluster), flush=True)
    for _ in sys.stdin:
        cluster.add_node(**NODE)
        print(describe(cluster), flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
