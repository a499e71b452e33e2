"""A node that promises a GPU which torch cannot use: its worker refuses, and says why."""

import platform
from pathlib import Path

from tests.commands import raytrain
from tests.ray.conftest import started
from tests.support import run_folder, write_job

PROMISED = {
    "RAY_OVERRIDE_RESOURCES": '{"GPU": 1}',
    "RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES": "1",
    "CUDA_VISIBLE_DEVICES": "99",
}


def test_a_worker_without_its_gpu_refuses_and_names_its_node(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs", resources={"gpus": 1})
    (tmp_path / "ray").mkdir()
    with started(tmp_path / "ray", PROMISED) as cluster:
        done = raytrain("train", job, env=cluster.env | PROMISED)
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert f"resources.gpus: 1 asked for, and {platform.node()} has none that torch can use" in said
    assert "Traceback" not in said
    assert not [*run_folder(tmp_path / "runs").glob("trials/*/checkpoints/*.pt")]
