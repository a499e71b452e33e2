"""The resources that a worker requests from Ray, and whether any node can ever provide them."""

from typing import Any

import ray
from ray.util.placement_group import NODE_ID_LABEL_KEY

from raytrain.cluster.autoscaling import ceiling, fitting
from raytrain.config.job import ResourcesSpec

GIB = 1024**3


class Need(ResourcesSpec):
    """The resources that one worker needs, and the nodes on which no worker may run."""

    left_out: tuple[str, ...] = ()
    """Ray's ids of the nodes on which no worker may run."""

    @property
    def selector(self) -> dict[str, str]:
        """The labels that Ray requires of a worker's node."""
        return {NODE_ID_LABEL_KEY: f"!in({','.join(self.left_out)})"} if self.left_out else {}

    def nodes(self) -> list[dict[str, float]]:
        """Return the resources of each live node on which workers may run."""
        return [
            node["Resources"]
            for node in ray.nodes()
            if node["Alive"] and node["NodeID"] not in self.left_out
        ]


def remote_options(need: Need) -> dict[str, Any]:
    """Return the options of a Ray task that runs one worker."""
    return {
        "num_cpus": need.cpus,
        "num_gpus": need.gpus,
        "memory": int(need.memory_gb * GIB),
        "label_selector": need.selector,
    }


def bundle(need: Need) -> dict[str, float]:
    """Return the resources of one worker as a bundle for Tune and Train, minus a byte for a
    `DRIVER`."""
    return {
        "CPU": need.cpus,
        "GPU": need.gpus,
        "memory": int(need.memory_gb * GIB) - 1,
    }


DRIVER: dict[str, float] = {"memory": 1}
"""Request of the process that starts the workers of a nested trial. Tune requires a request."""


def slots(need: Need) -> int:
    """Return how many workers with this need the live nodes can run at once."""
    wanted = {key: value for key, value in bundle(need).items() if value}
    return sum(
        min(fitting(node.get(key, 0), value) for key, value in wanted.items())
        for node in need.nodes()
    )


def places(need: Need) -> dict[str, int]:
    """Return how many workers the live nodes can run at once: by each resource alone, and by all
    resources together."""
    wanted = {key: value for key, value in bundle(need).items() if value}
    single = {
        key: sum(fitting(node.get(key, 0), value) for node in need.nodes())
        for key, value in wanted.items()
    }
    return {**single, "all on one node": slots(need)}


def reachable(need: Need) -> int:
    """Return how many workers can run at once after the autoscaler, if there is one, has added all
    nodes."""
    growth = ceiling()
    wanted = {key: value for key, value in bundle(need).items() if value}
    return max(slots(need), growth.fits(wanted) if growth else 0)


def refuse_impossible(need: Need, workers: int) -> None:
    """Raise ValueError when this number of workers can never run at once, neither on the live nodes
    nor on those that the autoscaler can add. Ray would wait forever, silently."""
    growth, living = ceiling(), need.nodes()
    if reachable(need) >= workers or (growth and growth.is_open(len(living))):
        return
    have = "; ".join(map(_text, living))
    if growth:
        types = "; ".join(f"{kind.count} x {_text(kind.resources)}" for kind in growth.types)
        have += (
            f". Its autoscaler can add at most {growth.nodes} nodes to the head ({types}): "
            f"{reachable(need)} fit(s)"
        )
        if not all("memory" in kind.resources for kind in growth.types):
            have += ". Ray adds no node whose type lists no `memory` among its `resources`"
    raise ValueError(
        f"resources: {workers} worker(s) of {need.cpus} CPU, {need.gpus:g} GPU and "
        f"{need.memory_gb:g} GB can never run at once; {slots(need)} fit(s). The live nodes have: "
        f"{have}; "
        "lower resources.cpus, .gpus, .memory_gb, search.workers or finalize.workers"
    )


def _text(resources: dict[str, float]) -> str:
    """Return the resources of a node as text. A node type may not list its memory."""
    memory = f", {resources['memory'] / GIB:.1f} GB" if "memory" in resources else ""
    return f"{resources.get('CPU', 0):g} CPU, {resources.get('GPU', 0):g} GPU{memory}"
