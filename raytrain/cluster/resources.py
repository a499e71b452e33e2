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
    """The same as a resource bundle for Tune and Train."""
    return {
        "CPU": need.cpus,
        "GPU": need.gpus,
        "memory": int(need.memory_gb * GIB),
    }


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


def refuse_impossible(need: ResourcesSpec, workers: int) -> None:
    """Raises ValueError when `workers` of these can never run at once: not on the live nodes, nor
    on what the autoscaler can bring. Ray would wait for ever, silently.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fits = slots(need)
    growth = ceiling()
    wanted = {key: value for key, value in bundle(need).items() if value}
    grown = growth.fits(wanted) if growth else 0
    if max(fits, grown) >= workers:
        return
    have = "; ".join(_told(node) for node in nodes)
    if growth:
        types = "; ".join(f"{kind.count} x {_told(kind.resources)}" for kind in growth.types)
        have += f". Its autoscaler can bring at most {growth.nodes} nodes ({types}): {grown} fit(s)"
    raise ValueError(
        f"resources: {workers} worker(s) of {need.cpus} CPU, {need.gpus:g} GPU and "
        f"{need.memory_gb:g} GB can never run at once; {fits} fit(s). The live nodes have: {have}. "
        "Lower resources.cpus, .gpus, .memory_gb or finalize.workers"
    )


def _told(resources: dict[str, float]) -> str:
    """What a node has; a type of nodes seldom declares its memory."""
    memory = f", {resources['memory'] / GIB:.1f} GB" if "memory" in resources else ""
    return f"{resources.get('CPU', 0):g} CPU, {resources.get('GPU', 0):g} GPU{memory}"
