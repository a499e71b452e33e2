"""What a worker asks of Ray, and whether any node could ever give it."""

from typing import Any

import ray

from raytrain.cluster.autoscaling import ceiling
from raytrain.config.job import ResourcesSpec

GIB = 1024**3
UNITS = 10_000
"""Ray's, of one of a resource."""


def remote_options(need: ResourcesSpec) -> dict[str, Any]:
    """Options of a Ray task that runs one worker."""
    return {
        "num_cpus": need.cpus,
        "num_gpus": need.gpus,
        "memory": int(need.memory_gb * GIB),
    }


def bundle(need: ResourcesSpec) -> dict[str, float]:
    """The same as a resource bundle for Tune and Train, less a byte for a `DRIVER`."""
    return {
        "CPU": need.cpus,
        "GPU": need.gpus,
        "memory": int(need.memory_gb * GIB) - 1,
    }


DRIVER: dict[str, float] = {"memory": 1}
"""What starts a nested trial's workers and waits for them; Tune wants it to ask for something."""


def fitting(have: float, each: float) -> int:
    """How many of `each` there are in what a node has; Ray counts in ten-thousandths, so that five
    of .2 fill a GPU, though 1 // .2 is 4."""
    return round(have * UNITS) // max(1, round(each * UNITS))


def slots(need: ResourcesSpec) -> int:
    """How many of these workers the live nodes can run at once."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    wanted = {key: value for key, value in bundle(need).items() if value}
    return sum(
        min(fitting(node.get(key, 0), value) for key, value in wanted.items()) for node in nodes
    )


def places(need: ResourcesSpec) -> dict[str, int]:
    """The same by each resource alone, node by node, and by all of them together."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    wanted = {key: value for key, value in bundle(need).items() if value}
    single = {
        key: sum(fitting(node.get(key, 0), value) for node in nodes)
        for key, value in wanted.items()
    }
    return {**single, "all on one node": slots(need)}


def reachable(need: ResourcesSpec) -> int:
    """How many there can be at once when the autoscaler, if there is one, brings all it may."""
    growth = ceiling()
    wanted = {key: value for key, value in bundle(need).items() if value}
    return max(slots(need), growth.fits(wanted) if growth else 0)


def refuse_impossible(need: ResourcesSpec, workers: int) -> None:
    """Raises ValueError when `workers` of these can never run at once: not on the live nodes, nor
    on what the autoscaler can bring. Ray would wait for ever, silently.
    """
    if reachable(need) >= workers:
        return
    have = "; ".join(_told(node["Resources"]) for node in ray.nodes() if node["Alive"])
    if growth := ceiling():
        types = "; ".join(f"{kind.count} x {_told(kind.resources)}" for kind in growth.types)
        have += (
            f". Its autoscaler can bring at most {growth.nodes} nodes ({types}): "
            f"{reachable(need)} fit(s)"
        )
    raise ValueError(
        f"resources: {workers} worker(s) of {need.cpus} CPU, {need.gpus:g} GPU and "
        f"{need.memory_gb:g} GB can never run at once; {slots(need)} fit(s). The live nodes have: "
        f"{have}. "
        "Lower resources.cpus, .gpus, .memory_gb, search.workers or finalize.workers"
    )


def _told(resources: dict[str, float]) -> str:
    """What a node has; a type of nodes seldom declares its memory."""
    memory = f", {resources['memory'] / GIB:.1f} GB" if "memory" in resources else ""
    return f"{resources.get('CPU', 0):g} CPU, {resources.get('GPU', 0):g} GPU{memory}"
