"""What a cluster can grow to (no cluster is needed, but for one that says so itself)."""

from pathlib import Path

import pytest
import yaml

from raytrain.cluster.autoscaling import Ceiling, NodeType, launcher_ceiling
from tests.commands import raytrain
from tests.ray.conftest import Cluster
from tests.support import write_job

CONFIG = {
    "max_workers": 4,
    "head_node_type": "head",
    "available_node_types": {
        "head": {"resources": {"CPU": 8}},
        "gpu": {"resources": {"CPU": 16, "GPU": 4, "memory": 64e9}, "max_workers": 2},
        "cpu": {"resources": {"CPU": 32}},
    },
}


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({"CPU": 1}, 8 + 4 * 32),
        ({"CPU": 8, "GPU": 1}, 2 * 2),
        ({"CPU": 4, "GPU": 1}, 2 * 4),
        ({"GPU": 0.5}, 2 * 8),
        ({"GPU": 0.2}, 2 * 20),
        ({"CPU": 33}, 0),
        # Ray adds no node for memory that its type does not list.
        ({"CPU": 16, "memory": 1e9}, 2),
        ({"CPU": 16, "memory": 1e12}, 0),
    ],
)
def test_the_best_nodes_up_to_the_most_are_counted(wanted: dict[str, float], fits: int) -> None:
    ceiling = launcher_ceiling(CONFIG)
    assert ceiling.nodes == 4
    assert ceiling.fits(wanted) == fits


def test_own_machines_of_unknown_size_may_be_large_enough_until_all_are_there() -> None:
    config = {
        "provider": {"type": "local"},
        "max_workers": 2,
        "head_node_type": "machine",
        "available_node_types": {"machine": {"resources": {}, "max_workers": 2}},
    }
    ceiling = launcher_ceiling(config)
    assert ceiling.fits({"CPU": 1}) == 0
    assert [ceiling.is_open(living) for living in (1, 2, 3)] == [True, True, False]
    assert not Ceiling((NodeType({"CPU": 2}, 1),), 1).is_open(1)


def test_what_the_autoscaler_cannot_bring_either_is_refused(
    cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "ray_bootstrap_config.yaml").write_text(yaml.safe_dump(CONFIG))
    job = write_job(tmp_path, tmp_path / "runs", resources={"cpus": 64})
    done = raytrain("train", job, env=cluster.env | {"HOME": str(tmp_path)})
    assert done.returncode == 1
    assert "1 worker(s) of 64 CPU" in done.stderr
    types = "4 x 32 CPU, 0 GPU; 2 x 16 CPU, 4 GPU, 59.6 GB"
    assert f"autoscaler can add at most 4 nodes to the head ({types}): 0 fit(s)" in done.stderr
    assert "no node whose type lists no `memory` among its `resources`" in done.stderr
