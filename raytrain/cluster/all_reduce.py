"""Test whether the nodes of a cluster can add up tensors with each other, as the workers of a group
do."""

import socket
from collections.abc import Collection
from datetime import timedelta

import ray
import torch
import torch.distributed as dist
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

TIMEOUT_S = 60.0
REMEDY = (
    "open all ports between the nodes to each other, and set NCCL_SOCKET_IFNAME (or "
    "GLOO_SOCKET_IFNAME) if they have several network interfaces"
)


def reduce_fault(ids: Collection[str]) -> str:
    """Let the nodes with these ids add up their ranks, with NCCL if all have GPUs, else with Gloo.
    Returns why the sum failed, with a remedy, or ""."""
    nodes = [node for node in ray.nodes() if node["NodeID"] in ids]
    backend = "nccl" if all(node["Resources"].get("GPU") for node in nodes) else "gloo"
    strategies = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
    port = ray.remote(_free_port).options(num_cpus=0, scheduling_strategy=strategies[0]).remote()
    address = nodes[0]["NodeManagerAddress"]
    total = ray.remote(_sum_of_ranks)
    sums = [
        total.options(num_cpus=0, max_retries=0, scheduling_strategy=strategy).remote(
            rank, len(nodes), backend, address, port
        )
        for rank, strategy in enumerate(strategies)
    ]
    try:
        found = ray.get(sums, timeout=2 * TIMEOUT_S)
    except (ray.exceptions.RayError, TimeoutError) as error:
        reason = str(error).strip().splitlines()[-1]
        return f"the nodes cannot add up tensors with {backend} ({reason}); {REMEDY}"
    right = len(nodes) * (len(nodes) - 1) / 2
    wrong = f"the nodes add up tensors with {backend}, but their sum is wrong; {REMEDY}"
    return "" if found == [right] * len(nodes) else wrong


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _sum_of_ranks(rank: int, world: int, backend: str, address: str, port: int) -> float:
    dist.init_process_group(
        backend,
        init_method=f"tcp://{address}:{port}",
        rank=rank,
        world_size=world,
        timeout=timedelta(seconds=TIMEOUT_S),
    )
    try:
        value = torch.tensor([float(rank)], device="cuda" if backend == "nccl" else "cpu")
        dist.all_reduce(value)
        return value.item()
    finally:
        dist.destroy_process_group()
