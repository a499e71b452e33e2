"""A node that promises a GPU which torch cannot use: its worker refuses, and says why."""

import platform
from pathlib import Path

from tests.commands import raytrain
from tests.ray.conftest import PROMISED, Cluster
from tests.support import run_folder, write_job


def test_a_worker_without_its_gpu_refuses_and_names_its_node(
    cluster: Cluster, tmp_path: Path
) -> None:
    job = write_job(tmp_path, tmp_path / "runs", resources={"gpus": 1})
    done = raytrain("train", job, env=cluster.env | PROMISED)
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert f"resources.gpus: 1 requested, but {platform.node()} has none that torch can use" in said
    assert "Traceback" not in said
    assert not [*run_folder(tmp_path / "runs").glob("trials/*/checkpoints/*.pt")]
