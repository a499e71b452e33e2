"""Check every node of a cluster before training, with one Ray task per node."""

import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raytrain.cluster.all_reduce import reduce_fault
from raytrain.cluster.reasons import reason_of
from raytrain.cluster.resources import Need
from raytrain.config.job import JobSpec, ResourcesSpec
from raytrain.config.storage import is_url
from raytrain.data.source import absolute
from raytrain.engine.node_facts import NodeFacts, node_facts
from raytrain.runs.messages import warn
from raytrain.runs.mirror import remove, send
from raytrain.runs.store import working_folder

ANSWER_S = 180.0
"""Seconds within which a node must answer; a new process imports torch first."""
SKEW_S = 30.0
"""Largest difference, in seconds, between two clocks, in addition to the time that the answer
took."""
LEAST_SHM_GB, LEAST_CACHE_GB = 0.5, 2.0


@dataclass(frozen=True)
class Node:
    """A node, the measurements on it, and its faults."""

    id: str
    """Ray's id of the node."""
    address: str
    facts: NodeFacts | None
    """What was measured on the node; None if it did not answer."""
    faults: tuple[str, ...]


def examine(job: JobSpec) -> list[Node]:
    """Return the nodes of the connected cluster: the driver's node, then the others by address.

    Raises OSError when the driver itself cannot write to the storage.
    """
    storage = Path(absolute(job.storage))
    if is_url(job.storage):
        storage = working_folder(job.storage) / ".doctor"
    data = None if is_url(job.competition.data) else Path(absolute(job.competition.data))
    storage.mkdir(parents=True, exist_ok=True)
    token = f".doctor-{uuid.uuid4().hex}"
    (storage / token).touch()
    send(storage / token)
    try:
        nodes = _measured(storage, token, data, job.resources)
    finally:
        remove(storage / token)
    fit = [node.id for node in nodes if not node.faults]
    if len(fit) > 1 and (fault := reduce_fault(fit)):
        nodes = [replace(node, faults=(fault,)) if node.id in fit else node for node in nodes]
    return nodes


def examined_need(job: JobSpec) -> Need:
    """Return what a worker needs, and the nodes to leave out because they cannot do the job.

    A single node is not examined. Raises ValueError with every fault of every node if the job
    refuses such nodes, or if no other node is there.
    """
    need = Need(**job.resources.model_dump())
    if len(need.nodes()) < 2:
        return need
    nodes = examine(job)
    lines, unfit = faults_of(nodes), tuple(node.id for node in nodes if node.faults)
    if unfit and (need.faulty_nodes == "refuse" or len(unfit) == len(nodes)):
        remedy = "; repair them, or set resources.faulty_nodes=leave_out to run on the others"
        raise ValueError(
            f"{len(unfit)} of {len(nodes)} nodes cannot do this job"
            f"{remedy if len(unfit) < len(nodes) else ''}\n  " + "\n  ".join(lines)
        )
    for line in lines:
        warn(f"no worker runs on {line}")
    return need.model_copy(update={"left_out": unfit})


def faults_of(nodes: list[Node]) -> list[str]:
    """Return one line per fault, which begins with the node's name."""
    return [f"{node.address}: {fault}" for node in nodes for fault in node.faults]


def _measured(storage: Path, token: str, data: Path | None, need: ResourcesSpec) -> list[Node]:
    own = ray.get_runtime_context().get_node_id()
    living = sorted(
        (node for node in ray.nodes() if node["Alive"]),
        # The versions of the first node count, and the driver runs on its own node's versions.
        key=lambda node: (node["NodeID"] != own, node["NodeManagerAddress"]),
    )
    remote, sent = ray.remote(node_facts), time.time()
    tasks = [
        remote.options(
            name="doctor", num_cpus=0, max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        ).remote(storage, token, data)
        for node in living
    ]  # fmt: skip
    ray.wait(tasks, num_returns=len(tasks), timeout=ANSWER_S)
    found: list[Node] = []
    first: NodeFacts | None = None
    for node, task in zip(living, tasks, strict=True):
        facts, faults = None, tuple[str, ...]()
        try:
            facts = ray.get(task, timeout=0)
        except ray.exceptions.GetTimeoutError:
            faults = (f"no answer within {ANSWER_S:g} s; look at its Ray logs",)
        except ray.exceptions.RayError as error:
            faults = (f"it cannot be examined: {reason_of(error)}; look at its Ray logs",)
        else:
            first, offered = first or facts, node["Resources"].get("GPU", 0)
            faults = node_faults(facts, first, offered, need, (sent, time.time()))
        found.append(Node(node["NodeID"], node["NodeManagerAddress"], facts, faults))
    return found


def node_faults(
    facts: NodeFacts,
    first: NodeFacts,
    gpus_offered: float,
    need: ResourcesSpec,
    asked_s: tuple[float, float],
) -> tuple[str, ...]:
    """Return the faults of a node, each with its remedy.

    `first` holds the versions that all nodes must have. `gpus_offered` is the number of GPUs that
    Ray offers on the node. `asked_s` are the driver's Unix times before the question and after the
    answer.
    """
    found = [
        (
            f"{name} {facts.versions[name]}, and {value} on {first.host}; use one container "
            "image for all nodes"
        )
        for name, value in first.versions.items()
        if facts.versions[name] != value
    ]
    if need.gpus and gpus_offered > len(facts.gpus):
        found.append(
            f"Ray offers {gpus_offered:g} GPUs, and torch sees {len(facts.gpus)}; install a driver "
            f"for CUDA {facts.versions['CUDA']}, and start the container with --gpus all"
        )
    if need.gpus and facts.gpu_fault:
        found.append(f"{facts.gpu_fault}; install a driver for CUDA {facts.versions['CUDA']}")
    if need.loaders and facts.shm_gb is not None and facts.shm_gb < LEAST_SHM_GB:
        found.append(
            f"/dev/shm has {facts.shm_gb:.2f} GB free, too little for resources.loaders; start the "
            "container with --shm-size=8g, or set resources.loaders=0"
        )
    if facts.cache_gb < LEAST_CACHE_GB:
        found.append(
            f"{facts.cache_gb:.1f} GB of disk are free for decoded images; free some, or set "
            "RAYTRAIN_CACHE to a larger disk"
        )
    remedy = "mount it on this node, or give the node access to it"
    if facts.storage_fault:
        found.append(f"the storage {facts.storage_fault}; {remedy}")
    if facts.data_fault:
        found.append(f"the data {facts.data_fault}; {remedy}")
    skew = max(asked_s[0] - facts.clock_s, facts.clock_s - asked_s[1])
    if skew > SKEW_S:
        found.append(f"its clock differs by {skew:.0f} s; start a time service (chrony, ntpd)")
    return tuple(found)
