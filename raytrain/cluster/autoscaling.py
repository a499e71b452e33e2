"""The size to which the cluster can grow, as far as the autoscaler reports it.

Managed clusters report it to Ray's control service. `ray up` leaves its configuration on the head
node, where the driver of a Ray job runs. KubeRay's is in the RayCluster, which the head's pod may
read.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from raytrain.cluster.private import cluster_config, kuberay_config

BOOTSTRAP = "~/ray_bootstrap_config.yaml"
ENDLESS, PLENTY = 1_000_000, 2.0**50
UNITS = 10_000
"""Number of Ray's units in one whole CPU or GPU. Ray counts fractions of a resource in these
units."""


@dataclass(frozen=True)
class NodeType:
    """A type of node that the autoscaler may start."""

    resources: dict[str, float]
    """Name of a resource, as in Ray -> the amount on a node of this type. Empty if it is known only
    after the node has started, as for a cluster of one's own machines. Ray starts no node for a
    request that names a resource, such as memory, that is missing here."""
    count: int
    """Largest number of nodes of this type."""


@dataclass(frozen=True)
class Ceiling:
    """The largest size that a cluster can grow to."""

    types: tuple[NodeType, ...]
    nodes: int
    """Largest number of nodes of all types together, beside the head."""
    head: NodeType | None = None

    def fits(self, wanted: dict[str, float]) -> int:
        """Return the number of bundles of these resources that would fit."""
        left = self.nodes
        found = _on_one(self.head, wanted) if self.head else 0
        each = [(_on_one(kind, wanted), kind.count) for kind in self.types]
        for on_one, count in sorted(each, reverse=True):
            taken = min(left, count)
            left, found = left - taken, found + taken * on_one
        return found

    def is_open(self, living: int) -> bool:
        """Return whether nodes of unknown size may still join this number of living ones."""
        return living <= self.nodes and not all(kind.resources for kind in self.types)


def ceiling() -> Ceiling | None:
    """Return the ceiling of the connected cluster; None if the ceiling is unknown."""
    path = Path(BOOTSTRAP).expanduser()
    found = _managed()
    if found is None:
        config = yaml.safe_load(path.read_text()) if path.is_file() else kuberay_config()
        found = None if config is None else launcher_ceiling(config)
    return found


def launcher_ceiling(config: dict[str, Any]) -> Ceiling:
    """Return the ceiling of a configuration of Ray's autoscaler, from `ray up` or KubeRay."""
    kinds: dict[str, dict[str, Any]] = {**config["available_node_types"]}
    limit = int(config.get("max_workers", 2))
    # On own machines, the head is of the workers' type.
    own = config.get("provider", {}).get("type") == "local"
    head = None
    if not own:
        head = NodeType(kinds.pop(config["head_node_type"]).get("resources", {}), 1)
    types = [
        NodeType(kind.get("resources", {}), int(kind.get("max_workers", limit)))
        for kind in kinds.values()
    ]
    return Ceiling(tuple(types), limit, head)


def _managed() -> Ceiling | None:
    config = cluster_config()
    if config is None or not config.node_group_configs:
        return None
    types = [
        # Each node determines its own memory when it starts.
        NodeType(
            {"memory": PLENTY, **group.resources},
            ENDLESS if group.max_count < 0 else group.max_count,
        )
        for group in config.node_group_configs
    ]
    return Ceiling(tuple(types), sum(kind.count for kind in types))


def fitting(have: float, each: float) -> int:
    """Return how many of `each` fit into `have`. Ray counts in ten-thousandths, so five times .2
    fill a GPU, although 1 // .2 is 4."""
    return round(have * UNITS) // max(1, round(each * UNITS))


def _on_one(kind: NodeType, wanted: dict[str, float]) -> int:
    return min(fitting(kind.resources.get(key, 0), each) for key, each in wanted.items())
