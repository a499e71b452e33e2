"""The size that the cluster can grow to, as far as its autoscaler says.

Managed clusters report it to Ray's control service. `ray up` leaves its configuration on the head
node, where the driver of a Ray job runs. KubeRay's configuration stays with its operator, so there
only the live nodes are known.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from raytrain.cluster.private import cluster_config

BOOTSTRAP = "~/ray_bootstrap_config.yaml"


@dataclass(frozen=True)
class NodeType:
    """A type of node that the autoscaler may start."""

    resources: dict[str, float]
    count: int
    """Largest number of such nodes."""


@dataclass(frozen=True)
class Ceiling:
    """The largest size that a cluster can grow to."""

    types: tuple[NodeType, ...]
    nodes: int
    """Largest number of nodes of all types together."""

    def fits(self, wanted: dict[str, float]) -> int:
        """Return the number of bundles of these resources that would fit."""
        left, found = self.nodes, 0
        each = [(_on_one(kind.resources, wanted), kind.count) for kind in self.types]
        for on_one, count in sorted(each, reverse=True):
            taken = min(left, count)
            left, found = left - taken, found + taken * on_one
        return found


def ceiling() -> Ceiling | None:
    """Return the ceiling of the connected cluster; None if it is unknown."""
    path = Path(BOOTSTRAP).expanduser()
    found = _managed()
    if found is None and path.is_file():
        found = bootstrap_ceiling(yaml.safe_load(path.read_text()))
    return found


def bootstrap_ceiling(config: dict[str, Any]) -> Ceiling | None:
    """Return the ceiling of a `ray up` configuration, including the head node."""
    head = config.get("head_node_type")
    limit = int(config.get("max_workers", 2))
    types = [
        NodeType(kind["resources"], 1 if name == head else int(kind.get("max_workers", limit)))
        for name, kind in config.get("available_node_types", {}).items()
        if kind.get("resources")
    ]
    return Ceiling(tuple(types), limit + 1) if types else None


def _managed() -> Ceiling | None:
    config = cluster_config()
    if config is None or not config.node_group_configs:
        return None
    endless = 1_000_000
    types = [
        NodeType(dict(group.resources), endless if group.max_count < 0 else group.max_count)
        for group in config.node_group_configs
    ]
    return Ceiling(tuple(types), sum(kind.count for kind in types))


def _on_one(resources: dict[str, float], wanted: dict[str, float]) -> int:
    # Memory is rarely declared: each node determines its own when it starts.
    known = [key for key in wanted if key != "memory" or key in resources]
    return min(int(resources.get(key, 0) // wanted[key]) for key in known)
